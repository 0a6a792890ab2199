"""The demo: isoFLOP families of byte-level transformers on the Python standard library's own sources.

Shows: the whole way from a budget to a fitted law and a scored forecast, in minutes, without a GPU or a download.
Cannot show: anything about language models at scale. The largest model here has ninety thousand parameters.

Expected: (measured, Python 3.11.7's library) valleys near 10k, 19k and 30k parameters at 1.5e10, 4.5e10 and 1.35e11
    FLOPs, least losses 2.266, 2.051 and 1.851 nats/byte; `sweep demo` then forecasts 1.731 [1.647, 1.781] for 4.5e11
    FLOPs and finds 1.670. Other interpreters have other sources and other figures.
Time: 1.5 minutes with `sweep demo` (1:19 measured, nothing cached). Hardware: 2 CPU cores (AMD EPYC), 1.6 GB of memory.

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
