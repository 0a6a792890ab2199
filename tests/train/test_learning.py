"""What training reaches, against a source whose entropy is known."""

import math
import threading

import jax
import numpy as np
import pytest

from sweep.train.cohort import CohortRun, Settings
from tests.train.tiny import cohort_of, make_trial


@pytest.mark.slow
def test_a_markov_source_is_learnt_to_its_entropy(tmp_path):
    """An order-1 chain over 8 symbols: no model can beat its entropy rate, and this one comes within 3 percent."""
    rng = np.random.default_rng(0)
    matrix = rng.dirichlet(np.full(8, 0.5), size=8)
    vectors = np.linalg.eig(matrix.T)
    stationary = np.real(vectors.eigenvectors[:, np.argmax(np.real(vectors.eigenvalues))])
    stationary /= stationary.sum()
    entropy = -(stationary[:, None] * matrix * np.log(matrix)).sum()

    uniform, chain = rng.random(60_000), np.zeros(60_000, np.int64)
    cumulative = matrix.cumsum(1)
    for i in range(1, len(chain)):
        chain[i] = min(7, np.searchsorted(cumulative[chain[i - 1]], uniform[i]))
    val = chain[40_000:].astype(np.int32)
    windows = np.stack([val[i * 16 : i * 16 + 17] for i in range(1000)])

    shape = make_trial().shape
    trial = make_trial(
        type(shape)(**{**shape.__dict__, "vocab": 8}), steps=400, warmup=20, cooldown=80, lr=0.02, weight_decay=0.0
    )
    settings = Settings(tmp_path, mode="map", steps=100)
    run = CohortRun(cohort_of(trial), jax.devices()[:1], 1, (chain[:40_000].astype(np.uint16), windows), settings)
    run.run(threading.Event())
    result = run.cursor.results[trial.id]
    assert entropy - 3 * result["loss_se"] < result["loss"] < 1.03 * entropy
    assert entropy < 0.8 * math.log(8)  # the source has something to learn
