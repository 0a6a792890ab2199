"""A sweep that several processes train: groups at the same time, one writer, one stop, one table."""

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import jax
import pytest

from sweep import config
from sweep.design.trial import Trial
from sweep.errors import Partial, Refusal
from sweep.tables import io
from sweep.train import engine, machine, store
from sweep.train.cohort import CohortRun
from sweep.train.data.shards import as_dict, open_folder
from sweep.train.gang.team import Team, everyone
from sweep.train.log import Log
from tests.train import corpora
from tests.train.gang.processes import run, values
from tests.train.gang.writes import recorded
from tests.train.tiny import TINY, make_trial

OTHER = dataclasses.replace(TINY, width=16, ffn=24)
BRANCHES = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
TWO = [*BRANCHES, make_trial(OTHER, steps=24, seed=1, budget=2e9)]  # cohorts: one for each of two processes
ONE = [*BRANCHES, make_trial(steps=24, seed=1), make_trial(steps=29, seed=2)]  # five rows, over all devices
SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), checkpoint=config.Checkpoint(minutes=1e-9))


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
    gang, real, mine = everyone(), CohortRun.drain, []
    middle = gang.part("middle", gang.members)

    def drain(self: CohortRun, pending: Any) -> None:
        real(self, pending)
        if self.cohort.hash not in mine:
            mine.append(self.cohort.hash)
            middle.meet()

    CohortRun.drain = drain
    written = recorded(out)
    return train(gang, Path(out), TWO), sorted(written), mine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpora.write(tmp_path / "tokens")
    return tmp_path


@pytest.mark.slow
def test_groups_train_at_the_same_time_and_each_leader_writes_its_own(folder):
    (expected,) = values(run(alone, 1, str(folder / "one")))
    (table, first, mine), (other_table, second, others) = values(run(side_by_side, 2, str(folder / "two")))
    assert table == other_table == expected
    assert len(mine) == len(others) == 1
    assert mine != others
    names = {"log.jsonl", "rows-001.parquet", "curves-001.parquet", "DONE"}
    assert {f"cohorts/{others[0]}/{name}" for name in names} <= set(second)
    assert all(name.startswith(f"cohorts/{others[0]}") for name in second if name != "cohorts")
    assert not [name for name in first if name.startswith(f"cohorts/{others[0]}/") and not name.endswith("spec.json")]
    assert {"sweep.json", "losses.parquet", "curves.parquet"} <= set(first)


# Stopped


def stopped(folder: str) -> dict[str, Any]:
    """A run in one piece; one in which process 1 alone gets SIGTERM, and the same call again; one that is refused."""
    machine.CHUNK_STEPS = (4, 4)
    gang, told = everyone(), {}
    whole, halved, refused = (Path(folder) / name for name in ("whole", "halved", "refused"))
    told["whole"] = train(gang, whole, ONE)
    real, seen = CohortRun.drain, []

    def drain(self: CohortRun, pending: Any) -> None:
        real(self, pending)
        if pending is not None:
            seen.append(self.cursor.chunks)
            if len(seen) == 1 and gang.me == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    CohortRun.drain = drain
    written = recorded(folder)
    try:
        train(gang, halved, ONE)
    except Partial as error:
        told["stopped"] = str(error)
    told["chunk"] = seen[-1]
    told["chunks"] = len(seen)
    told["again"] = train(gang, halved, ONE)
    CohortRun.warm = refuse
    try:
        train(gang, refused, ONE)
    except Refusal as error:
        told["refused"] = error.code
    told["written"] = sorted(written)
    return told


def refuse(self: CohortRun) -> None:
    raise Refusal("too_large", "no choice fits")


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_at_one_chunk_and_the_same_call_continues(folder):
    first, second = values(run(stopped, 2, str(folder), devices=2))
    assert [row[2] for row in first["whole"].values()] == ["4x1"] * 4
    assert "the same command continues" in first["stopped"]
    assert first["again"] == first["whole"]
    assert second.pop("written") == []
    assert {name: first[name] for name in second} == second
    events = Log(next((folder / "halved" / "cohorts").iterdir()) / "log.jsonl").events()
    stops = [e for e in events if "stopped" in e]
    assert [e["stopped"] for e in stops] == [first["chunk"]]
    assert first["chunk"] in [e["saved"] for e in events if "saved" in e]
    assert sum(e.get("steps", 0) for e in events) == 24 + 4 + 6 + 24 + 29  # nothing twice
    assert first["refused"] == "too_large"
    assert {row["status"] for row in io.read(folder / "refused" / "losses.parquet").to_pylist()} == {"failed"}
