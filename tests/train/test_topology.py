"""The order of devices: neighbours side by side, on slices by their coordinates; and meshes that follow it."""

import itertools
import math
import random
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from sweep.train.ahead.targets import target
from sweep.train.sharding import laid_out, make_mesh
from sweep.train.topology import by_host
from tests.tpu import needs_libtpu


@dataclass(frozen=True)
class Fake:
    id: int
    process_index: int
    coords: tuple[int, ...] | None = None
    core_on_chip: int = 0
    slice_index: int | None = None
    platform: str = "tpu"
    device_kind: str = "TPU v5"


def torus(sides: tuple[int, int, int], host: tuple[int, int, int] = (2, 2, 1), slice_index: int = 0) -> list[Fake]:
    """Chips of a slice, numbered and given to hosts in the order of x, then y, then z."""
    counts = [n // h for n, h in zip(sides, host, strict=True)]
    made = []
    for i, (z, y, x) in enumerate(itertools.product(*(range(n) for n in reversed(sides)))):
        hx, hy, hz = (c // h for c, h in zip((x, y, z), host, strict=True))
        number = hx + counts[0] * (hy + counts[1] * hz) + slice_index * math.prod(counts)
        made.append(Fake(i + slice_index * math.prod(sides), number, (x, y, z), slice_index=slice_index))
    return made


def is_box(devices: list) -> bool:
    spread = [{d.coords[axis] for d in devices} for axis in range(len(devices[0].coords))]
    lengths = [max(s) - min(s) + 1 for s in spread]
    return math.prod(lengths) == len({tuple(d.coords) for d in devices})


def runs(devices: list, size: int) -> list[list]:
    return [devices[first : first + size] for first in range(0, len(devices) - size + 1, size)]


@pytest.mark.parametrize(
    ("sides", "host"),
    [
        ((4, 4, 4), (2, 2, 1)),
        ((16, 16, 1), (2, 2, 1)),
        ((8, 8, 1), (2, 2, 1)),
        ((8, 16, 1), (2, 2, 1)),
        ((4, 8, 8), (2, 2, 1)),
        ((4, 4, 12), (2, 2, 1)),
        ((16, 16, 1), (4, 2, 1)),
    ],
)
def test_a_run_of_a_power_of_two_of_hosts_is_a_box(sides, host):
    made = torus(sides, host)
    ordered = by_host(random.Random(1).sample(made, len(made)))
    assert ordered == by_host(made)
    assert sorted(d.id for d in ordered) == [d.id for d in made]
    a_host = math.prod(host)
    assert all(len({d.process_index for d in run}) == 1 for run in runs(ordered, a_host))
    size = a_host
    while size <= len(ordered):
        assert all(is_box(run) for run in runs(ordered, size))
        size *= 2


def test_a_box_is_as_near_a_cube_as_halving_makes_it():
    """Eight chips of a v5p are 2x2x2, not 2x2x2 minus a corner or a line."""
    ordered = by_host(torus((4, 4, 4)))
    assert sorted(d.coords for d in ordered[:8]) == list(itertools.product((0, 1), repeat=3))


def test_slices_follow_one_another():
    made = torus((4, 4, 4), slice_index=1) + torus((4, 4, 4))
    ordered = by_host(made)
    assert [d.slice_index for d in ordered] == [0] * 64 + [1] * 64
    assert all(is_box(run) for run in runs(ordered, 16))


def test_devices_without_coordinates_go_by_process():
    made = [Fake(10 * p + i, p, platform="gpu", device_kind="NVIDIA H100") for p in range(3) for i in range(8)]
    assert by_host(random.Random(0).sample(made, 24)) == made
    assert by_host(jax.devices()) == jax.devices()


@pytest.mark.parametrize(("trial", "data"), [(16, 1), (8, 2), (4, 4), (2, 8)])
def test_a_trial_stays_inside_of_a_host(trial, data):
    """Two hosts of eight GPUs."""
    made = [Fake(8 * p + i, p, platform="gpu", device_kind="NVIDIA H100") for p in range(2) for i in range(8)]
    rows = laid_out(made, trial)
    assert rows.shape == (trial, data)
    assert all(len({d.process_index for d in row}) == 1 for row in rows)


@pytest.mark.parametrize(("trial", "slices"), [(8, 1), (4, 1), (2, 1), (1, 2)])
def test_a_trial_stays_inside_of_a_slice(trial, slices):
    """Two slices of 64 chips; one trial on all of them has to cross."""
    made = by_host(torus((4, 4, 4), slice_index=1) + torus((4, 4, 4)))
    rows = laid_out(made, trial)
    assert rows.shape == (trial, 128 // trial)
    assert {d.id for d in rows.flat} == set(range(128))
    assert {len({d.slice_index for d in row}) for row in rows} == {slices}


@needs_libtpu
@pytest.mark.parametrize("name", ["v5p:4x4x4", "v5e:16x16", "v6e:8x8", "tpu7x:4x4x4"])
def test_groups_of_a_slice_are_boxes(name):
    to = target(name)
    devices, a_host = list(to.devices), len(to.devices) // to.hosts
    assert to.hosts == (64 if name == "v5e:16x16" else 16)
    for hosts in (1, 2, 4, 8):
        assert all(is_box(run) for run in runs(devices, hosts * a_host))


@needs_libtpu
@pytest.mark.parametrize("name", ["v5p:4x4x4", "v5e:16x16", "v6e:8x8"])
@pytest.mark.parametrize(("hosts", "trial"), [(1, 1), (2, 2), (4, 1), (8, 4)])
def test_a_program_compiles_for_a_group_of_hosts(name, hosts, trial):
    """A sum over the devices of a trial, on the second group; the first of v5e and v6e see docs/limits.md."""
    group = runs(list(target(name).devices), 4 * hosts)[1]
    mesh = make_mesh(group, trial)
    assert set(mesh.devices.flat) == set(group)

    def product(x):
        return jax.lax.psum(x @ x.T, "data")

    sharded = jax.shard_map(product, mesh=mesh, in_specs=P("trial", "data"), out_specs=P("trial"))
    x = jax.ShapeDtypeStruct((8 * trial, 1024), jnp.float32, sharding=NamedSharding(mesh, P("trial", "data")))
    assert "all-reduce" in (jax.jit(sharded).lower(x).compile().as_text() or "")
