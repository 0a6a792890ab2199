"""Where the arrays of a cohort live on a mesh (trial, data)."""

import jax
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P

SHARD_FROM = 2**16  # elements of one trial's array; smaller ones cost more to gather than to keep


def make_mesh(devices: list, trial: int) -> Mesh:
    """A (trial, data) mesh over `devices`; both axes automatic outside shard_map (jax >= 0.9 defaults to explicit)."""
    sizes = (trial, len(devices) // trial)
    return jax.make_mesh(sizes, ("trial", "data"), axis_types=(AxisType.Auto, AxisType.Auto), devices=devices)


def fsdp_spec(dims: tuple[int, ...], data: int) -> P:
    """Spec of one stacked array [T, ...]: trials over `trial`; the largest dimension that divides over `data`.

    Fully sharded data parallelism as a rule of one line (ZeRO stage 3, Rajbhandari et al. 2020, arXiv 1910.02054).
    """
    size = 1
    for d in dims[1:]:
        size *= d
    fits = [axis for axis in range(1, len(dims)) if dims[axis] % data == 0]
    if data == 1 or size < SHARD_FROM or not fits:
        return P("trial")
    axis = max(fits, key=lambda a: dims[a])
    return P("trial", *("data" if a == axis else None for a in range(1, len(dims))))
