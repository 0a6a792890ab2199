"""Learning-rate sequences: sums by loops, the compressed schedule against the full sum of its definition."""

import numpy as np
import pytest

from sweep.laws import schedules

COSINE = schedules.cosine(2160, 24000, 3e-4, 3e-5)
STAGES = schedules.two_stage(2160, 16000, 3e-4, 8000, 9e-5)


def full_sum(rates, step, C, beta, gamma):
    """sum_k (lr_k - lr_{k-1}) [1 - (1 + C lr_k^-gamma S_k)^-beta] over every step up to `step`."""
    total = np.cumsum(rates)
    k = np.arange(1, step + 1)
    since = total[step] - total[k - 1]
    return np.sum((rates[k] - rates[k - 1]) * (1 - (1 + C * rates[k] ** -gamma * since) ** -beta))


@pytest.mark.parametrize("rates", [COSINE, STAGES, schedules.two_stage(2160, 24000, 3e-4, 9000, 3e-4)])
def test_compressed_schedule_is_the_full_sum(rates):
    steps = np.array([2176, 7999, 8000, 8001, 8010, 9000, 12000, 15999])
    rows = schedules.compress(rates, steps)
    assert rows.shape == (1 + 6 * schedules.GROUPS, len(steps))
    np.testing.assert_allclose(rows[0], np.cumsum(rates)[steps], rtol=1e-12)
    change, rate, since = np.concatenate(rows[1:].reshape(2, 3, schedules.GROUPS, -1), axis=1)
    got = np.sum(change * (1 - (1 + 2.07 * rate**-0.64 * since) ** -0.58), axis=0)
    expected = [full_sum(rates, s, 2.07, 0.58, 0.64) for s in steps]
    np.testing.assert_allclose(364 * got, np.multiply(364, expected), atol=4e-5)  # nats/token at the published B
    np.testing.assert_allclose(change.sum(axis=0), rates[steps] - rates[0], atol=1e-15)


def test_a_lone_jump_is_exact():
    rates = np.concatenate([np.full(1000, 3e-4), np.full(500, 9e-5)])
    rows = schedules.compress(rates, np.array([1200]))
    change, rate, since = np.concatenate(rows[1:].reshape(2, 3, schedules.GROUPS, -1), axis=1)
    hit = np.flatnonzero(change[:, 0])
    assert len(hit) == 1
    np.testing.assert_allclose(
        [change[hit[0], 0], rate[hit[0], 0], since[hit[0], 0]], [-2.1e-4, 9e-5, 201 * 9e-5], rtol=1e-9
    )


def test_annealing_is_its_double_sum():
    rates = np.concatenate([np.linspace(0, 1e-3, 20), np.linspace(1e-3, 2e-4, 60)])
    drops = np.maximum(-np.diff(rates, prepend=rates[0]), 0)
    double = [sum(drops[k] * 0.9 ** (i - k) for i in range(s + 1) for k in range(i + 1)) for s in (30, 79)]
    np.testing.assert_allclose(schedules.annealing(rates, np.array([30, 79]), 0.9), double, rtol=1e-12)


def test_rates_between_rows():
    step = np.arange(2160, 24000, 128)
    np.testing.assert_allclose(schedules.from_rows(step, COSINE[step], 2160), COSINE[: step[-1] + 1], atol=2e-8)
    step = np.concatenate([np.arange(2176, 8000, 128), np.arange(8000, 15999, 128)])
    np.testing.assert_allclose(schedules.from_rows(step, STAGES[step], 2160), STAGES[: step[-1] + 1], atol=1e-12)


def test_rows_of_several_runs_keep_their_place():
    step = np.tile(np.arange(2176, 15000, 512), 2)
    run = np.repeat(["a", "b"], len(step) // 2)
    lr = np.where(run == "a", COSINE[step], STAGES[step])
    mixed = np.random.default_rng(0).permutation(len(step))
    together = schedules.of_rows(schedules.compress, run[mixed], step[mixed], lr[mixed])
    apart = schedules.of_rows(schedules.compress, run, step, lr)
    np.testing.assert_array_equal(together, apart[:, mixed])
