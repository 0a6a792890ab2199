"""A TPU slice for days: isoFLOP families of 30M to 3B parameters on a corpus of your own. Operators: docs/pods.md.

Shows: a law at the scale where published ones were measured, with splash attention and large cohorts of one.
Needs a corpus: `sweep data build FILES... --tokenizer bpe:32768 --out corpus/`, of 54 billion tokens or more for the
longest horizon; a smaller one is refused unless --data.allow-repeat. Every host reads it from the same path, best from
a disk of its own; --out is one place that all hosts see: a bucket, or a shared folder.

Widths are multiples of 256: every size has heads of exactly 128 and two queries a key, and up to 256 devices divide its
large arrays. Sequences have 2,048 tokens; a batch is 262,144 tokens at 100M parameters and grows as the size's root.

Expected: valleys near 80M, 140M, 260M, 460M and 850M parameters at 1e18 to 1e20 FLOPs (estimates, from the prior);
    expected sd at 1e21 FLOPs: alpha 0.030, beta 0.022, N* x1.13, loss 0.017.
Time: 8e20 FLOPs; at 40 percent of the peak 20 hours on a v5p 4x4x4, 10 on a v6e 8x8, 13 on a v5e 16x16 (estimates).
Hardware: one TPU slice of any number of hosts. By the compilers every size fits these three. No slice has run it;
    several hosts have only been processes of one machine.

    sweep preview configs/pod.py --topology v5p:4x4x4 --hosts 16 --assume-tokens 6e10 --assume-vocab 32768 --price 4.2
    sweep preview configs/pod.py --compile v5p:4x4x4 --assume-tokens 6e10 --assume-vocab 32768 --price 4.2
    sweep run configs/pod.py --data.path corpus/ --out gs://BUCKET/runs/pod     # the same line on every host
"""

from sweep.config import Architecture, Checkpoint, Data, Recipe, Sweep

SWEEP = Sweep(
    name="pod",
    budgets=(1e18, 3e18, 1e19, 3e19, 1e20),
    sizes=8,
    span=4.5,
    data=Data(path="corpus", val_tokens=4_194_304),
    architecture=Architecture(seq_len=2048, queries_per_kv=2, tied=False),
    recipe=Recipe(
        width_step=256,
        aspect=100.0,
        head_dim=128,
        ffn_step=128,
        batch_tokens=262_144,
        batch_params=1e8,
        batch_exponent=0.5,
        lr=2e-3,
        lr_width=1024,
        lr_batch=262_144,
    ),
    checkpoint=Checkpoint(minutes=10.0, keep=3),  # what a lost host costs at most; 12 bytes a parameter, trial and copy
)
