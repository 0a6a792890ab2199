"""Checkpoints written and read by several processes: onto other meshes, past a corrupt one, past one broken off."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import optax
import pytest
from etils import epath
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from orbax.checkpoint import type_handlers
from orbax.checkpoint._src.multihost import multihost

from sweep.errors import InputError
from sweep.train.checkpoint import Checkpoints
from sweep.train.gang.team import Team, everyone
from sweep.train.sharding import make_mesh
from sweep.train.state import State
from tests.train.gang.processes import run, start, values

ROWS = 6


def like(value: float, trial: int, members: tuple[int, ...]) -> State:
    """A stacked state of ROWS rows, and idle ones, over all devices of some processes."""
    mesh = make_mesh([d for d in jax.devices() if d.process_index in members], trial)
    rows = -(-ROWS // trial) * trial

    def made(shape: tuple[int, ...], spec: P, dtype: Any) -> jax.Array:
        whole = np.zeros((rows, *shape), dtype)
        whole[:ROWS] = (value + np.arange(ROWS * int(np.prod(shape)))).reshape(ROWS, *shape)
        return jax.make_array_from_callback(whole.shape, NamedSharding(mesh, spec), lambda at: whole[at])

    split, by_trial = P("trial", "data"), P("trial")
    params = {"w": made((16,), split, np.float32), "norm": made((3,), by_trial, np.float32)}
    moments = optax.ScaleByAdamState(made((), by_trial, np.int32), params, {"w": made((16, 2), split, np.float32)})
    return State(params, moments, made((), by_trial, np.int32), made((), by_trial, bool))


def same(found: State, expected: State) -> bool:
    """Bit for bit, as far as this process holds them, and in the same places."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return all(
        x.sharding == y.sharding
        and x.dtype == y.dtype
        and all(np.array_equal(a.data, b.data) for a, b in zip(x.addressable_shards, y.addressable_shards, strict=True))
        for x, y in pairs
    )


def of(members: list[int]) -> Team | None:
    """The team of these, for a member."""
    team = everyone()
    return team.part("some", members) if team.me in members else None


def saves(folder: str, members: list[int], trial: int, numbers: list[int]) -> list[str] | None:
    """Saves in one run, by some of the processes; the others do nothing."""
    if (team := of(members)) is None:
        return None
    with jax.thread_guard(True):
        checkpoints = Checkpoints(folder, 2, team)
        for n in numbers:
            checkpoints.save(n, like(float(n), trial, team.members), {"chunks": n, "by": team.me})
        checkpoints.wait()
        checkpoints.close()
    team.meet()  # the leader has deleted what is too much
    return sorted(p.name for p in Path(folder).iterdir())


def restores(folder: str, members: list[int], trial: int, number: int) -> Any:
    """(is it what was saved, cursor, warnings)."""
    if (team := of(members)) is None:
        return None
    warnings: list[str] = []
    with jax.thread_guard(True):
        checkpoints = Checkpoints(folder, 2, team)
        expected = like(float(number), trial, team.members)
        found = checkpoints.restore(expected, expected=True, warn=warnings.append)
        assert found is not None
        checkpoints.close()
    return same(found[0], expected), found[1], warnings


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Three times, by four processes with two devices each."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    assert values(run(saves, 4, str(folder), [0, 1, 2, 3], 4, [1, 2, 3], devices=2)) == [["2", "3"]] * 4
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "devices", "trial"), [(1, 8, 8), (1, 3, 3), (2, 2, 1), (4, 1, 2)])
def test_what_four_have_saved_is_read_by_fewer_on_other_meshes(saved, processes, devices, trial):
    told = values(run(restores, processes, str(saved), list(range(processes)), trial, 3, devices=devices))
    assert told == [[True, {"chunks": 3, "by": 0}, []]] * processes


@pytest.mark.slow
@pytest.mark.parametrize("members", [[1, 2], [2]])
def test_a_team_saves_without_the_others(tmp_path, members):
    """Process 0 is not in it, and does not take part; what is saved is read by one process alone."""
    told = values(run(saves, 3, str(tmp_path / "c"), members, 2, [5, 6], devices=2))
    assert told == [["5", "6"] if rank in members else None for rank in range(3)]
    assert values(run(restores, 1, str(tmp_path / "c"), [0], 1, 6)) == [[True, {"chunks": 6, "by": members[0]}, []]]


