"""Reading collectives: the ways to write groups, nesting, trip counts, bytes; and a real program of known traffic."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from sweep.train.ahead import collectives
from sweep.train.ahead.collectives import Collective, Traffic

# Lines that libtpu 0.0.42.1 and XLA of jaxlib 0.10.2 wrote, shortened behind what is read.
BY_DATA = ((0, 1), (2, 3), (4, 5), (6, 7))
LISTED = "  %a.1 = f32[8]{0} all-reduce(%p.1), channel_id=1, replica_groups={{0,1},{2,3},{4,5},{6,7}}, to_apply=%add"
IOTA = "  %a.2 = s32[2,4]{1,0:T(4,128)} all-gather(%p.2), channel_id=18, replica_groups=[4,2]<=[8], dimensions={0}"
TURNED = "  %a.3 = f32[8]{0} all-reduce(%p.1), replica_groups=[2,4]<=[4,2]T(1,0), use_global_device_ids=true"
PAIRS = "  %a.4 = f32[8]{0} collective-permute(%p.1), channel_id=3, source_target_pairs={{0,1},{1,0},{2,3},{3,2}}"
MESH = "  %a.5 = f32[8]{0} all-reduce(%p.1), channel_id=2, replica_groups=mesh['trial'=4,'data'=2] {'data'}"
MESH_TRIAL = "  %a.6 = f32[8]{0} all-reduce(%p.1), channel_id=2, replica_groups=mesh['trial'=4,'data'=2] {'trial'}"
ALL = "  %a.7 = f32[8]{0} all-reduce(%p.1), channel_id=2, replica_groups={}, use_global_device_ids=true"


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        (LISTED, BY_DATA),
        (IOTA, BY_DATA),
        (TURNED, ((0, 2, 4, 6), (1, 3, 5, 7))),
        (PAIRS, ((0, 1), (1, 0), (2, 3), (3, 2))),
        (MESH, BY_DATA),
        (MESH_TRIAL, ((0, 2, 4, 6), (1, 3, 5, 7))),
        (ALL, ((0, 1, 2, 3, 4, 5, 6, 7),)),
    ],
)
def test_groups_as_they_are_written(line, groups):
    assert tuple(map(tuple, collectives.groups_of(line, 8))) == groups


def test_groups_that_cannot_be_read_are_no_silent_zero():
    with pytest.raises(ValueError, match="no groups of devices"):
        collectives.groups_of("  %a = f32[8] all-reduce(%p), replica_groups=<new way>", 8)


def test_crossing_is_between_trials():
    def one(groups):
        return Collective("all-reduce", (), 0, groups)

    assert collectives.crossing([one(BY_DATA)], data=2) == 0
    assert collectives.crossing([one(((0, 2, 4, 6), (1, 3, 5, 7))), one(BY_DATA)], data=2) == 1
    assert collectives.crossing([one(((1, 2),))], data=2) == 1
    assert collectives.crossing([one(((0, 1, 2, 3),))], data=4) == 0


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("f32[8,4]{1,0:T(8,128)}", 128),
        ("bf16[4,512,128]{1,2,0:T(8,128)(2,1)}", 524288),
        ("pred[3]", 3),
        ("s32[]", 4),
        ("(bf16[2]{0}, /*index=5*/f32[3]{0:T(128)}, f32[])", 20),
        ("f8e4m3fn[16]", 16),
    ],
)
def test_bytes_of_types(kind, size):
    assert collectives.bytes_of(kind) == size


LOOPS = """HloModule jit_chunk, is_scheduled=true

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  %y = f32[] parameter(1)
  ROOT %sum = f32[] add(%x, %y)
}

%layers_condition (c: (s32[], f32[8])) -> pred[] {
  %limit = s32[]{:T(128)} constant(9), metadata={op_name="jit(chunk)"}
  %c = (s32[]{:T(128)}, f32[8]{0}) parameter(0)
  %counter = s32[]{:T(128)} get-tuple-element(%c), index=0
  ROOT %lt = pred[]{:T(512)} compare(%counter, %limit), direction=LT
}

%layers_body (b: (s32[], f32[8])) -> (s32[], f32[8]) {
  %b = (s32[]{:T(128)}, f32[8]{0}) parameter(0)
  %part = f32[8]{0} get-tuple-element(%b), index=1
  %gathered = f32[16]{0} all-gather(%part), replica_groups=[4,2]<=[8], dimensions={0}
  ROOT %next = (s32[]{:T(128)}, f32[8]{0}) tuple(%b, %part)
}

