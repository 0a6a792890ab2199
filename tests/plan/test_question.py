"""One target, what is fixed, the demand, and what a run of it takes."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.plan.prices import costs
from sweep.plan.question import Question, target_of
from tests.plan.conftest import surface

H100 = costs("h100:2.00@mfu=0.40", "h100:2.00@mfu=0.10", None, None, True)


def test_one_target():
    assert target_of({"compute": "1PFday", "loss": None}) == ("compute", pytest.approx(8.64e19))
    assert target_of({"like_params": "7B"}) == ("like_params", 7e9)
    assert target_of({}) == ("", 0.0)
    with pytest.raises(InputError, match="--compute and --loss are two targets"):
        target_of({"compute": 1e22, "loss": 2.0})
    with pytest.raises(InputError, match="--loss -1"):
        target_of({"loss": -1})


def test_a_compute_budget_pays_for_both():
    at = surface("besiroglu")
    run = Question("compute", 1e22, generated=1e12).answer(at)
    assert run.flops == pytest.approx(6 * run.params * run.tokens)
    assert run.serve_flops == pytest.approx(2 * run.params * 1e12)
    assert run.flops + run.serve_flops == pytest.approx(1e22, rel=1e-9)
    assert run.total == run.train + run.serve == pytest.approx(1e22, rel=1e-9)


def test_dollars_pay_for_both():
    run = Question("usd", 3e5, prompt=4e12, generated=1e12, costs=H100).answer(surface("besiroglu"))
    hours = run.flops / (3600 * 989e12 * 0.4) + run.serve_flops / (3600 * 989e12 * 0.1)
    assert run.total == pytest.approx(3e5, rel=1e-9)
    assert 2 * hours == pytest.approx(3e5, rel=1e-9)


def test_the_budget_dual_of_a_loss():
    at = surface("besiroglu")
    cheap = Question("like_compute", 1e22, generated=1e13, costs=H100).answer(at)
    again = Question("usd", float(cheap.total), generated=1e13, costs=H100).answer(at)
    np.testing.assert_allclose(again[:3], cheap[:3], rtol=1e-6)


def test_quality_of_a_compute_optimal_run():
    at = surface("besiroglu")
    n, d = at.frontier(1e22)
    for question in (
        Question("like_compute", 1e22),
        Question("like_params", float(n)),
        Question("loss", float(at.loss(n, d))),
    ):
        np.testing.assert_allclose(question.answer(at)[:2], (n, d), rtol=1e-6)


def test_the_quality_to_reach_does_not_depend_on_the_text_there_is():
    at = surface("muennighoff_repeated", unique_tokens=25e9)
    free = surface("muennighoff")
    asked = Question("like_compute", 1e22)
    assert asked.answer(at).loss == pytest.approx(float(asked.answer(free).loss), rel=1e-9)
    assert asked.answer(at).flops > 1.2e22


def test_other_demands():
    asked = Question("compute", 1e22, prompt=3e12, generated=1e12)
    assert asked.serving(8e12).prompt == pytest.approx(6e12)
    assert asked.scaled(0.5).served == pytest.approx(2e12)
    assert Question("compute", 1e22).serving(5e12).generated == 5e12
