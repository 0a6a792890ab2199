"""Tiny cohorts and tokens, shared by the tests of training; programs compiled once are kept for the session."""

import threading
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from sweep.design.trial import Trial
from sweep.train.cohort import CohortRun, Settings
from tests.train.tiny import cohort_of, counter


@pytest.fixture(scope="session", autouse=True)
def programs(compile_cache: None) -> None:
    """Compiled once."""


@pytest.fixture(scope="session")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Tokens with something to learn."""
    return counter()


@pytest.fixture(scope="session")
def train(data, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CohortRun]:
    """train(*trials, devices=8, on_chunk=..., stop=..., **settings) -> the finished run."""

    def run(*trials: Trial, devices: int = 1, folder: Path | None = None, on_chunk=None, stop=None, **settings):
        folder = folder or tmp_path_factory.mktemp("cohort")
        trial = settings.pop("trial_devices", 1)
        made = Settings(folder, **{"curve_points": 4, "steps": 8, "mode": "map"} | settings)
        running = CohortRun(cohort_of(*trials), jax.devices()[:devices], trial, data, made)
        running.on_chunk = on_chunk or running.on_chunk
        running.run(stop or threading.Event(), 1 + running.log.count("begun"))
        return running

    return run
