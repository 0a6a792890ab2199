"""TensorBoard files: every curve point once, under its own row."""

import importlib.util
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.train.board import Board
from sweep.train.cohort import CohortRun
from sweep.train.progress import Quiet
from tests.train.tiny import make_trial


class Shown(Quiet):
    """Counts the events that reach what the board wraps."""

    updates = 0

    def update(self, run: CohortRun) -> None:
        self.updates += 1


def test_points_are_written_once_and_events_passed_on(train, tmp_path: Path):
    shown = Shown()
    board = Board(tmp_path, shown)
    trial = make_trial(steps=24)
    with board.showing([], {}, {}):
        run = train(trial, on_chunk=board.update)
        board.done(run)
    files = list((tmp_path / trial.id).iterdir())
    assert len(files) == 1
    written = files[0].read_bytes()
    validated = sum(point["loss"] is not None for point in run.cursor.curves)
    assert written.count(b"loss/train") == len(run.cursor.curves) == shown.updates == 3
    assert written.count(b"loss/validation") == validated > 0


def test_without_tensorboard_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'isoflop\[tensorboard\]'"):
        Board(tmp_path, Quiet())
