"""A cohort that several processes train: the losses of one process, one writer, and it goes on in fewer."""

import contextlib
import threading
from pathlib import Path
from typing import Any

import jax
import pytest

from sweep.errors import Partial
from sweep.models import layout
from sweep.train.cohort import CohortRun, Settings
from sweep.train.gang.team import Team, everyone
from sweep.train.log import Log
from tests.train.gang.processes import run, values
from tests.train.gang.writes import recorded
from tests.train.tiny import cohort_of, counter, losses, make_trial

TRIALS = [
    *(make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)),  # and their trunk: a row more
    make_trial(steps=20, seed=2, lr=0.03, weight_decay=0.0),
    make_trial(steps=13, seed=1, data_seed=1),
]
# By number of processes; devices along `trial`, of four, and how rows share one.
JOBS = {1: ["4-map", "1-map", "2-vmap"], 2: ["4-map", "2-vmap-fed"], 4: ["1-map"]}
HANDED_ON = "2-map-handed-on"  # begun by four processes, stopped; continued by two, stopped; ended by one
ATTEMPTS = {4: 1, 2: 2, 1: 3}


def made(folder: Path, job: str, team: Team) -> CohortRun:
    """The run of TRIALS on all devices."""
    trial, mode, *more = job.split("-")
    how: Any = mode
    steps = 3 if job == HANDED_ON else 8
    settings = Settings(folder / job, curve_points=4, steps=steps, mode=how, fed="fed" in more)
    group = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    return CohortRun(cohort_of(*TRIALS), group, int(trial), counter(), settings, team.part(job, team.members))


def guarded() -> None:
    """From now on nothing travels between host and devices in the loop but what is handed over or read by name."""

    def under(guard: str, real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            with jax.transfer_guard(guard):
                return real(*arguments, **named)

        return call

    jax.make_array_from_callback = under("allow", jax.make_array_from_callback)
    CohortRun.send, CohortRun.drain = under("disallow", CohortRun.send), under("disallow", CohortRun.drain)


def train(folder: str, jobs: list[str], attempt: int, stops: bool) -> dict[str, Any]:
    """Losses at the horizons, job by job, and what this process wrote.

    Args:
        attempt: number of the last job's attempt.
        stops: the process with the largest number asks the last job to stop after its first chunk.
    """
    layout.SPLIT_FROM = 32  # so that tiny weights are split, as large ones are
    team, found, written = everyone(), {}, recorded(folder)
    guarded()
    with jax.thread_guard(True):
        for job in jobs:
            running, stop = made(Path(folder), job, team), threading.Event()
            if stops and job == jobs[-1] and team.me == team.members[-1]:
                running.on_chunk = lambda _, stop=stop: stop.set()
            with contextlib.suppress(Partial):
                running.run(stop, attempt if job == HANDED_ON else 1)
            found[job] = losses(running)
    return {"losses": found, "written": sorted(written)}


def gang(folder: Path, processes: int, *, stops: bool) -> list[dict[str, Any]]:
    """What each of several processes, with four devices together, makes of its jobs and of HANDED_ON."""
    jobs = [*JOBS[processes], HANDED_ON]
    cache = {"JAX_COMPILATION_CACHE_DIR": str(folder / "xla"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    where, each = folder / str(processes), [cache] * processes
    where.mkdir(exist_ok=True)
    for name in jobs[:-1]:
        (where / name).mkdir()
    (where / HANDED_ON).symlink_to(folder / HANDED_ON)
    arguments = str(where), jobs, ATTEMPTS[processes], stops
    started = run(train, processes, *arguments, devices=4 // processes, environments=each, timeout=300)
    return values(started)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("cohorts")
    (made / HANDED_ON).mkdir()
    return made


@pytest.fixture(scope="module")
def four(folder) -> list[dict[str, Any]]:
    return gang(folder, 4, stops=True)


@pytest.fixture(scope="module")
def two(folder, four) -> list[dict[str, Any]]:
    return gang(folder, 2, stops=True)


@pytest.fixture(scope="module")
def one(folder, two) -> dict[str, dict[str, float]]:
    return gang(folder, 1, stops=False)[0]["losses"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_losses_equal_those_of_one_process(one, two, four, processes):
    """Bit by bit where no batch is split; where one is, sums are rounded in another order. Under the guards of JAX:
    one thread issues its work, nothing is copied by the way.
    """
    told = {2: two, 4: four}[processes]
    assert all(answer["losses"] == told[0]["losses"] for answer in told)
    for job in JOBS[processes]:
        mine, alone = told[0]["losses"][job], one[job.removesuffix("-fed")]
        assert len(mine) == len(TRIALS)
        assert mine == pytest.approx(alone, rel=1e-5), job
        if job.startswith("4"):
            assert mine == alone


@pytest.mark.slow
def test_the_leader_alone_writes(two, four):
    for told in (two, four):
        assert "4-map/log.jsonl" in told[0]["written"] or "1-map/log.jsonl" in told[0]["written"]
        assert [answer["written"] for answer in told[1:]] == [[]] * (len(told) - 1)


@pytest.mark.slow
def test_what_four_processes_began_two_continue_and_one_ends(folder, one, two, four):
    assert not any(told[0]["losses"][HANDED_ON].keys() == one["4-map"].keys() for told in (two, four))
    assert one[HANDED_ON] == pytest.approx(one["4-map"], rel=1e-5)
    events = Log(folder / HANDED_ON / "log.jsonl").events()
    begun, stopped = ([e for e in events if name in e] for name in ("begun", "stopped"))
    assert [e["begun"] for e in begun] == [1, 2, 3]
    assert [e["chunk"] for e in begun] == [0, *(e["stopped"] for e in stopped)]
    assert len(stopped) == 2
    steps = sum(e.get("steps", 0) for e in events)
    assert steps == 24 + 4 + 6 + 20 + 13  # nothing was trained twice
