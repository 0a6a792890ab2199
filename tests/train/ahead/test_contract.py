"""What must hold on TPUs, asked of their own compiler: every kernel, every shape of configs/pod.py on its mesh.

Whole cohorts are compiled in test_compile.py. Here are attention alone, and programs that are lowered and not compiled:
that is where a kernel or a mesh is refused.
"""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from sweep.configs import pod
from sweep.design import families
from sweep.design.cohorts import cohorts
from sweep.design.placement import place
from sweep.models import attention, counting
from sweep.models.shape import Shape
from sweep.train import program
from sweep.train.ahead import gpus, planned
from sweep.train.ahead.targets import compiling, target
from sweep.train.effort import QUICK
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh
from tests.tpu import needs_libtpu

CORPUS = planned.Corpus(60_000_000_000, pod.SWEEP.data.val_tokens)


def places(devices: int, memory: int | None):
    plan = families.plan(pod.SWEEP, vocab=32_768, data="assumed", unique_tokens=CORPUS.tokens, platform="tpu")
    return place(cohorts(plan.trials), devices, "tpu", memory).places


@needs_libtpu
@pytest.mark.parametrize("trial", [4, 1])
def test_branching_holds_one_row_beside_the_states(trial):
    """Eight rows on eight chips: the states stay where they are, and rows travel one at a time."""
    to: Any = target("v5e:2x4")
    shape = Shape(256, width=256, depth=2, heads=4, kv_heads=4, head_dim=64, ffn=512, seq_len=256, batch=16)
    mesh = make_mesh(list(to.devices), trial)
    machine = planned.machine_of(shape, mesh, Execution("map"), planned.Corpus(10**5, 4096))
    with compiling(to):
        memory: Any = machine.branching(8).memory_analysis()
    row = machine.state_bytes(8) / (8 / trial)
    assert memory.alias_size_in_bytes >= machine.state_bytes(8)
    assert memory.temp_size_in_bytes < 1.5 * row


@needs_libtpu
@pytest.mark.parametrize("head_dim", [64, 128])
@pytest.mark.parametrize("name", ["v5e:2x4", "v5p:2x2x1", "v6e:2x4", "tpu7x:2x2x1"])
def test_splash_and_its_gradient_compile(name, head_dim):
    """Grouped keys, on each device's own rows, without a collective."""
    to: Any = target(name)
    mesh = make_mesh(list(to.devices), 2)
    assert attention.choose("tpu", "bfloat16", 4, head_dim, 1024).implementation == "splash"

    def step(q, k, v):
        def loss(*x):
            return jnp.sin(attention.attend(*x, implementation="splash").astype(jnp.float32)).sum()

        return jax.grad(loss, argnums=(0, 1, 2))(q, k, v)

    spec = P(("trial", "data"))
    sharded = jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    given = [
        jax.ShapeDtypeStruct(
            (len(to.devices) * 2, 1024, heads, head_dim), jnp.bfloat16, sharding=NamedSharding(mesh, spec)
        )
        for heads in (4, 2, 2)
    ]
    with compiling(to):
        text = jax.jit(sharded).lower(*given).compile(compiler_options=QUICK["accelerator"]).as_text() or ""
    assert "tpu_custom_call" in text
    assert not [kind for kind in ("all-reduce", "all-gather", "all-to-all", "collective-permute") if kind in text]


def test_cudnn_takes_all_rows_of_a_device_in_one_call_a_layer():
    """Under vmap rows fold into the batch; lowered for CUDA, which needs neither a GPU nor its packages."""

    def one(q, k, v):
        def loss(*x):
            return jnp.sin(attention.attend(*x, implementation="cudnn").astype(jnp.float32)).sum()

        return jax.grad(loss, argnums=(0, 1, 2))(q, k, v)

    given = [jax.ShapeDtypeStruct((3, 4, 512, heads, 64), jnp.bfloat16) for heads in (8, 4, 4)]
    with gpus.pretend_cudnn("9.0"):
        text = jax.jit(jax.vmap(one)).trace(*given).lower(lowering_platforms=("cuda",)).as_text()
    calls = [line for line in text.splitlines() if "__cudnn$fmha" in line]
    assert len(calls) == 2  # forward and backward
    assert all("12x512x8x64" in line.replace("tensor<", "") for line in calls)


@needs_libtpu
@pytest.mark.parametrize("name", ["v5p:4x4x4", "v5e:16x16", "v6e:8x8"])
def test_every_shape_of_the_pod_lowers_on_its_mesh(name):
    to = target(name)
    found = places(len(to.devices), to.limit)
    assert max(counting.params(p.cohort.shape).with_head for p in found) > 2.5e9
    for one in found:
        choice = next(planned.choices(one, to, pod.SWEEP.memory, CORPUS))
        shape = one.cohort.shape
        assert shape.attention == "splash"
        assert shape.batch % choice.data == 0
        with jax.set_mesh(choice.machine.mesh), compiling(to):
            text = planned.trace(choice)[0].lower().as_text()
        assert "tpu_custom_call" in text


@needs_libtpu
def test_a_report_can_be_read_on_every_host():
    """v5p:2x2x2 is two hosts; rows lie on both, and the copy lies whole on each."""
    to: Any = target("v5p:2x2x2")
    assert len({d.process_index for d in to.devices}) == 2
    mesh = make_mesh(list(to.devices), 8)
    rows = NamedSharding(mesh, P("trial"))
    report = program.Report(
        jax.ShapeDtypeStruct((4, 8), jnp.float32, sharding=NamedSharding(mesh, P(None, "trial"))),
        jax.ShapeDtypeStruct((8,), jnp.int32, sharding=rows),
        jax.ShapeDtypeStruct((8,), jnp.bool_, sharding=rows),
    )
    assert not rows.is_fully_addressable
    readable: Any = program.make_readable(mesh)
    with compiling(to):
        votes = jax.ShapeDtypeStruct((8, 1), jnp.int32, sharding=NamedSharding(mesh, P("trial", "data")))
        compiled = readable.lower(report, votes).compile()
    assert all(sharding.is_fully_replicated for sharding in jax.tree.leaves(compiled.output_shardings))


def test_queries_share_keys_alike_at_every_size():
    """A ladder that changed the ratio along its sizes would bend the law that is fitted to it."""
    shapes = [p.cohort.shape for p in places(8, None)]
    assert {shape.heads / shape.kv_heads for shape in shapes} == {2.0}
    assert {shape.head_dim for shape in shapes} == {128}
    assert all(shape.width % 256 == 0 for shape in shapes)  # so that 256 devices split every weight
