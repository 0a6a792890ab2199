"""One GPU: isoFLOP families of 1M to 50M parameters on the sources of all installed packages.

Shows: a law at sizes where a GPU is worth having, with bfloat16 compute and cuDNN attention.
Mind the data: the installed packages hold tens to hundreds of millions of tokens, so the longest horizons pass over the
text several times; `sweep preview` tells the epochs. For a law of unrepeated data, and hours of GPU instead of half an
hour, build a corpus of your own (`sweep data build FILES... --tokenizer bpe:8192 --out corpus/`), raise the budgets:
--data.path corpus/ --data.no-allow-repeat --budgets 1e16 3e16 1e17 3e17.

Expected: valleys near 2M, 4M, 8M and 13M parameters at 1e15, 3e15, 1e16 and 3e16 FLOPs (estimates, from the prior).
Time: half an hour (estimate, at 15 percent of the peak); 4 hours with the larger budgets. Hardware: one H100 or H200.

    sweep preview configs/gpu.py
    sweep run configs/gpu.py --out runs/gpu
"""

from sweep.config import Architecture, Checkpoint, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="gpu",
    budgets=(1e15, 3e15, 1e16, 3e16),
    sizes=6,
    span=3.0,
    data=Data(path="python:site", tokenizer="bpe:8192", val_fraction=0.01, val_tokens=1_048_576, allow_repeat=True),
    architecture=Architecture(seq_len=512, tied=False),
    recipe=Recipe(
        width_step=64,
        aspect=64.0,
        head_dim=64,
        ffn_step=64,
        batch_tokens=32_768,
        batch_params=1e7,
        batch_exponent=0.33,
        lr=4e-3,
        lr_width=256,
        lr_batch=32_768,
        beta2=0.95,
    ),
    prior=Prior(),  # English text at larger scale: replace it by the fit of a first, small run
    checkpoint=Checkpoint(minutes=5.0),
)
