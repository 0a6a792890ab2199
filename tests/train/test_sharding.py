"""Where arrays live."""

import jax
import pytest
from jax.sharding import PartitionSpec as P

from sweep.train.sharding import SHARD_FROM, fsdp_spec, make_mesh


@pytest.mark.parametrize("trial", [1, 2, 4, 8])
def test_mesh(trial):
    mesh = make_mesh(jax.devices(), trial)
    assert dict(mesh.shape) == {"trial": trial, "data": 8 // trial}


@pytest.mark.parametrize(
    ("dims", "data", "spec"),
    [
        ((4, 512, 1024), 8, P("trial", None, "data")),
        ((4, 1024, 512), 8, P("trial", "data", None)),
        ((4, 1021, 512), 8, P("trial", None, "data")),  # the largest that divides
        ((4, 1021, 509), 8, P("trial")),
        ((4, 512, 1024), 1, P("trial")),
        ((4, 16, 16), 8, P("trial")),  # too small to gather
        ((1_000_000, 16, 16), 8, P("trial")),  # many trials do not make one large
        ((4,), 8, P("trial")),
    ],
)
def test_the_largest_dimension_that_divides(dims, data, spec):
    assert fsdp_spec(dims, data) == spec


def test_threshold():
    assert fsdp_spec((1, SHARD_FROM), 2) == P("trial", "data")
    assert fsdp_spec((1, SHARD_FROM - 2), 2) == P("trial")
