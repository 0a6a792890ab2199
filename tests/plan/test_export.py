"""What a page gets is enough to make the plan again."""

import json
from typing import Any

import numpy as np
import pytest

from sweep.plan import plan
from sweep.plan.export import again
from sweep.plan.prices import DEVICES, FORWARD
from sweep.plan.question import Question

RATES: dict[str, Any] = {"train": "h100:2.00@mfu=0.40", "serve": "h100:2.00@mfu=0.10"}


def test_the_plan_from_its_json_alone(found):
    made = plan(found, like_compute=1e21, inference_tokens=1e12, unique_tokens=1e12)
    exported = json.loads(json.dumps(made.export(), allow_nan=False))
    surface, lanes = again(exported)
    asked = Question("like_compute", 1e21, generated=1e12)
    run = asked.answer(surface)
    assert (run.params, run.tokens, run.loss) == pytest.approx((made.params, made.tokens, made.loss), rel=1e-9)
    assert lanes is not None
    assert made.source.lanes is not None
    np.testing.assert_allclose(asked.answer(lanes).params, asked.answer(made.source.lanes).params, rtol=1e-8)
    assert surface.most_tokens == 1e12
    assert exported["plan"]["interval"] == made.record["interval"]


def test_the_levels_give_the_interval_of_the_optimum(found):
    exported = plan(found, compute=1e20).export()
    best = found.optimum(1e20)
    _, lanes = again(exported)
    assert lanes is not None
    for values, name in zip(lanes.frontier(1e20), ("params", "tokens"), strict=True):
        assert np.quantile(values, exported["levels"][name]) == pytest.approx(
            getattr(best, f"{name}_interval"), rel=1e-6
        )


def test_the_formulas_of_the_module_give_the_plan():
    """By hand, from the exported numbers: the load, the price and the first-order condition."""
    made = plan("besiroglu", usd=3e5, inference_tokens=1e13, **RATES)
    e = made.export()
    law, peak = e["law"]["additive"], e["devices"]["h100"]["peaks"]["bf16"]
    train, serve = (2.0 / (3600 * peak * mfu) for mfu in (0.4, 0.1))
    load = 1e13 * serve / (e["forward"] * train)
    n, d = made.params, made.tokens
    assert e["law"]["k"] * n * (d + load) * train == pytest.approx(3e5, rel=1e-9)
    worth = law["alpha"] * law["A"] * n ** -law["alpha"] / (law["beta"] * law["B"] * d ** -law["beta"])
    assert worth == pytest.approx(1 + load / d, rel=1e-9)


def test_what_is_not_known_is_null():
    e = plan("xlstm", compute=1e21).export()
    assert (e["lanes"], e["levels"], e["evidence"], e["law"]["additive"], e["unique_tokens"]) == (None,) * 5
    assert e["forward"] == FORWARD
    assert set(e["devices"]) == set(DEVICES)
    repeated = plan("muennighoff_repeated", compute=1e22, unique_tokens=25e9).export()
    assert repeated["unique_tokens"] == 25e9
    assert again(repeated)[0].loss(6.34e9, 242e9) == pytest.approx(2.2256440889984477, rel=1e-9)
