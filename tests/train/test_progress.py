"""What is shown while a sweep trains: a line where there is no terminal, a table where there is one."""

import dataclasses
import io
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sweep.train import progress
from sweep.train.cohort import CohortRun
from sweep.train.cursor import Cursor
from sweep.train.eta import Stand
from sweep.train.progress import Progress, clock
from sweep.train.rows import rows_of
from sweep.train.track import cell, cell_of
from sweep.train.watch import Watch
from tests.train.tiny import TINY, cohort_of, make_trial

BRANCHES = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
COHORT = cohort_of(*BRANCHES, make_trial(steps=40, seed=1, budget=2e9))
OTHER = cohort_of(make_trial(dataclasses.replace(TINY, width=16, ffn=24), steps=24))
ROWS = rows_of(COHORT)  # trunk, short, long, alone


def run_at(trained_s: float = 0.0, **changes: Any) -> CohortRun:
    """A cohort's run as far as showing it needs one."""
    run = object.__new__(CohortRun)
    cursor = Cursor(**Cursor.start(ROWS).as_dict() | changes)
    machine = SimpleNamespace(watch=Watch())
    run.__dict__.update(cohort=COHORT, rows=ROWS, cursor=cursor, trained_s=trained_s, machine=machine)
    return run


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def text(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


@pytest.mark.parametrize(
    ("changes", "r", "shown"),
    [
        ({}, 3, "·"),
        ({"step": [0, 0, 0, 10]}, 3, "25%"),
        ({"step": [16, 0, 0, 0]}, 2, "53%"),  # a branch is as far as its trunk
        ({"step": [24, 0, 0, 0]}, 1, "80%"),  # and waits where it leaves it
        ({"diverged": [-1, -1, -1, 7]}, 3, "nan"),
        ({"diverged": [7, -1, -1, -1]}, 2, "nan"),
        ({"results": {ROWS[3].key: {"loss": 2.34567}}}, 3, "2.346"),
    ],
)
def test_cells(changes, r, shown):
    assert cell(run_at(**changes), r) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, "0:00"), (63.9, "1:03"), (3723.0, "1:02:03")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown


class Clock:
    """The monotonic clock of the board, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 0.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


STEPS = 24 + 4 + 6 + 40  # of trunk, branches, alone
PER_STEP = COHORT.flops / STEPS


def test_a_line_says_share_speed_and_time_left(monkeypatch):
    """16 steps of the trunk and 20 alone in 18 s of training, after 4 s of compiling."""
    now, made = Clock(monkeypatch), Progress(console(terminal=False))
    with made.showing([COHORT], {}, {}):
        made.turn(COHORT)
        assert "time left not known before a program trains" in made.line()
        now.now = 4.0
        made.begun(run_at())
        now.now = 22.0
        made.update(run_at(trained_s=18.0, step=[16, 0, 0, 20]))
        left = STEPS - 36
        assert f"{36 / STEPS:.0%} of the FLOPs, 0/3 trials" in made.line()
        assert f"{36 * 128 / 22:,.0f} tokens/s, 0:22 so far" in made.line()
        assert f"about {clock(18 * left / 36)} left" in made.line()
    assert "\x1b" not in text(made.console)


def test_the_time_left_has_room_for_compiling(monkeypatch):
    """Two cohorts, one after another: the second takes as long to get ready as the first, 40 s."""
    now, made = Clock(monkeypatch), Progress(console(terminal=False))
    with made.showing([COHORT, OTHER], {}, {}):
        made.turn(COHORT)
        now.now = 40.0
        made.begun(run_at())
        now.now = 50.0
        made.update(run_at(trained_s=10.0, step=[24, 20, 30, 40], forked=[True] * 4))
        made.done(run_at(trained_s=10.0, step=[24, 20, 30, 40], forked=[True] * 4))
        speed = COHORT.flops / 10
        assert f"about {clock(40 + OTHER.flops / speed)} left" in made.line()
        made.turn(OTHER)
        now.now = 75.0
        assert f"about {clock(15 + OTHER.flops / speed)} left" in made.line()


def test_what_is_compiled_and_for_how_long(monkeypatch):
    now, made = Clock(monkeypatch), Progress(console(terminal=False))
    run = run_at()
    run.machine = SimpleNamespace(watch=Watch())  # pyright: ignore[reportAttributeAccessIssue]
    run.machine.watch.now = ("validation", 3.0)
    with made.showing([COHORT], {}, {}):
        made.prepared(run)
        now.now = 68.0
        assert "; compiling width 8 (validation), 1:05" in made.line()
        run.machine.watch.now = None
        assert "compiling" not in made.line()


def test_lines_go_on_while_nothing_is_read_back(monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.01)
    shown = console(terminal=False)
    with Progress(shown).showing([COHORT], {}, {}, ["2x1", "1x2", "2x1"]):
        time.sleep(0.2)
    lines = text(shown).splitlines()
    assert lines[0] == "training 3 trials in 1 compiled program, on meshes (trial x data) 2x1, 1x2"
    assert len(lines) > 3


def test_what_was_trained_before_is_on_the_board(monkeypatch):
    """A sweep that continues: a cohort that is done, and trials of the other one that ended before it was stopped."""
    now, made = Clock(monkeypatch), Progress(console(terminal=False))
    rows = {OTHER.trials[0].id: {"status": "done", "loss": 1.25}, ROWS[1].key: {"status": "done", "loss": 2.5}}
    trained = {OTHER.hash: Stand(0.0, OTHER.flops, 8.0, ready=True, waited=2.0)}
    with made.showing([COHORT, OTHER], trained, rows):
        assert "training 3 trials in 1 compiled program, 1 program done before" in text(made.console)
        share = OTHER.flops / (OTHER.flops + COHORT.flops)
        assert f"{share:.0%} of the FLOPs, 2/4 trials, 0 tokens/s" in made.line()
        assert f"about {clock(2 + 8 * COHORT.flops / OTHER.flops)} left" in made.line()
        made.turn(COHORT)
        now.now = 10.0
        made.begun(run_at(step=[24, 20, 0, 20], results={ROWS[1].key: {"loss": 2.5}}))
        made.done(run_at(step=[24, 20, 30, 40], results={row.key: {"loss": 2.5} for row in ROWS[1:]}))
        assert "100% of the FLOPs, 4/4 trials, 0 tokens/s" in made.line()


def test_families_are_rows_of_the_table():
    shown = console(terminal=True)
    made = Progress(shown)
    with made.showing([COHORT], {}, {}):
        made.begun(run_at())
        made.update(run_at(step=[24, 20, 0, 20], results={ROWS[1].key: {"loss": 2.5}}))
    final = text(shown)
    assert "1.0e+09" in final
    assert "2.0e+09" in final
    assert "2.500" in final
    assert "50%" in final
    assert "1/3 trials" in final


def test_a_failure_is_told_and_is_not_waited_for():
    shown = console(terminal=False)
    made = Progress(shown)
    with made.showing([COHORT], {}, {}):
        made.failed(COHORT, "out of memory")
        assert "100% of the FLOPs" in made.line()
    assert f"cohort {COHORT.hash} (width 8) failed: out of memory" in " ".join(text(shown).split())


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (None, "·"),
        ({"status": "failed", "loss": None}, "·"),  # it is tried again
        ({"status": "diverged", "loss": None}, "nan"),
        ({"status": "done", "loss": 1.23456}, "1.235"),
    ],
)
def test_cells_of_the_loss_table(row, shown):
    assert cell_of(row) == shown
