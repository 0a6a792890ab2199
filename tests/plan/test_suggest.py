"""What to train next: within what can be paid and what the fit has seen, and worth what it says."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from sweep.design.check import spread
from sweep.errors import InputError, Refusal
from sweep.fit import Fit, fit
from sweep.laws import additive
from sweep.plan.sight import look
from sweep.plan.suggest import runs_of, suggest

LAW = additive.PUBLISHED["besiroglu"].coefficients
BUDGETS = (1e18, 3e18, 1e19, 3e19)
TARGET, SPEND = 1e22, 1e20


def families() -> dict[str, np.ndarray]:
    rng, rows = np.random.default_rng(1), []
    for budget in BUDGETS:
        for n in additive.optimum(LAW, budget)[0] * np.geomspace(0.25, 4, 7):
            d = budget / (6 * n)
            rows.append((n, d, additive.loss(LAW, n, d) * np.exp(0.004 * rng.standard_normal())))
    return dict(zip(("params", "tokens", "loss"), np.array(rows).T, strict=True))


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return fit(families(), bootstrap=100, diagnostics=False)


@pytest.fixture(scope="module", params=["loss", "params"])
def found(request, fitted) -> dict:
    return suggest(fitted, target=TARGET, spend=SPEND, wanted=request.param)


def test_runs_are_payable_and_like_those_that_were_fitted(found, fitted):
    low, high = fitted.record["range"]["tokens_per_param"]
    assert sum(t["cost"] for t in found["trials"]) == pytest.approx(found["spent"])
    assert found["spent"] <= SPEND * (1 + 1e-9)
    assert sum(t["seeds"] for t in found["trials"]) <= 16
    for t in found["trials"]:
        assert low / 1.01 <= t["tokens_per_param"] <= high * 1.01
        assert t["flops"] == pytest.approx(6 * t["params"] * t["tokens"])
        assert BUDGETS[0] / 1.01 <= t["flops"] <= SPEND
        assert t["cost"] == pytest.approx(t["seeds"] * t["flops"])
        assert 1 <= t["seeds"] <= 2
        rung = np.log2(t["params"] / fitted.record["range"]["params"][0])
        assert rung == pytest.approx(round(rung), abs=1e-6)  # sizes share programs


def test_the_promise_is_that_of_the_designs_check(found, fitted):
    """At the fitted optimum itself, by the singular values of the check before spending."""
    cells = [
        np.repeat([t[k] for t in found["trials"]], [t["seeds"] for t in found["trials"]]) for k in ("params", "tokens")
    ]
    one = type(fitted.coefficients)(*(np.array([x]) for x in fitted.coefficients))
    seen = look(fitted.law, one, runs_of(fitted), (cells[0], cells[1]), TARGET, 6.0)
    wanted = getattr(seen, found["for"])[:1]
    before, after = spread(seen.runs[0], wanted), spread(np.concatenate([seen.runs[0], seen.candidates[0]]), wanted)
    assert found["factor"] == pytest.approx(float(after[0] / before[0]), rel=0.1)
    assert found["sd_after"] == pytest.approx(found["sd_before"] * found["factor"])
    assert 0.1 < found["factor_if_bent"] < 0.99


def test_each_purpose_is_served_best_by_its_own_choice(fitted):
    kinds = ("loss", "params")
    answers = {kind: suggest(fitted, target=TARGET, spend=SPEND, wanted=kind) for kind in kinds}
    assert answers["loss"]["trials"] != answers["params"]["trials"]


def test_more_money_leaves_less_doubt(fitted):
    factors = [suggest(fitted, target=TARGET, spend=s)["factor_if_bent"] for s in (1e19, 1e20, 1e21)]
    assert factors[0] > factors[1] > factors[2]


def test_trunks_are_paid_once(fitted):
    found = suggest(fitted, target=TARGET, spend=SPEND, wanted="params", trunk=True)
    alone = sum(t["seeds"] * t["flops"] for t in found["trials"])
    assert found["spent"] == pytest.approx(sum(t["cost"] for t in found["trials"]))
    assert found["spent"] <= SPEND * (1 + 1e-9)
    by_size: dict[tuple, list[float]] = {}
    for t in found["trials"]:
        for seed in range(t["seeds"]):
            by_size.setdefault((t["params"], seed), []).append(t["tokens"])
    expected = sum(6 * n * (0.8 * max(ds) + 0.2 * sum(ds)) for (n, _), ds in by_size.items())
    assert found["spent"] == pytest.approx(expected)
    assert found["spent"] < alone


def broken(fitted: Fit, **changes) -> Fit:
    return dataclasses.replace(fitted, record={**fitted.record, **changes})


def code(fitted: Fit, **changes: Any) -> str:
    question: dict[str, Any] = {"target": TARGET, "spend": SPEND} | changes
    with pytest.raises(Refusal) as refused:
        suggest(fitted, **question)
    assert "\n" not in str(refused.value)
    return refused.value.code


def test_refusals(fitted):
    assert code(broken(fitted, status="not_converged")) == "not_converged"
    assert code(fitted, target=2e19) == "target_inside"
    assert code(fitted, spend=1e15) == "spend_too_small"
    none = {name: values[:0] for name, values in fitted.lanes.items()}
    bare = dataclasses.replace(fitted, lanes=none, verdict=fitted.verdict[:0], drawn=fitted.drawn[:0])
    assert code(bare) == "no_resamples"
    assert code(fitted, spend=1e18, wanted="params", most=1) == "nothing_useful"


def test_runs_of_one_size_tell_nothing_of_sizes(fitted):
    points = [p | {"params": 1e8} for p in fitted.record["points"]]
    assert code(broken(fitted, points=points)) == "not_identifiable"


def test_a_fit_despite_a_refusal_says_so(fitted):
    found = suggest(broken(fitted, despite=["collinear"]), target=TARGET, spend=SPEND)
    assert [w["code"] for w in found["warnings"]] == ["collinear"]


@pytest.mark.parametrize(
    "bad", [{"target": -1.0}, {"spend": float("nan")}, {"wanted": "both"}, {"seeds": 0}, {"most": 0}]
)
def test_bad_questions(fitted, bad):
    question: dict[str, Any] = {"target": TARGET, "spend": SPEND} | bad
    with pytest.raises(InputError, match=r"suggest: |it must be a number"):
        suggest(fitted, **question)
