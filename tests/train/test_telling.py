"""Cohorts that another process trains are on the board of process 0, as if they were its own."""

import dataclasses
import io
from typing import Any

from rich.console import Console

from sweep.train.gang.team import Team
from sweep.train.progress import Progress, clock
from sweep.train.telling import Telling, hearing
from tests.train.gang.test_team import Board
from tests.train.test_progress import COHORT, PER_STEP, ROWS, STEPS, Clock, run_at
from tests.train.tiny import TINY, cohort_of, make_trial

OTHER = cohort_of(make_trial(dataclasses.replace(TINY, width=16, ffn=24), steps=24))


def two(monkeypatch) -> tuple[Clock, Telling, Progress, Any]:
    """A clock, what process 1 tells, the board of process 0, and how it looks at what is told."""
    board = Board()
    first, second = (Team("all", (0, 1), me, board) for me in (0, 1))
    shown = Progress(Console(file=io.StringIO(), width=100))
    now = Clock(monkeypatch)

    def look() -> None:
        with hearing(first, shown):
            pass

    return now, Telling(second), shown, look


def test_a_cohort_of_another_process_is_on_the_board(monkeypatch):
    """Ten seconds of compiling, then 16 steps of the trunk and 20 alone in 18 s: as on the board of who trains it."""
    now, teller, shown, look = two(monkeypatch)
    with shown.showing([COHORT], {}, {}):
        teller.turn(COHORT)
        run = run_at()
        run.machine.watch.now = ("training", 3.0)
        teller.prepared(run)
        now.now = 8.0
        teller.tell()
        look()
        now.now = 9.0
        assert "compiling width 8 (training), 0:06" in shown.line()
        run.machine.watch.now = None
        now.now = 10.0
        teller.begun(run)
        now.now = 28.0
        teller.update(run_at(trained_s=18.0, step=[16, 0, 0, 20], results={ROWS[1].key: {"loss": 2.5}}))
        teller.tell()
        look()
        look()  # twice the same: no tokens are counted twice
        line = shown.line()
        assert f"{36 / STEPS:.0%} of the FLOPs, 1/3 trials, {36 * 128 / 28:,.0f} tokens/s" in line
        assert f"about {clock(18 * (STEPS - 36) / 36)} left" in line
        assert "compiling" not in line
        teller.done(run_at(trained_s=40.0, step=[24, 20, 30, 40], results={r.key: {"loss": 2.5} for r in ROWS[1:]}))
        look()
        assert "100% of the FLOPs, 3/3 trials" in shown.line()


def test_what_another_process_cannot_train_is_told_once(monkeypatch):
    _, teller, shown, look = two(monkeypatch)
    with shown.showing([COHORT, OTHER], {}, {}):
        teller.turn(OTHER)
        teller.failed(OTHER, "no choice fits")
        look()
        look()
        share = OTHER.flops / (OTHER.flops + PER_STEP * STEPS)
        assert f"{share:.0%} of the FLOPs, 0/4 trials" in shown.line()
    assert isinstance(shown.console.file, io.StringIO)
    assert shown.console.file.getvalue().count("(width 16) failed: no choice fits") == 1
