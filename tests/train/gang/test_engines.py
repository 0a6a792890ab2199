"""A sweep that several processes train: groups at the same time, one writer, one stop, one table."""

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import pytest

from sweep import cli, config
from sweep.design.trial import Trial
from sweep.errors import Partial, Refusal, SweepError
from sweep.tables import io
from sweep.train import engine, hold, machine, store
from sweep.train.claims import Claims, Folder
from sweep.train.cohort import CohortRun
from sweep.train.data.shards import as_dict, open_folder
from sweep.train.gang import start
from sweep.train.gang.team import Team, everyone
from sweep.train.log import Log
from sweep.train.watch import leave
from tests.train import corpora
from tests.train.gang.processes import place, run, values
from tests.train.gang.writes import recorded
from tests.train.tiny import TINY, make_trial

OTHER = dataclasses.replace(TINY, width=16, ffn=24)
BRANCHES = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
TWO = [*BRANCHES, make_trial(OTHER, steps=24, seed=1, budget=2e9)]  # cohorts: one for each of two processes
ONE = [*BRANCHES, make_trial(steps=24, seed=1), make_trial(steps=29, seed=2)]  # five rows, over all devices
SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), checkpoint=config.Checkpoint(minutes=1e-9))


@contextmanager
def in_gang() -> Iterator[Team]:
    """As the command line does it: one line and an exit code where it does not end well. There the others say nothing
    on stdout; here they say what they return.
    """
    said = os.dup(1)
    try:
        with start.gang(start.seat_of(*place()), tell=tell) as team:
            yield team
        os.dup2(said, 1)
    except SweepError as error:
        leave(tell(error))


def tell(error: SweepError) -> int:
    return cli.tell("run", error, as_json=False)


def train(gang: Team, out: Path, trials: list[Trial]) -> dict[str, Any]:
    """Status and loss by trial."""
    corpus = open_folder(out.parent / "tokens")
    gang.share(lambda: store.claim(out, SWEEP, as_dict(corpus.manifest)))
    with jax.thread_guard(True):
        table = engine.run(SWEEP, trials, out, corpus, gang=gang)
    return {row["trial"]: [row["status"], row["loss"], row["mesh"]] for row in table.to_pylist()}


def alone(out: str) -> dict[str, Any]:
    """What one process makes of TWO."""
    return train(everyone(), Path(out), TWO)


