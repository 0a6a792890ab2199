"""What is shown while a sweep trains: a line where there is no terminal, a table where there is one."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sweep.train import progress
from sweep.train.cohort import CohortRun
from sweep.train.cursor import Cursor
from sweep.train.progress import Progress, cell, clock
from sweep.train.rows import rows_of
from tests.train.tiny import cohort_of, make_trial

BRANCHES = [make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)]
COHORT = cohort_of(*BRANCHES, make_trial(steps=40, seed=1, budget=2e9))
ROWS = rows_of(COHORT)  # trunk, short, long, alone


def run_at(**changes: Any) -> CohortRun:
    """A cohort's run as far as showing it needs one."""
    run = object.__new__(CohortRun)
    run.__dict__.update(cohort=COHORT, rows=ROWS, cursor=Cursor(**Cursor.start(ROWS).as_dict() | changes))
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


def test_one_plain_line_an_interval(monkeypatch):
    now = SimpleNamespace(value=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.value)
    shown = console(terminal=False)
    made = Progress(shown)
    with made.showing([COHORT], 2):
        for now.value in (1.0, 5.0, 11.0, 12.0, 22.0):
            made.update(run_at(step=[16, 0, 0, 20]))
    lines = text(shown).splitlines()
    assert lines[0] == "training 3 trials in 1 compiled programs, 2 programs done before"
    assert len(lines) == 3  # at 11 and at 22 seconds
    assert "\x1b" not in text(shown)
    steps, left = 24 + 4 + 6 + 40, 8 + 4 + 6 + 20
    assert f"{1 - left / steps:.0%} of the FLOPs, 0/3 trials" in lines[1]
    assert f"{(steps - left) * 128 / 22:,.0f} tokens/s, 0:22 so far" in lines[2]
    assert f"{clock(22 * left / (steps - left))} left" in lines[2]


def test_families_are_rows_of_the_table():
    shown = console(terminal=True)
    made = Progress(shown)
    with made.showing([COHORT], 0):
        made.update(run_at(step=[24, 20, 0, 20], results={ROWS[1].key: {"loss": 2.5}}))
    final = text(shown)
    assert "1.0e+09" in final
    assert "2.0e+09" in final
    assert "2.500" in final
    assert "50%" in final
    assert "1/3 trials" in final


def test_a_finished_cohort_leaves_nothing_to_do():
    made = Progress(console(terminal=False))
    with made.showing([COHORT], 0):
        made.done(run_at())
        assert "100% of the FLOPs" in made.line()


def test_a_failure_is_told():
    shown = console(terminal=False)
    Progress(shown).failed(COHORT, "out of memory")
    assert f"cohort {COHORT.hash} (width 8) failed: out of memory" in " ".join(text(shown).split())
