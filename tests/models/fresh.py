"""Fresh parameters, compiled quickly: LLVM spends seconds on an initialisation that runs once."""

import jax

from sweep.models import functional
from sweep.models.shape import Shape


def fresh(shape: Shape, seed: int = 0) -> dict:
    """Parameters of `shape` from `seed`."""
    made = jax.jit(lambda key: functional.init(shape, key), compiler_options={"xla_backend_optimization_level": 0})
    return made(jax.random.key(seed))
