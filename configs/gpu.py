"""One GPU for some hours: isoFLOP families of 3M to 150M parameters on the sources of all installed packages.

Shows: a law at sizes where a GPU is worth having, with bfloat16 compute and cuDNN attention.
Mind the data: the installed packages hold tens to hundreds of millions of tokens, so on them the longest horizons pass
over the text several times; `sweep preview` tells the epochs. For a law of unrepeated data, build a corpus of your own
(`sweep data build FILES... --tokenizer bpe:8192 --out corpus/`) and pass --data.path corpus/ --data.no-allow-repeat.

Expected: valleys near 8M, 14M, 25M and 43M parameters at 1e16, 3e16, 1e17 and 3e17 FLOPs (estimates, from the prior).
Time: 4 hours (estimate, at 15 percent of the peak). Hardware: one H100 or H200.

    sweep preview configs/gpu.py
    sweep run configs/gpu.py --out runs/gpu
"""

from sweep.config import Architecture, Checkpoint, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="gpu",
    budgets=(1e16, 3e16, 1e17, 3e17),
    sizes=6,
    span=4.0,
    data=Data(path="python:site", tokenizer="bpe:8192", val_fraction=0.01, val_tokens=1_048_576, allow_repeat=True),
    architecture=Architecture(seq_len=512),
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