def side_by_side(out: str) -> Any:
    """(the table, what this process wrote, cohorts that it trained). Each waits in the middle of its cohort until the
    other is in the middle of its own.
    """
    with in_gang() as gang:
        real, mine, middle = CohortRun.drain, [], gang.part("middle", gang.members)

        def drain(self: CohortRun, pending: Any) -> None:
            real(self, pending)
            if self.cohort.hash not in mine:
                mine.append(self.cohort.hash)
                middle.meet()

        CohortRun.drain = drain
        written = recorded(out)
        return train(gang, Path(out), TWO), sorted(written), mine


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Of tokens, and of what is trained on them."""
    found = tmp_path_factory.mktemp("gang")
    corpora.write(found / "tokens")
    return found


@pytest.mark.slow
def test_groups_train_at_the_same_time_and_each_leader_writes_its_own(folder):
    (expected,) = values(run(alone, 1, str(folder / "one")))
    (table, first, mine), (other_table, second, others) = values(
        run(side_by_side, 2, str(folder / "two"), joined=False)
    )
    assert table == other_table == expected
    assert len(mine) == len(others) == 1
    assert mine != others
    names = {"log.jsonl", "rows-001.parquet", "curves-001.parquet", "DONE"}
    assert {f"cohorts/{others[0]}/{name}" for name in names} <= set(second)
    assert all(name.startswith(f"cohorts/{others[0]}") for name in second if name != "cohorts")
    assert not [name for name in first if name.startswith(f"cohorts/{others[0]}/") and not name.endswith("spec.json")]
    assert {"sweep.json", "losses.parquet", "curves.parquet"} <= set(first)


# Stopped and killed


def stopped(folder: str) -> dict[str, Any]:
    """A run in one piece; one in which process 1 alone gets SIGTERM, and the same call again; one that is refused."""
    machine.CHUNK_STEPS = (4, 4)
    answers: dict[str, Any] = {}
    with in_gang() as gang:
        answers["whole"] = train(gang, Path(folder) / "whole", ONE)
        seen = counted(lambda n: n == 1 and gang.me == 1 and os.kill(os.getpid(), signal.SIGTERM))
        written = recorded(folder)
        try:
            train(gang, Path(folder) / "halved", ONE)
        except Partial as error:
            answers["stopped"] = str(error), seen[-1]
        answers["again"] = train(gang, Path(folder) / "halved", ONE)
        CohortRun.warm = refuse
        try:
            train(gang, Path(folder) / "refused", ONE)
        except Refusal as error:
            answers["refused"] = error.code
        answers["written"] = sorted(written)
    return answers


def counted(then: Callable[[int], object]) -> list[int]:
    """Numbers of the chunks that are read back from now on; after each `then` is called with how many there are."""
    real, seen = CohortRun.drain, []

    def drain(self: CohortRun, pending: Any) -> None:
        real(self, pending)
        if pending is not None:
            seen.append(self.cursor.chunks)
            then(len(seen))

    CohortRun.drain = drain
    return seen


def refuse(self: CohortRun) -> None:
    raise Refusal("too_large", "no choice fits")


def killed(folder: str, victim: int, chunks: int) -> dict[str, Any]:
    """A run whose process `victim` is gone, without a word, after so many chunks."""
    machine.CHUNK_STEPS = (4, 4)
    with in_gang() as gang:
        counted(lambda n: n == chunks and gang.me == victim and os.kill(os.getpid(), signal.SIGKILL))
        return train(gang, Path(folder) / "killed", ONE)


def events(run: Path) -> list[dict[str, Any]]:
    """The log of the only cohort of a run."""
    return Log(next((run / "cohorts").iterdir()) / "log.jsonl").events()


@pytest.fixture(scope="module")
def answers(folder) -> list[dict[str, Any]]:
    """Of two processes with two devices each."""
    return values(run(stopped, 2, str(folder), devices=2, joined=False))


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_at_one_chunk_and_the_same_call_continues(folder, answers):
    first, second = answers
    assert [row[2] for row in first["whole"].values()] == ["4x1"] * 4
    words, chunk = first["stopped"]
    assert "the same command continues" in words
    assert first["again"] == first["whole"]
    assert second.pop("written") == []
    assert {name: first[name] for name in second} == second
    log = events(folder / "halved")
    assert [e["stopped"] for e in log if "stopped" in e] == [chunk]
    assert chunk in [e["saved"] for e in log if "saved" in e]
    assert sum(e.get("steps", 0) for e in log) == 24 + 4 + 6 + 24 + 29  # nothing twice
    assert first["refused"] == "too_large"
    assert {row["status"] for row in io.read(folder / "refused" / "losses.parquet").to_pylist()} == {"failed"}


@pytest.mark.slow
def test_killed_in_the_middle_it_ends_as_in_one_piece(folder, answers):
    """Process 1 first, then process 0; each time the other one says so in one line and ends."""
    for victim, chunks in [(1, 5), (0, 3)]:
        ended = run(killed, 2, str(folder), victim, chunks, devices=2, joined=False)
        assert [one.code for one in ended] == [-signal.SIGKILL if rank == victim else 3 for rank in range(2)]
        assert f"process {victim} of 2" in ended[1 - victim].err
    table, _ = values(run(killed, 2, str(folder), -1, 0, devices=2, joined=False))
    assert table == answers[0]["whole"]
    begun = [e["chunk"] for e in events(folder / "killed") if "begun" in e]
    assert len(begun) == 3
    assert 0 == begun[0] < begun[1] < begun[2]


# Claimed by others


def orphaned(folder: str) -> dict[str, Any]:
    """A run whose only cohort is claimed by a host that is gone, of which nothing is known but its silence."""
    hold.EXPIRY = 6.0
    with in_gang() as gang:
        out = Path(folder) / "orphaned"
        if gang.leads:
            store.claim(out, SWEEP, as_dict(open_folder(out.parent / "tokens").manifest))
            name = engine.schedule_of(ONE).places[0].cohort.hash
            assert Claims(Folder(out / "cohorts" / name), hold.EXPIRY).take({"host": "tpu-3", "pid": 7})
        return train(gang, out, ONE)


@pytest.mark.slow
def test_a_cohort_of_a_host_that_is_gone_is_taken_over_by_all_of_its_team(folder, answers):
    table, other = values(run(orphaned, 2, str(folder), devices=2, joined=False))
    assert table == other == answers[0]["whole"]
    assert [e["begun"] for e in events(folder / "orphaned") if "begun" in e] == [2]
