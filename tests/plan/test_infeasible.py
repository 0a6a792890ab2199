"""What no run can answer is refused, with the evidence."""

import dataclasses

import pytest

from sweep.errors import Refusal
from sweep.plan.plan import plan


def refused(code, law="besiroglu", **asked):
    with pytest.raises(Refusal) as refusal:
        plan(law, **asked)
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_demand_that_no_size_can_serve_within_the_budget():
    text = refused("infeasible", compute=1e22, inference_tokens=1e15)
    assert "serving 1e+15 tokens at N = 5.73e+07" in text
    assert "takes 1.15e+23 FLOPs, the budget is 1e+22" in text
    rates = {"train": "h100:2@mfu=0.4", "serve": "h100:2@mfu=0.1"}
    assert "USD, the budget is 1e+03" in refused("infeasible", usd=1000, inference_tokens=1e14, **rates)
    assert "that size" in refused("infeasible", compute=1e22, params=7e9, inference_tokens=1e13)
    assert "N = 1e+06" in refused("infeasible", law="xlstm", compute=1e22, inference_tokens=1e17)


@pytest.mark.parametrize("loss", [1.8172, 1.8, 0.5])
def test_a_loss_at_or_below_the_floor(loss):
    assert "E = 1.817" in refused("below_floor", loss=loss)


def test_a_run_that_nobody_can_train():
    """E + 1e-8: by the closed form 482.01 / N^0.3478 is about half of that, so N is some 1e30."""
    text = refused("unreachable", loss=1.81720001)
    assert "1e-08 nats/token above the floor of the law: ask for a higher loss" in text
    refused("unreachable", params=1e29, tokens=1e29)


def test_the_largest_budget_that_can_be_meant_is_answered_in_time():
    """It took minutes where the batch of a shape of 1e19 parameters was cut into every number of parts."""
    assert plan("besiroglu", compute=1e38).params > 1e18


@pytest.mark.parametrize(("alpha", "beta", "named"), [(-0.18, 0.3, "params"), (-0.18, -0.18, "params and tokens")])
@pytest.mark.parametrize("asked", [{"compute": 1e22}, {"loss": 2.5}])
def test_a_law_whose_loss_rises_has_no_best_run(found, alpha, beta, named, asked):
    """Under such a law a smaller run, or a shorter one, is better: the least over a budget is none to recommend."""
    rising = {**found.record["params"], "A": 0.03, "B": 0.02 if beta < 0 else 400.0, "alpha": alpha, "beta": beta}
    wrong = dataclasses.replace(found, record={**found.record, "params": rising})
    assert f"rises with {named}" in refused("no_optimum", law=wrong, **asked)


def test_the_floor_of_a_fit_comes_with_its_interval(found):
    text = refused("below_floor", law=found, loss=1.0)
    low, high = found.interval("E")
    assert f"90% interval [{low:.4g}, {high:.4g}]" in text


def test_a_loss_that_some_resamples_cannot_reach_is_answered_with_a_warning(found):
    made = plan(found, loss=found.params["E"] * 1.001).to_json()
    assert "lanes_without_answer" in {w["code"] for w in made["warnings"]}


def test_a_size_that_never_reaches_the_loss():
    assert "the least within reach is 2.174" in refused("unreachable", loss=2.0, params=1e9)
    refused("unreachable", loss=2.0, tokens=1e10)


def test_a_law_with_an_exponent_at_its_bound_has_no_optimum(found):
    flat = dataclasses.replace(
        found, record={**found.record, "params": {**found.params, "alpha": 0.0}, "status": "at_bound"}
    )
    refused("no_optimum", law=flat, compute=1e21)


def test_a_largest_size_that_cannot_reach_the_loss():
    assert "no size up to 1e+09 reaches a loss of 2; the least within reach is 2.174" in refused(
        "unreachable", loss=2.0, max_params="1B"
    )


def test_a_law_without_a_floor_is_not_said_to_have_one():
    text = refused("below_floor", law="kaplan", loss=0.01)
    assert "at or below what the law, which has no floor, gives at 1e30 params and tokens, 0.05" in text
    assert "E =" not in text
