"""Intervals against closed forms and SciPy."""

import numpy as np
import pytest
from scipy import stats

from sweep.errors import InputError
from sweep.fit.interval import METHODS, Doubt, linear_share, normal_scores, projector, student_t, widened


def ends(pair):
    """[low, high] as an array."""
    return np.array(pair, float)


def resampled_mean(sample, lanes=4000, seed=0):
    """(means [lanes], Doubt) of resamples of a sample."""
    n = len(sample)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=lanes).astype(float)
    return drawn @ sample / n, Doubt(drawn, n, n, 0)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 8, 39, 240, 1000, 5000])
@pytest.mark.parametrize("p", [0.6, 0.95, 0.995])
def test_student_t(p, freedom):
    assert student_t(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-10 if freedom <= 1000 else 1e-3)


def test_normal_scores_of_ranks_and_ties():
    values = np.array([3.0, 1.0, 2.0, 2.0, 9.0])
    np.testing.assert_allclose(normal_scores(values), stats.norm.ppf((stats.rankdata(values) - 0.5) / 5))
    np.testing.assert_allclose(normal_scores(np.exp(values)), normal_scores(values))


def test_adjusted_of_a_mean_is_students_interval():
    half = np.random.default_rng(1).normal(size=6)
    sample = np.concatenate([half, -half]) + 0.3  # symmetric: its resamples are not skewed
    values, doubt = resampled_mean(sample, lanes=40_000)
    half = stats.t.ppf(0.95, 11) * sample.std(ddof=1) / np.sqrt(12)
    expected = [sample.mean() - half, sample.mean() + half]
    np.testing.assert_allclose(ends(doubt.interval(values, 0.9)), expected, atol=0.05 * half)
    low, high = ends(doubt.interval(values, 0.9, "percentile"))
    assert expected[0] < low < high < expected[1]


def test_runs_used_up_by_parameters_widen():
    values, doubt = resampled_mean(np.random.default_rng(1).normal(size=12))
    spent = Doubt(doubt.drawn, 12, 12, 5)
    assert spent.widening(values, 0.9) == pytest.approx(doubt.widening(values, 0.9) * np.sqrt(12 / 7))
    trunks = Doubt(doubt.drawn, 12, 36, 5)  # three runs each: they count for 18
    assert trunks.widening(values, 0.9) == pytest.approx(doubt.widening(values, 0.9) * np.sqrt(18 / 13))


def test_bca_agrees_with_scipy():
    sample = np.random.default_rng(2).exponential(size=25)
    values, doubt = resampled_mean(sample, lanes=20_000)
    theirs = stats.bootstrap((sample,), np.mean, n_resamples=20_000, confidence_level=0.9, rng=np.random.default_rng(0))
    ours = ends(doubt.interval(values, 0.9, "bca", sample.mean()))
    width = np.diff(theirs.confidence_interval)[0]
    np.testing.assert_allclose(ours, theirs.confidence_interval, atol=0.03 * width)
    assert ours[0] > np.quantile(values, 0.05)  # skewed to the right: both ends move up
    with pytest.raises(InputError, match="estimate"):
        doubt.interval(values, 0.9, "bca")


def test_share_of_the_variance_that_is_linear_in_the_counts():
    values, doubt = resampled_mean(np.random.default_rng(3).normal(size=20))
    noise = np.random.default_rng(4).normal(size=len(values)) * values.std()

    def share(v):
        return linear_share(v, doubt.drawn, projector(doubt.drawn) @ (v - v.mean()))

    assert share(values) == pytest.approx(1)
    assert share(values + noise) == pytest.approx(0.5, abs=0.03)
    assert share(noise) == 0.05  # never narrowed without end
    median = np.array([np.median(np.repeat(np.arange(20.0), d.astype(int))) for d in doubt.drawn])
    assert 0.5 < share(median) < 0.9  # least absolute deviations: not linear


def test_without_two_resamples_a_group_nothing_is_narrowed():
    values, doubt = resampled_mean(np.random.default_rng(3).normal(size=60), lanes=100)
    assert projector(doubt.drawn) is None
    kept = Doubt(doubt.drawn[:, :0], 60, 60, 0)
    assert doubt.widening(values, 0.9) == kept.widening(values, 0.9) > 1


@pytest.mark.parametrize("method", METHODS)
def test_a_transformed_quantity_has_the_transformed_interval(method):
    values, doubt = resampled_mean(np.random.default_rng(5).normal(size=15))
    plain = ends(doubt.interval(values, 0.8, method, 0.1))
    powers = ends(doubt.interval(np.exp(values), 0.8, method, np.exp(0.1)))
    tolerance = 1e-3 if method != "bca" else 0.1  # its acceleration is of the value, not of its ranks
    np.testing.assert_allclose(np.log(powers), plain, atol=tolerance)


def test_what_cannot_be_told_is_null():
    values, doubt = resampled_mean(np.arange(5.0), lanes=50)
    assert doubt.interval(np.where(np.arange(50) < 19, values, np.nan), 0.9) == [None, None]
    assert Doubt(doubt.drawn[:, :1], 1, 5, 0).interval(values, 0.9) == [None, None]  # one trunk: no second opinion
    gaps = doubt.interval(np.where(np.arange(50) < 30, values, np.inf), 0.9)
    assert gaps == Doubt(doubt.drawn[:30], 5, 5, 0).interval(values[:30], 0.9)
    assert widened([None, None], 1.0, 2.0) == [None, None]
    assert widened([1.0, 4.0], 2.0, 3.0) == [-1.0, 8.0]


@pytest.mark.parametrize(
    ("level", "method", "why"), [(0.0, "adjusted", "level"), (1.5, "bca", "level"), (0.9, "t", "no method")]
)
def test_bad_questions(level, method, why):
    values, doubt = resampled_mean(np.arange(5.0), lanes=50)
    with pytest.raises(InputError, match=why):
        doubt.interval(values, level, method)


def test_under_half_of_the_resamples_is_no_interval():
    """The others say how the answer spreads if there is one, not how it spreads."""
    values, doubt = resampled_mean(np.random.default_rng(3).normal(size=20), lanes=200)
    kept = Doubt(doubt.drawn, 20, 20, 0, resamples=401)
    assert kept.interval(values, 0.9) == [None, None]
    assert Doubt(doubt.drawn, 20, 20, 0, resamples=400).interval(values, 0.9) == doubt.interval(values, 0.9)
    assert kept.least == 201
