"""Weights & Biases, for those who watch and keep runs there: one run a trial, with its plan, its curve and its row."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sweep import config
from sweep.config import Sweep
from sweep.design import table
from sweep.design.cohorts import Cohort
from sweep.errors import InputError
from sweep.models import counting
from sweep.storage import Location
from sweep.tables import io
from sweep.train.cohort import CohortRun
from sweep.train.follow import Follower
from sweep.train.progress import Quiet

OFFLINE = ("offline", "disabled")  # modes of WANDB_MODE that need no account
OF_A_TRUNK = ("trial", "budget", "tokens", "flops_exact", "flops_6nd", "tokens_per_param", "steps", "cooldown")
SHARED = ("architecture", "recipe", "schedule", "data")  # of the config


class Tracker(Follower):
    """Passes every event on to `shown`, and writes every trial to a project; a trunk has a run of its own.

    A run continues under its id where the sweep does. What W&B cannot send it keeps in `wandb/` of the run
    directory, or of the working directory where that is in a store.

    Raises:
        InputError: wandb is not installed, or has no account to write to.
    """

    def __init__(self, sweep: Sweep, out: Location, shown: Quiet):
        super().__init__(shown)
        if importlib.util.find_spec("wandb") is None:
            raise InputError("wandb: the package is missing; pip install 'isoflop[wandb]'")
        self.wandb: Any = importlib.import_module("wandb")
        self.sweep, self.out = sweep, out
        self.runs: dict[str, Any] = {}
        self.lock = threading.Lock()  # cohorts train on threads
        self.gone = False  # W&B failed on the way: the sweep goes on without it
        try:
            if self.wandb.setup().settings.mode not in OFFLINE:
                self.wandb.login()
        except self.wandb.errors.Error as error:
            why = str(error).splitlines()[0].rstrip(".")
            raise InputError(f"wandb: {why}; or set WANDB_MODE=offline and sync later") from error

    def reach(self, do: Callable[[], None]) -> None:
        """Ask W&B for something; where it fails, it is told once, and nothing more is asked."""
        if self.gone:
            return
        try:
            do()
        except (self.wandb.errors.Error, OSError) as error:
            self.gone = True
            why = (str(error).splitlines() or [type(error).__name__])[0]
            print(f"wandb: {why}; the sweep goes on without it", file=sys.stderr)

    def begin(self, run: CohortRun, key: str) -> Any:
        """The run of a trial or of a trunk, begun or continued."""
        with self.lock:
            if key not in self.runs:
                own = next((t for t in run.cohort.trials if t.id == key), None)
                trial = own or next(t for t in run.cohort.trials if t.trunk == key)
                planned = {k: v for k, v in table.row(trial).items() if own or k not in OF_A_TRUNK}
                shared = {k: v for k, v in config.to_dict(self.sweep).items() if k in SHARED}
                self.runs[key] = self.wandb.init(
                    project=self.sweep.wandb,
                    id=f"{self.sweep.name}-{key}",
                    name=key,
                    group=self.sweep.name,
                    job_type="trial" if own else "trunk",
                    config={**planned, "fingerprint": trial.data, "config": shared},
                    dir=str(self.out) if isinstance(self.out, Path) else None,  # W&B writes on a disk
                    resume="allow",
                    reinit="create_new",
                    settings=self.wandb.Settings(console="off", silent=True),
                )
            return self.runs[key]

    def write(self, run: CohortRun, points: Sequence[Mapping[str, Any]]) -> None:
        for point in points:
            self.reach(partial(self.log, run, point))

    def log(self, run: CohortRun, point: Mapping[str, Any]) -> None:
        """Write one point to its run."""
        step, into = point["step"], self.begin(run, point["trial"])
        if step < into.step:
            return  # written before the sweep was stopped
        tokens = step * run.cohort.shape.batch_tokens
        flops = tokens * counting.train_flops_per_token(run.cohort.shape)
        values = {"loss/train": point["train_loss"], "tokens": tokens, "flops_exact": flops}
        into.log(values if point["loss"] is None else {**values, "loss/validation": point["loss"]}, step=step)

    def done(self, run: CohortRun) -> None:
        super().done(run)
        rows = io.read(run.settings.folder / f"rows-{run.cursor.attempts:03d}.parquet").to_pylist()
        for row in rows:
            if row["trial"] in self.runs:
                self.end(row["trial"], row)
        for key in {t.trunk for t in run.cohort.trials} & self.runs.keys():
            self.end(key or "", {"status": "done"})

    def failed(self, cohort: Cohort, reason: str) -> None:
        super().failed(cohort, reason)
        keys = {key for t in cohort.trials for key in (t.id, t.trunk)}
        for key in keys & self.runs.keys():
            self.end(key or "", {"status": "failed", "reason": reason})

    def end(self, key: str, row: Mapping[str, Any]) -> None:
        """Finish a run with what is known of it as its summary."""
        with self.lock:
            run = self.runs.pop(key)
        known = {name: value for name, value in row.items() if value is not None}
        self.reach(lambda: run.summary.update(known))
        self.reach(lambda: run.finish(exit_code=0 if row["status"] == "done" else 1))

    def close(self) -> None:
        """Runs that the sweep left in the middle; its next start continues them."""
        for key in list(self.runs):
            self.end(key, {"status": "partial"})
