"""TensorBoard, for those who watch curves there: the same points as curves.parquet, one run a trial."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweep.errors import InputError
from sweep.train.cohort import CohortRun
from sweep.train.follow import Follower
from sweep.train.progress import Quiet


class Board(Follower):
    """Passes every event on to `shown`, and writes new curve points below `folder`; a trunk has a run of its own.

    Raises:
        InputError: tensorboardX is not installed.
    """

    def __init__(self, folder: Path, shown: Quiet):
        super().__init__(shown)
        if importlib.util.find_spec("tensorboardX") is None:
            raise InputError("tensorboard: tensorboardX is missing; pip install 'isoflop[tensorboard]'")
        self.folder = folder
        self.writers: dict[str, Any] = {}

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()

    def write(self, run: CohortRun, points: Sequence[Mapping[str, Any]]) -> None:
        from tensorboardX import SummaryWriter

        for point in points:
            key, step = point["trial"], point["step"]
            if key not in self.writers:
                self.writers[key] = SummaryWriter(str(self.folder / key))
            writer = self.writers[key]
            writer.add_scalar("loss/train", point["train_loss"], step)
            if point["loss"] is not None:
                writer.add_scalar("loss/validation", point["loss"], step)
