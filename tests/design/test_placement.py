"""Meshes by hand, and schedules against what must hold for any, a brute-force optimum and the shipped sweeps."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import load
from sweep.design import cost, families, mesh, placement
from sweep.design.cohorts import Cohort, cohorts, spans
from sweep.design.cost import Axes
from sweep.design.trial import Trial
from sweep.hashing import content_hash
from sweep.models import counting
from sweep.models.shape import Shape

WIDE = Shape(
    vocab=32_768, width=1024, depth=10, heads=8, kv_heads=4, head_dim=128, ffn=2688, seq_len=2048, batch=128,
    tied=False, dtype="bfloat16", attention="splash",
)  # fmt: skip
SMALL = dataclasses.replace(WIDE, vocab=256, width=128, depth=2, heads=1, kv_heads=1, seq_len=512, batch=16)


def trial(shape: Shape, steps: int, cooldown: int = 0, trunk: str | None = None, seed: int = 0) -> Trial:
    return Trial(shape, steps, 0.01, 5, cooldown, "wsd", "sqrt", 0.1, 0.9, 0.95, 1.0, seed, 0, "d", trunk)


def tree(shape: Shape, *horizons: int) -> list[Trial]:
    return [trial(shape, n, n // 5, f"{shape.width}x{shape.batch}") for n in horizons]


def planned(path: str, vocab: int, platform: str) -> list[Cohort]:
    made = families.plan(load(path), vocab=vocab, data="d", unique_tokens=10**11, platform=platform)
    return cohorts(made.trials)


# The mesh rule


@pytest.mark.parametrize(
    ("rows", "batch", "mode", "devices", "axes"),
    [  # of 2,048 tokens a sequence: one sequence a device is enough
        (6, 512, "map", 8, (1, 8)),  # not (4, 2): rows of a tree wait for one another
        (6, 512, "map", 64, (1, 64)),
        (1, 64, "map", 256, (1, 64)),  # 64 sequences on 64 devices; the others are left
        (6, 64, "map", 256, (4, 64)),  # trial takes over where data has run out
        (3, 64, "map", 256, (3, 64)),  # 192 of them
        (1, 8, "map", 3, (1, 2)),  # no mesh uses three
        (2, 8, "map", 3, (1, 2)),
        (3, 8, "map", 3, (3, 1)),
        (1, 12, "map", 3, (1, 3)),
        (1, 64, "map", 7, (1, 4)),  # a prime
        (7, 64, "map", 7, (7, 1)),
        (9, 64, "map", 7, (7, 1)),
        (1, 7, "map", 8, (1, 7)),  # a prime batch
        (100, 64, "map", 1, (1, 1)),
        (16, 64, "vmap", 8, (8, 1)),
        (2, 64, "vmap", 8, (2, 4)),
        (3, 64, "vmap", 8, (2, 4)),  # three do not divide eight
        (1, 64, "vmap", 8, (1, 8)),
    ],
)
def test_meshes_by_hand(rows, batch, mode, devices, axes):
    found = mesh.axes_of(rows=rows, batch=batch, seq_len=2048, mode=mode, devices=devices, platform="tpu")
    assert found == Axes(*axes)


def test_a_device_keeps_two_thousand_tokens_of_a_step():
    def found(batch: int, seq_len: int, rows: int = 1):
        return mesh.axes_of(rows=rows, batch=batch, seq_len=seq_len, mode="map", devices=64, platform="tpu")

    assert found(64, 512) == (1, 16)
    assert found(64, 512, rows=4) == (4, 16)
    assert found(2, 128) == (1, 1)


def test_rows_under_way_decide_the_mesh_of_small_models():
    def found(abreast: int):
        return mesh.axes_of(rows=6, batch=64, seq_len=2048, mode="vmap", devices=8, platform="gpu", abreast=abreast)

    assert [found(n) for n in (1, 2, 3, 6)] == [(1, 8), (2, 4), (2, 4), (4, 2)]


@pytest.mark.parametrize(("rows", "devices", "axes"), [(1, 8, (1, 1)), (5, 8, (5, 1)), (20, 8, (8, 1)), (3, 2, (2, 1))])
def test_a_cpu_never_splits_a_batch(rows, devices, axes):
    for mode in ("map", "vmap"):
        assert mesh.axes_of(rows=rows, batch=64, seq_len=2048, mode=mode, devices=devices, platform="cpu") == axes


@settings(max_examples=300, deadline=None)
@given(
    rows=st.integers(1, 12),
    batch=st.integers(1, 96),
    seq_len=st.sampled_from([128, 512, 2048]),
    mode=st.sampled_from(["map", "vmap"]),
    devices=st.integers(1, 40),
)
def test_no_legal_mesh_uses_more_devices(rows, batch, seq_len, mode, devices):
    found = mesh.axes_of(rows=rows, batch=batch, seq_len=seq_len, mode=mode, devices=devices, platform="tpu")
    legal = [
        (t, d)
        for t in range(1, rows + 1)
        for d in range(1, devices // t + 1)
        if d == 1 or (batch % d == 0 and batch * seq_len / d >= 2048)
    ]
    most = max(t * d for t, d in legal)
    assert found in legal
    assert found.devices == most
    if mode == "map":
        assert found.trial == min(t for t, d in legal if t * d == most)


# The cost model


def test_phases_of_a_tree_by_hand():
    (cohort,) = cohorts(tree(WIDE, 100, 300))  # a trunk to 240 with branches at 80 and 240
    assert [(s.start, s.end, s.source) for s in spans(cohort)] == [(0, 240, None), (80, 100, 0), (240, 300, 0)]
    assert list(cost.phases(spans(cohort))) == [(80, [0]), (20, [0, 1]), (140, [0]), (60, [2])]


def test_rows_of_one_position_run_one_after_another_and_positions_wait():
    (cohort,) = cohorts(tree(WIDE, 100, 300))
    one = WIDE.batch_tokens * counting.train_flops_per_token(WIDE)
    solo = cost.cost(cohort, Axes(1, 1), "tpu")
    assert solo.time == solo.busy == pytest.approx(320 * one) == pytest.approx(cohort.flops)
    apart = cost.cost(cohort, Axes(3, 1), "tpu")  # the short branch beside its trunk
    assert (apart.time, apart.busy) == (pytest.approx(300 * one), pytest.approx(320 * one))
    split = cost.cost(cohort, Axes(1, 8), "tpu")
    tokens = WIDE.batch_tokens / 8
    assert split.busy == pytest.approx(8 * split.time) == pytest.approx(320 * one * (1 + 1024 / tokens))


def test_small_models_wait_for_launches_together():
    (cohort,) = cohorts([trial(SMALL, 100, seed=i) for i in range(8)])
    one = SMALL.batch_tokens * counting.train_flops_per_token(SMALL)
    assert 2 * one < cost.STEP_FLOOR < 8 * one
    assert cost.cost(cohort, Axes(1, 1), "gpu").time == pytest.approx(800 * one)
    assert cost.cost(cohort, Axes(4, 1), "gpu").time == pytest.approx(100 * cost.STEP_FLOOR)
    assert cost.cost(cohort, Axes(4, 1), "cpu").time == pytest.approx(200 * one)


def test_a_tree_over_trial_by_hand():
    """215M of configs/pod.py as it was, on (4, 16): two rows a position, the shortest branch behind its trunk."""
    ends = (3041, 9123, 30_410, 91_229, 304_096)
    (cohort,) = cohorts([trial(WIDE, n, n - round(0.8 * n), "t") for n in ends])
    cooldowns = [n - round(0.8 * n) for n in ends]
    taken = cost.cost(cohort, Axes(4, 16), "tpu")
    steps = (304_096 - cooldowns[-1]) + sum(cooldowns)
    assert taken.busy / (64 * taken.time) == pytest.approx(steps / (4 * (304_096 + cooldowns[0])))


# Schedules


def check(schedule: placement.Schedule, tasks: list[Cohort], platform: str) -> None:
    assert sorted(p.cohort.hash for p in schedule.places) == sorted(c.hash for c in tasks)
    for p in schedule.places:
        assert p.cohort.shape.batch % p.axes.data == 0
        assert p.axes.data == 1 or platform != "cpu"
        assert 1 <= p.axes.trial <= len(spans(p.cohort))
        assert p.first % p.axes.devices == 0
        assert p.first + p.axes.devices <= schedule.devices
        assert 0 <= p.start < p.end
    for a, b in itertools.combinations(schedule.places, 2):
        apart = a.end <= b.start or b.end <= a.start
        assert apart or a.first + a.axes.devices <= b.first or b.first + b.axes.devices <= a.first
    assert schedule.ratio >= 1 - 1e-9
    assert 0 < schedule.utilisation <= 1 + 1e-9


PLANS = st.dictionaries(  # width -> (large?, batch, trunk?, horizons)
    st.integers(1, 8),
    st.tuples(
        st.booleans(),
        st.sampled_from([3, 8, 64]),
        st.booleans(),
        st.lists(st.integers(5, 5000), min_size=1, max_size=5, unique=True),
    ),
    min_size=1,
    max_size=6,
)


def built(plan: dict) -> list[Cohort]:
    made = []
    for width, (large, batch, trunk, steps) in plan.items():
        shape = dataclasses.replace(WIDE if large else SMALL, width=128 * width, batch=batch)
        made += tree(shape, *steps) if trunk else [trial(shape, n) for n in steps]
    return cohorts(made)


@settings(max_examples=120, deadline=None)
@given(plan=PLANS, devices=st.integers(1, 12), platform=st.sampled_from(["cpu", "gpu", "tpu"]), seed=st.integers(0, 9))
def test_every_schedule_is_legal_and_knows_no_order(plan, devices, platform, seed):
    tasks = built(plan)
    schedule = placement.place(tasks, devices, platform)
    check(schedule, tasks, platform)
    mixed = sorted(tasks, key=lambda c: content_hash([c.hash, seed]))
    assert placement.place(mixed, devices, platform) == schedule


def brute(tasks: list[Cohort], devices: int) -> float:
    """The shortest schedule of all meshes and all orders, started greedily."""
    ladders = [
        [(axes, cost.cost(c, axes, "tpu")) for size in mesh.sizes_of(devices)
         if (axes := mesh.mesh_of(c, size, "tpu")).devices == size]
        for c in tasks
    ]  # fmt: skip
    best = float("inf")
    for chosen in itertools.product(*ladders):
        for order in itertools.permutations(range(len(tasks))):
            free_at = [0.0] * devices
            for i in order:
                axes, taken = chosen[i]
                starts = range(0, devices - axes.devices + 1, axes.devices)
                first = min(starts, key=lambda f: max(free_at[f : f + axes.devices]))
                end = max(free_at[first : first + axes.devices]) + taken.time
                free_at[first : first + axes.devices] = [end] * axes.devices
            best = min(best, max(free_at))
    return best


@pytest.mark.parametrize("devices", [2, 3, 4])
@pytest.mark.parametrize("steps", [(100, 100, 100), (100, 90, 10), (500, 40, 30, 20), (7, 5, 3, 2), (100, 60, 50, 40)])
def test_near_the_best_of_all_schedules(steps, devices):
    tasks = cohorts(
        t for i, n in enumerate(steps) for t in tree(dataclasses.replace(WIDE, width=256 * (1 + i)), n, 3 * n)
    )
    schedule = placement.place(tasks, devices, "tpu")
    assert schedule.makespan <= 1.05 * brute(tasks, devices)
    assert schedule.bound <= brute(tasks, devices) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("devices", "memory", "utilisation", "ratio"),
    [
        (8, None, 0.95, 1.05),
        (8, 95 * 10**9, 0.95, 1.05),
        (8, 16 * 10**9, 0.95, 1.05),
        (64, 95 * 10**9, 0.95, 1.05),
        (256, None, 0.85, 1.1),
    ],
)
def test_a_pod_is_kept_busy(devices, memory, utilisation, ratio):
    tasks = planned("configs/pod.py", 32_768, "tpu")
    schedule = placement.place(tasks, devices, "tpu", memory)
    check(schedule, tasks, "tpu")
    assert schedule.utilisation >= utilisation
    assert schedule.ratio <= ratio


def test_large_cohorts_take_more_devices_and_others_run_beside_them():
    schedule = placement.place(planned("configs/pod.py", 32_768, "tpu"), 256, "tpu")
    sizes = {p.cohort.flops: p.axes.devices for p in schedule.places}
    assert sizes[max(sizes)] > sizes[min(sizes)]
    assert sum(p.start == 0.0 for p in schedule.places) > 4


def test_what_does_not_fit_one_device_takes_more():
    tasks = cohorts(tree(WIDE, 1000, 2000, 3000))
    need = counting.params(WIDE).total * (12 * 4 + 6)  # trunk and branches, and gradients of one
    assert mesh.state_bytes(tasks[0], Axes(1, 1), "tpu") == need
    smallest = [next(iter(mesh.options(tasks[0], 8, "tpu", m))) for m in (2 * need, 2 * need - 1, need // 2, 1)]
    assert [axes.data for axes in smallest] == [1, 2, 4, 8]


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_with_a_cohort_for_each_device_a_cpu_gives_each_one(devices):
    schedule = placement.place(planned("configs/laptop.py", 256, "cpu"), devices, "cpu")
    assert {p.axes for p in schedule.places} == {Axes(1, 1)}


def test_nothing_to_place():
    assert placement.place([], 8, "tpu").makespan == 0.0
