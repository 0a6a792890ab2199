"""Counts of hits against the level, and signs that are as rare as they say where the intervals are right."""

import numpy as np
import pytest
from scipy.stats import binom

from sweep.plan.calibration import calibration, counts, sign


def ledger(errors, *, half=0.1, level=0.9, reach="extrapolation", fits=None) -> list[dict]:
    """Forecasts of 2.0 +- half with outcomes at these errors; None ended as diverged, "open" has no outcome."""
    lines = []
    for i, error in enumerate(errors):
        id, interval = f"{reach}-{i}", [2.0 - half, 2.0 + half]
        fit = fits[i] if fits else i
        line = {
            "kind": "forecast",
            "id": id,
            "loss": 2.0,
            "interval": interval,
            "level": level,
            "reach": reach,
            "fit": fit,
        }
        lines.append(line)
        if error != "open":
            inside = None if error is None else abs(error) <= half
            lines.append({"kind": "outcome", "forecast": id, "error": error, "inside": inside})
    return lines


def test_counts_against_the_binomial_and_mixed_levels():
    assert counts([0.9] * 7) == pytest.approx(binom.pmf(range(8), 7, 0.9))
    assert counts([0.5, 0.9]) == pytest.approx([0.05, 0.5, 0.45])


def test_hits_errors_and_what_is_left_out():
    found = calibration(ledger([0.05, -0.05, 0.2, None, "open"]))["extrapolation"]
    assert {k: found[k] for k in ("forecasts", "open", "unscored", "scored", "inside", "above")} == {
        "forecasts": 5, "open": 1, "unscored": 1, "scored": 3, "inside": 2, "above": 2,
    }  # fmt: skip
    assert found["expected"] == pytest.approx(2.7)
    assert found["mean_error"] == pytest.approx(0.2 / 3)
    assert found["rms_error"] == pytest.approx(np.sqrt((0.05**2 * 2 + 0.2**2) / 3))
    assert found["spread"] == pytest.approx(1.6448536 * np.sqrt((0.5**2 * 2 + 2**2) / 3))


def test_interpolations_are_counted_apart():
    found = calibration(ledger([0.01] * 3, reach="interpolation") + ledger([0.5]))
    assert found["interpolation"]["inside"] == 3
    assert found["extrapolation"]["inside"] == 0
    assert "unknown" not in found


def test_few_forecasts_show_little_and_say_so():
    found = calibration(ledger([0.0] * 5))["extrapolation"]
    assert found["verdict"] == "no_sign"
    assert (
        "of 5, only 2 or fewer inside would show over-confidence and no count can show under-confidence"
        in found["text"]
    )
    assert binom.cdf(2, 5, 0.9) < 0.05 < binom.cdf(3, 5, 0.9)
    assert (
        "29 or more would show under-confidence" in calibration(ledger([0.0] * 27 + [0.2] * 2))["extrapolation"]["text"]
    )


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [([0.5] * 3 + [0.0] * 3, "over_confident"), ([0.0] * 29, "under_confident"), ([], "nothing_scored")],
)
def test_signs(errors, verdict):
    found = calibration(ledger(errors or ["open"]))["extrapolation"]
    assert found["verdict"] == verdict


def test_a_sign_is_as_rare_as_it_says():
    rng, levels = np.random.default_rng(0), [0.9] * 40
    verdicts = [sign(int(n), levels)[0] for n in rng.binomial(40, 0.9, 4000)]
    assert verdicts.count("over_confident") / 4000 < 0.055
    assert verdicts.count("under_confident") / 4000 < 0.055
    assert sign(24, levels)[0] == "over_confident"  # intervals of 60 % that claim 90


def test_forecasts_of_one_fit_are_not_many():
    assert "4 forecasts of 2 fits err together" in calibration(ledger([0.0] * 4, fits="aabb"))["extrapolation"]["text"]
    assert "together" not in calibration(ledger([0.0] * 4))["extrapolation"]["text"]