%steps_condition (sc: (s32[], f32[8])) -> pred[] {
  %sc = (s32[], f32[8]{0}) parameter(0)
  ROOT %going = pred[] custom-call(%sc)
}

%steps_body (sb: (s32[], f32[8])) -> (s32[], f32[8]) {
  %sb = (s32[], f32[8]{0}) parameter(0)
  %zero = s32[]{:T(128)} constant(0)
  %copied = s32[]{:T(128)} copy(%zero)
  %weights = f32[8]{0} get-tuple-element(%sb), index=1
  %start = (s32[]{:T(128)}, f32[8]{0}) tuple(%copied, /*index=1*/%weights)
  %layers = (s32[]{:T(128)}, f32[8]{0}) while(%start), condition=%layers_condition, body=%layers_body
  %after = f32[8]{0} get-tuple-element(%layers), index=1
  %reduced = (f32[8]{0}, f32[8]{0}) all-reduce(%after, %weights), replica_groups=[4,2]<=[8], to_apply=%add
  ROOT %out = (s32[], f32[8]{0}) tuple(%zero, %after)
}

ENTRY %main (p: (s32[], f32[8])) -> (s32[], f32[8]) {
  %p = (s32[], f32[8]{0}) parameter(0)
  %given = f32[8]{0} get-tuple-element(%p), index=1
  %before = f32[8]{0} all-reduce(%given), replica_groups={{0,1},{2,3},{4,5},{6,7}}, to_apply=%add
  ROOT %steps = (s32[], f32[8]{0}) while(%p), condition=%steps_condition, body=%steps_body, KNOWN
}
"""
KNOWN = 'backend_config={"known_trip_count":{"n":"101"}}'


def test_a_step_is_counted_by_the_loops_inside_it():
    found = collectives.find(LOOPS.replace("KNOWN", KNOWN), 8)
    assert collectives.traffic(found, 101) == [
        Traffic("all-gather", (9,), 1, per_step=9, bytes=9 * 32),  # trip count from the condition and the start
        Traffic("all-reduce", (), 1, per_step=1, bytes=64),  # two operands
        Traffic("all-reduce", None, 1, None, None),  # before the steps
    ]


def test_a_loop_of_unknown_length_is_not_guessed():
    text = LOOPS.replace("KNOWN", KNOWN).replace("%copied = s32[]{:T(128)} copy(%zero)", "%copied = s32[] rng(%zero)")
    gather = next(t for t in collectives.traffic(collectives.find(text, 8), 101) if t.kind == "all-gather")
    assert (gather.inside, gather.per_step, gather.bytes) == ((None,), None, None)


def test_rows_around_the_steps_are_left_out():
    body = Collective("all-reduce", (4, 101, 3), 10, BY_DATA)
    assert collectives.traffic([body], 101) == [Traffic("all-reduce", (3,), 1, 3, 30)]


def program(mesh: jax.sharding.Mesh):
    """Eight devices: each step sums [16] float32 over `data`, and gathers [4, 6] of each device in five blocks."""

    def chunk(total, part):
        def block(x, _):
            return jnp.sin(jax.lax.all_gather(x, "data", tiled=True)[:4] + x), None

        def step(state, _):
            total, part = state
            total = jax.lax.psum(jnp.cos(total), "data")
            return (total, jax.lax.scan(block, part, length=5)[0]), None

        return jax.lax.scan(step, (total, part), length=101)[0]

    specs = (P("trial"), P("trial", "data"))
    sharded = jax.shard_map(chunk, mesh=mesh, in_specs=specs, out_specs=specs, check_vma=False)
    shapes = jax.ShapeDtypeStruct((64,), jnp.float32), jax.ShapeDtypeStruct((16, 12), jnp.float32)
    return jax.jit(sharded).lower(*shapes).compile()


def test_a_real_program_of_known_traffic():
    mesh = jax.make_mesh((4, 2), ("trial", "data"), axis_types=(AxisType.Auto, AxisType.Auto))
    found = collectives.find(program(mesh).as_text() or "", 8)
    told = {t.kind: t for t in collectives.traffic(found, 101)}
    assert set(told) == {"all-gather", "all-reduce"}
    assert (told["all-reduce"].per_step, told["all-reduce"].bytes) == (1, 16 * 4)
    assert (told["all-gather"].per_step, told["all-gather"].bytes) == (5, 5 * 4 * 6 * 4)
    assert collectives.crossing(found, data=2) == 0
    assert collectives.crossing(found, data=1) == 2  # as if each device were a trial: both would cross
