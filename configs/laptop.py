"""The demo: isoFLOP families of byte-level transformers on the Python standard library's own sources.

Shows: the whole way from a budget to a fitted law and a scored forecast, in minutes, without a GPU or a download.
Cannot show: anything about language models at scale. The largest model here has some twenty thousand parameters.

Expected: valleys near 4,000, 6,500 and 12,000 parameters at 3e10, 1e11 and 3e11 FLOPs, losses near 2.5, 2.3 and 2.1
    nats/byte (estimates, from a pilot without trunks or tuned batches).
Time: under 5 minutes (estimate). Hardware: 2 CPU cores, 3 GB of memory.

    sweep run configs/laptop.py --out runs/laptop
"""

from sweep.config import Architecture, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="laptop",
    budgets=(1.5e10, 4.5e10, 1.35e11),
    target_compute=4.5e11,
    sizes=6,
    span=3.0,
    data=Data(path="python:stdlib", tokenizer="byte"),
    architecture=Architecture(seq_len=128),
    recipe=Recipe(width_step=4, aspect=32.0, min_depth=2, min_heads=2, head_dim=32, batch_tokens=256, lr=0.03),
    prior=Prior(E=1.208, A=61.5, B=45.75, alpha=0.532, beta=0.354, noise=0.015, source="an earlier run of this config"),
)