def falls_back(folder: str, deaf: int) -> Any:
    """(number read, warnings, number of the next save) where one process cannot read the newest."""
    team = everyone()
    checkpoints = Checkpoints(folder, 2, team)
    read = checkpoints.saver.read

    def fails_once(place: epath.Path, wanted: Any) -> Any:
        if place.name == "3" and team.me == deaf:
            raise OSError("gone")
        return read(place, wanted)

    warnings: list[str] = []
    with mock.patch.object(checkpoints.saver, "read", fails_once):
        found = checkpoints.restore(like(0.0, 2, team.members), expected=True, warn=warnings.append)
    assert found is not None
    checkpoints.save(3, found[0], {"chunks": 3})
    checkpoints.wait()
    checkpoints.close()
    return found[1]["chunks"], warnings, [saved.number for saved in checkpoints.there]


def test_what_one_process_cannot_read_is_passed_over_by_all(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "c")
    first, other = values(run(falls_back, 2, str(tmp_path / "c"), 1))
    assert first == [
        2,
        [f"checkpoint 3 in {tmp_path}/c is unreadable (OSError on process 1); trying an older one"],
        [2, 4],
    ]
    assert other == [2, [], [2, 4]]
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["2", "4"]


def waits_for_nobody(folder: str) -> str:
    """What process 0 says when the other does not come to save."""
    multihost._DEFAULT_BARRIER_TIMEOUT = 2
    team = everyone()
    state = like(1.0, 2, team.members)
    checkpoints = Checkpoints(folder, 2, team)
    told = ""
    if team.leads:
        with pytest.raises(InputError) as error:
            checkpoints.save(1, state, {"chunks": 1})
        told = str(error.value)
    team.meet()
    return told


def test_a_process_that_does_not_come_is_named(tmp_path):
    told, _ = values(run(waits_for_nobody, 2, str(tmp_path / "c")))
    assert told == (
        f"{tmp_path}/c/1: a checkpoint cannot be written, process 1 did not take part in time; see its log, then "
        "repeat the command"
    )


def dies_in_a_save(folder: str) -> None:
    """Process 1 is killed in the middle of its second save."""
    team = everyone()
    checkpoints = Checkpoints(folder, 2, team)
    checkpoints.save(1, like(1.0, 2, team.members), {"chunks": 1})
    checkpoints.wait()
    if team.me == 1:
        type_handlers.ArrayHandler.serialize = mock.Mock(side_effect=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    checkpoints.save(2, like(2.0, 2, team.members), {"chunks": 2})
    print("started", flush=True)
    checkpoints.wait()


def test_a_save_that_was_broken_off_is_not_taken_for_whole(tmp_path):
    folder = tmp_path / "c"
    with start(dies_in_a_save, 2, str(folder)) as started:
        started.processes[1].wait(60)
        while "started" not in started.text(0, "out"):
            assert started.processes[0].poll() is None, started.all_text()
            time.sleep(0.05)
    assert (folder / "2" / "state").is_dir()
    assert values(run(restores, 1, str(folder), [0], 1, 1)) == [[True, {"chunks": 1}, []]]
    assert [p.name for p in folder.iterdir()] == ["1"]


def fills_its_disk(folder: str) -> None:
    """Process 1 cannot write its part; process 0 waits for it."""
    team = everyone()
    checkpoints = Checkpoints(folder, 2, team)
    write = checkpoints.saver.arrays.async_save

    async def fails(*arguments: Any, **named: Any) -> list[Any]:
        full = mock.Mock()
        full.result.side_effect = ValueError("RESOURCE_EXHAUSTED: Error writing local file: No space left on device")
        return [*(await write(*arguments, **named) or []), *[full] * (team.me == 1)]

    with mock.patch.object(checkpoints.saver.arrays, "async_save", fails):
        checkpoints.save(1, like(1.0, 2, team.members), {"chunks": 1})
    try:
        checkpoints.wait()
    except InputError as error:
        print(error, flush=True)
    time.sleep(600)


def test_a_full_disk_of_one_process_is_told_by_it_at_once(tmp_path):
    with start(fills_its_disk, 2, str(tmp_path / "c")) as started:
        told = "c: a checkpoint cannot be written: RESOURCE_EXHAUSTED; make room, then repeat the command\n"
        started.says(1, told, timeout=40)
        assert not started.text(0, "out")
    assert not (tmp_path / "c" / "1" / "commit_success.txt").exists()
