"""The demand under which a known model is right."""

from typing import Any

import pytest

from sweep.errors import InputError
from sweep.laws import additive
from sweep.plan import explain
from sweep.plan.explain import describe
from sweep.plan.known import MODELS
from sweep.plan.plan import plan

LAW = additive.PUBLISHED["besiroglu"].coefficients


def test_llama_3_8b_is_right_at_1_9e14_served_tokens():
    (model,) = explain("besiroglu", "params=8e9,tokens=15e12")["models"]
    assert model["inference_tokens"] == pytest.approx(1.9e14, rel=0.01)
    assert explain("besiroglu", "Llama 3 8B")["models"][0]["inference_tokens"] == model["inference_tokens"]
    again = plan("besiroglu", loss=model["loss"], inference_tokens=model["inference_tokens"])
    assert (again.params, again.tokens) == pytest.approx((8e9, 15e12), rel=1e-6)
    assert model["flops_factor"] == pytest.approx(7.2e23 / additive.compute_for_loss(LAW, model["loss"]))
    assert model["extrapolation"]["tokens_per_param"] == pytest.approx(1875 / 341)


def test_with_prices_the_demand_is_that_of_the_plan():
    rates: dict[str, Any] = {"train": "h100:2@mfu=0.4", "serve": "h100:2@mfu=0.1"}
    (model,) = explain("besiroglu", "params=8e9,tokens=15e12", **rates)["models"]
    assert model["inference_tokens"] == pytest.approx(1.9e14 / 4, rel=0.01)
    again = plan("besiroglu", loss=model["loss"], inference_tokens=model["inference_tokens"], **rates)
    assert again.params == pytest.approx(8e9, rel=1e-6)


def test_a_price_of_training_alone_tells_no_demand():
    with pytest.raises(InputError, match="needs --serve"):
        explain("besiroglu", "all", train="h100:2@mfu=0.4")


def test_a_model_larger_than_compute_optimal_is_right_at_no_demand():
    (model,) = explain("besiroglu", "GPT-3")["models"]
    assert model["worth"] < 1
    assert model["inference_tokens"] is None
    assert model["size_factor"] > 3
    assert model["loss_increase"] > 0
    assert "at no demand: it is larger than compute-optimal" in describe(explain("besiroglu", "GPT-3"))


def test_a_compute_optimal_run_is_right_without_demand():
    n, d = additive.optimum(LAW, 1e22)
    (model,) = explain("besiroglu", f"params={n!r},tokens={d * 1.000001!r}")["models"]
    assert model["inference_tokens"] == pytest.approx(0, abs=1e-4 * d)
    assert model["size_factor"] == pytest.approx(1, rel=1e-5)
    assert model["flops_factor"] == pytest.approx(1, rel=1e-5)


def test_every_known_model_under_every_kind_of_law(found):
    for law in ("besiroglu", "muennighoff_repeated", "xlstm", found):
        answer = explain(law, "all")
        assert [m["name"] for m in answer["models"]] == list(MODELS)
        text = describe(answer)
        assert all(name in text for name in MODELS)


def test_models_are_dated_and_have_sources():
    for model in MODELS.values():
        assert "2020-01" <= model.date <= "2026-12"
        assert len(model.source) > 10
    smol = MODELS["SmolLM3 3B"]
    assert smol.tokens / smol.params == pytest.approx(3_700, rel=0.02)


def test_a_fit_brings_an_interval(found):
    (model,) = explain(found, "params=1e9,tokens=2e11")["models"]
    low, high = model["inference_tokens_interval"]
    assert low < model["inference_tokens"] < high


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("Llama 3 9B", "did you mean 'Llama 3 8B'"),
        ("params=8e9", "write params=8e9,tokens=15e12"),
        ("params=8e9,tokens=1e12,loss=2", "write params=8e9,tokens=15e12"),
        ("params=8,tokens=15e12", "too small to mean it"),
    ],
)
def test_models_that_nobody_means(what, why):
    with pytest.raises(InputError, match=why):
        explain("besiroglu", what)
