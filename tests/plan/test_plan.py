"""The whole plan: contract, intervals from the lanes, conflicting questions."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.plan import plan
from sweep.plan.question import Question
from sweep.plan.source import source_of
from sweep.plan.surface import Surface

RATES: dict[str, Any] = {"train": "h100:2.00@mfu=0.40", "serve": "h100:2.00@mfu=0.10"}
ASKED = [
    {"compute": 1e21},
    {"compute": "1e21", "inference_tokens": 1e11},
    {"like_compute": 1e21, "inference_tokens": 1e12, **RATES},
    {"loss": 2.4},
    {"usd": "10k", "requests": 1e9, "prompt_tokens": 100, "output_tokens": 200, **RATES},
    {"device_hours": 5000, "train": "h100@mfu=0.4"},
    {"params": "1B", "tokens": "20B"},
    {"params": "1B", "compute": 1e21},
    {"tokens_per_param": 100, "compute": 1e21},
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: ",".join(asked))
def test_the_contract_and_the_words(found, asked):
    made = plan(found, **asked)
    record = json.loads(json.dumps(made.to_json(), allow_nan=False))
    for key in ("params", "tokens", "flops", "loss", "tokens_per_param"):
        assert record[key] > 0
        low, high = record["interval"][key]
        assert low <= record[key] * 1.02
        assert high >= record[key] * 0.98
    assert record["flops"] == pytest.approx(found.record["flops_per_param_token"] * record["params"] * record["tokens"])
    assert record["flat_band"]["loss_tolerance"] == 0.005
    low, high = record["flat_band"]["params"]
    assert low < record["best_at_equal_spend"]["params"] < high
    assert record["cost"]["total"] == pytest.approx(record["cost"]["train"] + record["cost"]["serve"])
    assert isinstance(record["warnings"], list)
    assert f"loss {record['loss']:.4f}" in made.text
    table = made.table()
    assert table["name"].to_pylist() == ["params", "tokens", "flops", "loss", "tokens_per_param", "total"]
    assert table["value"][0].as_py() == made.params
    assert table["low"][0].as_py() == made.interval("params")[0]


def test_a_compute_budget_gives_the_optimum_of_the_fit(found):
    made, best = plan(found, compute=1e21), found.optimum(1e21)
    assert (made.params, made.tokens, made.loss) == pytest.approx((best.params, best.tokens, best.loss))
    assert made.interval("params") == pytest.approx(best.params_interval)
    assert made.interval("tokens") == pytest.approx(best.tokens_interval)
    assert made.interval("loss") == pytest.approx(best.loss_interval, rel=2e-3)  # of one run, not of each lane's own


def test_intervals_are_those_of_lanes_solved_one_at_a_time(found):
    source = source_of(found)
    assert source.lanes is not None
    asked = Question("like_compute", 1e21, generated=1e12)
    together = asked.answer(source.lanes)
    kind = type(source.lanes.coefficients)
    for lane in (0, 7, 63):
        one = Surface(source.surface.law, kind(*(float(x[lane]) for x in source.lanes.coefficients)), source.surface.k)
        np.testing.assert_allclose([x[lane] for x in together[:3]], asked.answer(one)[:3], rtol=1e-9)
    made = plan(found, like_compute=1e21, inference_tokens=1e12)
    assert made.interval("params") == source.interval(together.params)
    assert made.interval("total") == source.interval(together.total)


def test_other_levels(found):
    wide, narrow = (plan(found, compute=1e21, level=level).interval("params") for level in (0.9, 0.5))
    a, c, d, b = (float(x or "nan") for x in (wide[0], *narrow, wide[1]))
    assert a < c < d < b


def test_published_coefficients_say_that_no_interval_is_known():
    made = plan("besiroglu", compute=1e22)
    assert made.interval("params") == [None, None]
    assert made.to_json()["warnings"][0]["code"] == "no_interval"
    with pytest.raises(InputError, match="no interval of 'depth'"):
        made.interval("depth")


@pytest.mark.parametrize(
    ("law", "asked", "params", "tokens", "rel"),
    [
        ("kaplan", {"compute": 1e20}, 1.6564e9, None, 1e-3),
        ("kaplan", {"compute": 1e22}, 2.3442e10, None, 1e-3),
        ("xlstm_transformer", {"compute": 1e21}, 2.12e9, 7.86e10, 3e-3),
        # the paper's table, of coefficients rounded for each number of experts
        ("ludziejewski", {"compute": 1e20, "given": {"experts": 1.0}}, 1.723e9, 9.672e9, 0.01),
        ("ludziejewski", {"compute": 1e22, "given": {"experts": 32.0}}, 1.217e10, 1.370e11, 0.01),
        ("muennighoff", {"compute": 5.76e23}, 6.99622e10, 1.37217e12, 1e-4),
        ("besiroglu", {"compute": 5.76e23}, 7.2249e10, 1.3287e12, 1e-4),
    ],
)
def test_allocations_of_other_published_laws(law, asked, params, tokens, rel):
    made = plan(law, **asked)
    assert made.params == pytest.approx(params, rel=rel)
    assert tokens is None or made.tokens == pytest.approx(tokens, rel=rel)


@pytest.mark.parametrize(
    ("size", "flops"),
    [(4e8, 2.35e19), (1e9, 1.75e20), (1e10, 2.71e22), (6.7e10, 1.75e24), (1.75e11, 1.43e25), (1e12, 6.52e26)],
)
def test_compute_for_a_size_by_the_unrounded_coefficients_of_hoffmann_et_al(size, flops):
    made = plan("hoffmann", params=size).to_json()
    assert made["flops"] == pytest.approx(flops, rel=5e-3)
    again = plan("hoffmann", like_params=size)
    assert again.params == pytest.approx(size, rel=1e-6)


def test_planning_imports_neither_the_trainer_nor_its_libraries():
    heavy = "flax orbax altair scipy tyro sweep.train sweep.design"
    code = f"import sweep.plan, sys; print([m for m in sys.modules if m.startswith(tuple({heavy!r}.split()))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_requests_are_their_tokens():
    a = plan("besiroglu", like_compute=1e22, requests=1e10, prompt_tokens=70, output_tokens=215)
    b = plan("besiroglu", like_compute=1e22, inference_tokens=2.85e12)
    assert a.params == pytest.approx(b.params)
    assert a.to_json()["question"]["prompt_tokens"] == 7e11


def test_the_readme_example_of_sardana_et_al():
    a100 = "a100-40:0.60@mfu={},precision=int8"
    made = plan(
        "sardana",
        loss=1.947,
        requests=1e10,
        prompt_tokens=1000,
        output_tokens=250,
        train="a100-80:1.40@mfu=0.5",
        prompt=a100.format(0.4),
        serve=a100.format(0.2),
    )
    r = made.to_json()
    assert (made.params, made.tokens) == pytest.approx((2.053e10, 3.302e12), rel=1e-3)
    usual = r["cost"]["compute_optimal"]
    assert made.params / usual["params"] == pytest.approx(0.6023, rel=1e-3)
    assert made.tokens / usual["tokens"] == pytest.approx(1.8241, rel=1e-3)
    assert 1 - r["cost"]["saving"] == pytest.approx(0.8876, rel=1e-3)
    told = {w["code"]: w["message"] for w in r["warnings"]}
    assert "Kumar et al. 2024" in told["quantised"]


def test_a_demand_known_within_a_factor():
    made = plan("besiroglu", like_compute=1e22, inference_tokens="1e12:1e14", **RATES).to_json()
    sizes = [row["params"] for row in made["demand"]]
    assert sizes == pytest.approx([3.34e9, 2.23e9, 1.76e9], rel=0.02)
    assert made["params"] == pytest.approx(sizes[1])
    around = plan("besiroglu", like_compute=1e22, inference_tokens=1e13, **RATES).to_json()
    assert [row["inference_tokens"] for row in around["demand"]] == pytest.approx([1e12, 1e13, 1e14])


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "give a target"),
        ({"compute": 1e22, "loss": 2.1}, "two targets"),
        ({"compute": 1e22, "params": 1e9, "tokens": 1e9}, "a size and a budget and a number of tokens given"),
        ({"compute": 10}, "too small to mean it"),
        ({"compute": 1e22, "inference_tokens": -1}, "not negative"),
        ({"compute": 1e22, "inference_tokens": 1e12, "requests": 1e9}, "said twice"),
        ({"compute": 1e22, "requests": 1e9}, "goes with"),
        ({"compute": 1e22, "output_tokens": 100}, "goes with"),
        ({"usd": 1e5}, "needs --train"),
        ({"usd": 1e5, "inference_tokens": 1e12, "train": RATES["train"]}, "needs --serve"),
        ({"compute": 1e22, "versus": (4e9,), "train": RATES["train"]}, "needs --serve"),
        ({"compute": 1e22, "tolerance": 0.0}, "--tolerance"),
        ({"compute": 1e22, "unique_tokens": "0"}, "positive"),
        ({"compute": 1e22, "versus": ["7"]}, "too small to mean it"),
    ],
)
def test_questions_that_cannot_be_meant(asked, why):
    with pytest.raises(InputError, match=why):
        plan("besiroglu", **asked)


def test_a_refused_fit_is_stamped(found):
    import dataclasses

    bad = dataclasses.replace(found, record={**found.record, "despite": ["collinear"]})
    made = plan(bad, compute=1e21, despite=("collinear",))
    assert made.to_json()["despite"] == ["collinear"]
    assert made.text.startswith("DESPITE collinear")
