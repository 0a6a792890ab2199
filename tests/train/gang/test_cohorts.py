"""A cohort that several processes train: the losses of one process, one writer, one decision to stop."""

import threading
from pathlib import Path
from typing import Any

import jax
import pytest

from sweep import files
from sweep.models import layout
from sweep.train.cohort import CohortRun, Settings
from sweep.train.gang.team import Team, everyone
from sweep.train.log import Log
from tests.train.gang.processes import run, values
from tests.train.tiny import cohort_of, counter, losses, make_trial

TRIALS = [
    *(make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)),  # and their trunk: a row more
    make_trial(steps=20, seed=2, lr=0.03, weight_decay=0.0),
    make_trial(steps=13, seed=1, data_seed=1),
]
MESHES = [[4, "map"], [2, "map"], [1, "map"], [2, "vmap"]]  # devices along `trial`, of four, and how rows share one


def made(folder: Path, trial: int, mode: Any, team: Team) -> CohortRun:
    """The run of TRIALS on all devices."""
    settings = Settings(folder, curve_points=4, steps=8, mode=mode, checkpoint_minutes=0.02)
    group = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    return CohortRun(cohort_of(*TRIALS), group, trial, counter(), settings, team)


def nothing_may_be_written(*_: Any, **__: Any) -> None:
    raise AssertionError("this process does not lead, and writes")


def train(folder: str, meshes: list[tuple[int, str]]) -> list[dict[str, float]]:
    """Losses at the horizons, of one mesh after another."""
    layout.SPLIT_FROM = 32  # so that tiny weights are split, as large ones are
    team, found = everyone(), []
    if not team.leads:
        Log.write = files.write_text = nothing_may_be_written
    with jax.thread_guard(True):
        for trial, mode in meshes:
            name = f"{trial}-{mode}"
            running = made(Path(folder) / name, trial, mode, team.part(name, team.members))
            running.run(threading.Event())
            found.append(losses(running))
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> list[dict[str, float]]:
    """Losses of one process with four devices, mesh by mesh."""
    return values(run(train, 1, str(tmp_path_factory.mktemp("one")), MESHES, devices=4))[0]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_losses_equal_those_of_one_process(expected, tmp_path, processes):
    """Bit by bit where no batch is split; where one is, sums are rounded in another order."""
    found = values(run(train, processes, str(tmp_path), MESHES, devices=4 // processes))
    assert found == [found[0]] * processes
    for (trial, mode), mine, theirs in zip(MESHES, found[0], expected, strict=True):
        assert len(mine) == len(TRIALS)
        if trial == 4:
            assert mine == theirs
        assert mine == pytest.approx(theirs, rel=1e-5), (trial, mode)
