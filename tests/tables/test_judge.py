"""Refusals: each with its code, exit 2 and a cure, and none where an answer is possible."""

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit import fit
from sweep.tables.judge import refusals
from sweep.tables.load import load
from sweep.tables.problem import Problem, check_codes, enforce, overridden, stamps

PARAMS, TOKENS = (x.ravel() for x in np.meshgrid([1e6, 3e6, 1e7], [1e8, 3e8, 1e9]))
ARRAYS = {"params": PARAMS, "tokens": TOKENS, "loss": np.linspace(4, 3, 9)}


def ladder(slope, scatter=0.0):
    params = np.geomspace(1e6, 1e9, 12)
    tokens = 20 * 1e6 ** (1 - slope) * params**slope * np.exp(scatter * np.array([1, -1] * 6))
    return load(
        {"params": params, "tokens": tokens, "loss": np.linspace(4, 3, 12)}, {"tokens": "tokens", "params": "params"}
    )


def codes(runs, law="additive", bootstrap=0):
    return [p.code for p in refusals(runs, laws.get(law), bootstrap)]


def test_what_can_be_fitted_is_not_refused():
    assert codes(load(ARRAYS), bootstrap=1000) == []
    assert codes(ladder(-0.5)) == []  # one isoFLOP family bends both ways
    assert codes(ladder(1.0, scatter=0.3)) == []


@pytest.mark.parametrize(
    ("table", "code", "message"),
    [
        ({k: v[:4] for k, v in ARRAYS.items()}, "too_few_rows", r"4 configurations < 5 parameters \+ 2; need >= 7"),
        ({k: np.tile(v[:6], 5) for k, v in ARRAYS.items()}, "too_few_rows", "6 configurations"),
        ({**ARRAYS, "tokens": 20 * np.geomspace(1e6, 1e9, 9), "params": np.geomspace(1e6, 1e9, 9)}, "collinear",
         r"collinear \(r=1.000, tokens per parameter about 20 in every run\): alpha and beta cannot be separated; add"),
        ({**ARRAYS, "params": np.full(9, 1e6), "tokens": np.geomspace(1e8, 1e9, 9)}, "collinear", "the same params"),
        ({**ARRAYS, "params": np.geomspace(1e6, 1e7, 9), "tokens": np.full(9, 1e9)}, "collinear", "the same tokens"),
        ({**ARRAYS, "loss": np.full(9, 3.0)}, "equal_losses", "every loss is 3: there is nothing to fit"),
        ({**ARRAYS, "trunk": list("aaabbbccc")}, "few_for_intervals",
         "intervals asked of 9 runs in 3 independent groups; .*--bootstrap 0"),
        ({**ARRAYS, "loss": np.linspace(4, -1, 9)}, "loss_not_positive", "row 8, column loss: -0.375"),
    ],
)  # fmt: skip
def test_refusals_of_a_fit(table, code, message):
    with pytest.raises(Refusal, match=message) as caught:
        fit(table)
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert f"--despite {code}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_collinear_by_another_slope_and_within_a_scatter():
    assert codes(ladder(1.3)) == ["collinear"]
    assert codes(ladder(1.0, scatter=0.03)) == ["collinear"]


@pytest.mark.parametrize("key", ["params", "tokens"])
def test_a_law_of_other_inputs_where_one_of_the_two_does_not_vary(key):
    """FLOPs and tokens per parameter both vary, along one line."""
    grid = {name: np.geomspace(1e8, 1e10, 9) for name in ("params", "tokens")}
    runs = load({**ARRAYS, **grid, key: np.full(9, 1e9)})
    (problem,) = refusals(runs, laws.get("overtrain"))
    assert problem.code == "collinear"
    assert f"same {key}; flops and tokens_per_param follow from each other: vary {key}" in problem.message


def test_intervals_of_six_rows():
    runs = load({k: v[:6] for k, v in ARRAYS.items()})
    assert codes(runs, "additive_tied", 1000) == ["few_for_intervals"]
    assert codes(runs, "additive_tied", 0) == []


def test_enforcement():
    remark, refusal, error = (Problem(level, f"{level}!", level=level) for level in ("remark", "refusal", "error"))
    enforce([remark], ())
    enforce([remark, refusal], ("refusal",))
    with pytest.raises(Refusal, match="refusal!"):
        enforce([refusal], ("other",))
    with pytest.raises(InputError, match="error!"):
        enforce([refusal, error], ())
    assert overridden([remark, refusal, refusal]) == ["refusal"]
    told = stamps([remark, refusal], ("refusal", "collinear"), "t")
    assert [w["code"] for w in told] == ["refusal", "despite_not_needed"]
    assert "collinear was not needed" in told[1]["message"]
    with pytest.raises(InputError, match="no such refusal; did you mean 'collinear'"):
        check_codes(("colinear",))
