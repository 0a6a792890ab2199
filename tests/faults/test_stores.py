"""Stores and network mounts that go away while a sweep trains."""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sweep.errors import InputError, Partial
from sweep.storage import passing
from sweep.train import away, engine, log, outcome, saver, store
from sweep.train.away import Away
from sweep.train.data.shards import as_dict
from sweep.train.progress import Quiet
from tests.faults.register import fault
from tests.faults.tiny import SWEEP, TRIALS, curves, losses


class Listening(Quiet):
    def __init__(self):
        self.notes: list[str] = []
        self.ended = 0
        self.on_begun = self.on_done = lambda: None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begun(self, run: Any) -> None:
        self.on_begun()

    def done(self, run: Any) -> None:
        self.ended += 1
        self.on_done()


class Mount:
    """Makes what a run writes raise as a network mount that is away does."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int):
        self.away, self.number, self.refused = False, number, {"log": 0, "rows": 0, "save": 0, "tables": 0}
        patch.setattr(log, "append", self.through("log", log.append))
        patch.setattr(outcome.io, "write", self.through("rows", outcome.io.write))
        patch.setattr(saver.Saver, "save", self.through("save", saver.Saver.save))
        patch.setattr(engine.io, "merge", self.through("tables", engine.io.merge))
        patch.setattr(away, "PAUSE", 0.01)
        patch.setattr(away, "SELDOM", 0.0)

    def goes(self, now: bool) -> None:
        self.away = self.away or now

    def through(self, name: str, do: Any):
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.away:
                self.refused[name] += 1
                error = OSError(self.number, os.strerror(self.number))
                if name == "save":  # Orbax passes it on as it is
                    raise error
                raise InputError("cannot be written") from error
            return do(*args, **kwargs)

        return call


def train(out: Path, corpus: Any, progress: Quiet):
    store.claim(out, SWEEP, as_dict(corpus.manifest))
    return engine.run(SWEEP, TRIALS, out, corpus, progress)


@fault(
    "stores",
    "the store or network mount goes away in mid-run and comes back",
    "training goes on; rows, lines of the log and checkpoints are kept and written when it is back; told once each way",
    code=0,
    where="the log, rows, saves and the tables raise ESTALE: while a cohort trains, then at the merge",
)
def test_a_mount_that_goes_away_and_comes_back(tmp_path, corpus, whole, monkeypatch):
    mount, shown = Mount(monkeypatch, errno.ESTALE), Listening()
    real = time.sleep

    def wait(seconds: float) -> None:
        """The store is back when it has been asked for what this outage is to hold up."""
        if mount.refused["save"] >= 3 and (mount.refused["tables"] >= 2 or not shown.ended):
            mount.away = False
        real(min(seconds, 0.01))

    monkeypatch.setattr(away.time, "sleep", wait)
    shown.on_begun = lambda: mount.goes(not mount.refused["save"])
    shown.on_done = lambda: mount.goes(shown.ended == 2)
    train(tmp_path / "run", corpus, shown)
    assert all(mount.refused[name] for name in ("rows", "log", "save", "tables")), mount.refused
    assert losses(tmp_path / "run") == losses(whole)
    assert curves(tmp_path / "run").select(["trial", "step", "loss"]) == curves(whole).select(["trial", "step", "loss"])
    assert ["store is away" in note for note in shown.notes] == [True, False, True, False], shown.notes
    folder = next((tmp_path / "run" / "cohorts").iterdir())
    events = log.Log(folder / log.LOG).events()
    assert [e["chunk"] for e in events if "seconds" in e and "chunk" in e] == sorted(
        {e["chunk"] for e in events if "seconds" in e and "chunk" in e}
    )


@fault(
    "stores",
    "the store stays away until a cohort has ended, for longer than half an hour, or until the run is asked to stop",
    "the run ends with one line",
    code=3,
    remedy="repeat the command when the store is back",
    where="all that is written raises ETIMEDOUT from the first cohort on",
)
def test_a_mount_that_stays_away(stated, tmp_path, corpus, whole, monkeypatch):
    with monkeypatch.context() as patch:
        mount, shown = Mount(patch, errno.ETIMEDOUT), Listening()
        patch.setattr(away, "LIMIT", 0.0)
        shown.on_begun = lambda: mount.goes(True)
        with pytest.raises(Partial) as error:
            train(tmp_path / "run", corpus, shown)
        assert "stays away" in stated.ended(error.value)
    train(tmp_path / "run", corpus, Quiet())
    assert losses(tmp_path / "run") == losses(whole)


@pytest.mark.parametrize(
    ("number", "passes"),
    [(errno.EIO, True), (errno.ESTALE, True), (errno.ETIMEDOUT, True), (errno.ECONNRESET, True),
     (errno.ENOSPC, False), (errno.EACCES, False), (errno.EROFS, False), (errno.EDQUOT, False)],
)  # fmt: skip
def test_what_passes_by_itself(number, passes):
    assert passing(OSError(number, os.strerror(number))) == passes
    assert passing(ValueError(f"INTERNAL: Error writing [OS error {number}: X]")) == passes
    wrapped = InputError("cannot be written")
    wrapped.__cause__ = OSError(number, os.strerror(number))
    assert passing(wrapped) == passes


def test_it_is_said_once_when_it_goes_and_once_when_all_is_back():
    notes: list[str] = []
    watched = Away(notes.append)

    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    assert not watched.works("rows", fail)
    assert not watched.works("checkpoints", fail)
    assert watched.works("rows", lambda: None)
    assert len(notes) == 1
    assert watched.works("checkpoints", lambda: None)
    assert len(notes) == 2
    with pytest.raises(OSError, match="full"):
        watched.works("rows", lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))


def test_a_stop_does_not_wait_for_long(monkeypatch):
    monkeypatch.setattr(away, "GRACE", 0.0)
    monkeypatch.setattr(away, "PAUSE", 0.001)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Partial, match="stays away"):
        Away().until("rows", lambda: (_ for _ in ()).throw(TimeoutError("no answer")), stop)
