"""Watching a sweep: until it ends, a line a change, and reading little."""

import threading
import time
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.train.log import Log
from sweep.verbs import status, status_watch
from sweep.verbs.output import Output
from sweep.verbs.status_memory import Memory
from tests.verbs.test_status import ALONE, LONG, SHORT, TRIALS, folder, log, out, row, rows  # noqa: F401 (a fixture)


def picture(*states: str, law: str = "law") -> Output:
    trials = [{"trial": f"t{i}", "state": state} for i, state in enumerate(states)]
    return Output({"trials": trials, "law": {"text": law}}, f"head {' '.join(states)}\nrest")


def watched(monkeypatch, *pictures: Output) -> tuple[Output, int]:
    """(what it ends with, how many looks it took)."""
    monkeypatch.setattr(status_watch, "IDLE", 0.0)
    left = list(pictures)
    found = status_watch.watch(lambda: left.pop(0), lambda t: f"{t['trial']} {t['state']}", 1e-4)
    return found, len(pictures) - len(left)


def test_it_ends_with_the_sweep_and_tells_each_change_once(monkeypatch, capsys):
    looks = [
        ("pending", "pending"),
        ("training", "pending"),
        ("training", "pending"),
        ("done", "training"),
        ("done", "failed"),
    ]
    found, count = watched(monkeypatch, *(picture(*states) for states in looks), picture())
    assert (found.code, count) == (0, 5)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["head pending pending", "t0 training", "t0 done", "t1 training", "t1 failed"]


def test_a_sweep_that_was_stopped_ends_as_partial(monkeypatch):
    found, count = watched(monkeypatch, picture("training", "pending"), picture("stopped", "pending"), picture("done"))
    assert (found.code, count) == (3, 2)


def test_a_sweep_whose_processes_were_killed_before_a_step_of_what_is_left_ends_as_partial(monkeypatch):
    found, count = watched(monkeypatch, picture("done", "compiling"), picture("done", "pending"), picture("done"))
    assert (found.code, count) == (3, 2)


def test_between_two_cohorts_it_waits(monkeypatch):
    looks = [picture("done", "stopped"), picture("done", "compiling"), picture("done", "done")]
    left = list(looks)
    found = status_watch.watch(lambda: left.pop(0), str, 1e-4)
    assert (found.code, left) == (0, [])


def test_ctrl_c_ends_with_the_last_picture(monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    found, _ = watched(monkeypatch, picture("training"))
    assert (found.code, found.text) == (0, "head training\nrest")


def test_a_terminal_shows_what_trains_first_and_as_much_as_there_is_room():
    text = status_watch.screen(picture(*["done"] * 40, "training"), lambda t: f"  {t['trial']} {t['state']}", 10).plain
    lines = text.splitlines()
    assert len(lines) == 9
    assert lines[1] == "  t40 training"
    assert lines[-2:] == ["  … 35 more", "law"]


def test_cohorts_that_are_done_are_read_once_and_the_law_fitted_with_each_trial(out: Path, monkeypatch):  # noqa: F811
    read, fits, merges = [], [], []
    events, merged, law = Log.events, status.io.merged, status.law_so_far
    monkeypatch.setattr(Log, "events", lambda self: read.append(self.path) or events(self))
    monkeypatch.setattr(status.io, "merged", lambda place: merges.append(place) or merged(place))
    monkeypatch.setattr(status, "law_so_far", lambda place: fits.append(place) or law(place))
    memory = Memory()
    log(out, {"given": 1}, {"begun": 1, "left": 68.0})
    for _ in range(3):
        status.picture(out, memory)
    assert (len(read), len(merges), len(fits)) == (3, 1, 1)
    log(out, {"given": 1}, {"begun": 1, "left": 68.0}, {"chunk": 3, "left": 0.0, "rows": {SHORT.id: 20}})
    rows(out, *(row(t, 2.0) for t in TRIALS))
    (folder(out) / "DONE").write_text("")
    seen = [status.picture(out, memory) for _ in range(3)][-1]
    assert [t["state"] for t in seen.data["trials"]] == ["done"] * 3
    assert (len(read), len(merges), len(fits)) == (4, 2, 2)


def test_the_verb_watches_a_directory_to_its_end(out: Path, capsys):  # noqa: F811
    log(out, {"given": 1}, {"begun": 1, "left": 68.0})

    def finish() -> None:
        rows(out, row(SHORT, 2.0), row(LONG, 1.9), row(ALONE, None, "diverged", reason="it broke"))
        (folder(out) / "DONE").write_text("")

    timer = threading.Timer(0.3, finish)
    timer.start()
    try:
        found = status.run(status.Args(str(out), watch=True, every=0.05))
    finally:
        timer.join()
    assert "2 done" in found.text
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert told.count("\n") == 4  # the heading, and three trials that ended
    with pytest.raises(InputError, match="--every"):
        status.run(status.Args(str(out), watch=True, every=0.0))
