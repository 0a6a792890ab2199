"""Tiny trials and cohorts for the tests of training."""

import dataclasses
from typing import Any

import numpy as np

from sweep.design.cohorts import Cohort
from sweep.design.trial import Trial, trunk_key
from sweep.models.shape import Shape
from sweep.train.cohort import CohortRun

TINY = Shape(vocab=64, width=8, depth=1, heads=1, kv_heads=1, head_dim=8, ffn=16, seq_len=16, batch=8)


def make_trial(shape: Shape = TINY, **changes) -> Trial:
    """A short run; `trunk=True` gives it the key that it shares with others of its kind."""
    branches = changes.pop("trunk", False)
    fields: dict[str, Any] = {
        "shape": shape, "steps": 20, "lr": 0.01, "warmup": 4, "cooldown": 4, "schedule": "wsd",
        "cooldown_shape": "sqrt", "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "grad_clip": 1.0, "seed": 0,
        "data_seed": 0, "data": "test", "budget": 1e9,
    }  # fmt: skip
    fields.update(changes)
    trial = Trial(**fields)
    return dataclasses.replace(trial, trunk=trunk_key(trial)) if branches else trial


def cohort_of(*trials: Trial) -> Cohort:
    """The cohort of trials of one shape, in the design's order."""
    return Cohort(trials[0].shape, tuple(sorted(trials, key=lambda t: (t.steps, t.id))))


def counter() -> tuple[np.ndarray, np.ndarray]:
    """Training tokens and validation windows with something to learn: a noisy counter modulo 64."""
    rng = np.random.default_rng(0)
    tokens = (np.arange(9000) + (rng.random(9000) < 0.2) * rng.integers(0, 64, 9000)) % 64
    val = tokens[8000:].astype(np.int32)
    windows = np.stack([val[i * 16 : i * 16 + 17] for i in range(32)])
    return tokens[:8000].astype(np.uint16), windows


def losses(run: CohortRun) -> dict[str, float]:
    """Validation loss at the horizon, by trial id."""
    return {key: result["loss"] for key, result in run.cursor.results.items()}
