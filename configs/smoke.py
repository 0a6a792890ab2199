"""The smallest sweep that goes all the way: two budgets of tiny models, for checks and for breaking on purpose.

Shows: that a machine can design, train, resume and fit. Its numbers mean nothing.

Expected: (measured, Python 3.11.7's library) every trial done, losses between 2.32 and 2.62 nats/byte, least ones 2.560
    and 2.320 at 1e9 and 4e9 FLOPs.
Time: 29 s measured, nothing cached. Hardware: 2 CPU cores (AMD EPYC), 2 GB of memory.

    sweep run configs/smoke.py --out runs/smoke
"""

from sweep.config import Architecture, Data, Prior, Recipe, Sweep

SWEEP = Sweep(
    name="smoke",
    budgets=(1e9, 4e9),
    sizes=4,
    span=3.0,
    curve_points=4,
    data=Data(path="python:stdlib", tokenizer="byte", max_bytes=4_000_000, val_tokens=16_384),
    architecture=Architecture(seq_len=64),
    recipe=Recipe(width_step=4, aspect=32.0, head_dim=16, batch_tokens=256, lr=0.03),
    prior=Prior(E=1.2, A=14.7, B=79.3, alpha=0.36, beta=0.40, noise=0.01, source="pilot"),
)
