"""Plans to make pages of, and the same questions as the page asks them."""

import functools
import itertools
import sys
from typing import Any
from unittest import mock

from sweep.errors import InputError, Refusal
from sweep.plan import Plan, plan
from sweep.plan.prices import DEVICES
from sweep.plan.question import TARGETS, Question
from sweep.plan.source import source_of
from tests.plan.conftest import small_fit

RATES: dict[str, Any] = {"train": "h100:2.00@mfu=0.40", "serve": "h100:3.00@mfu=0.10"}
PEAK = DEVICES["h100"].peaks["bf16"]
PRICED = {
    "train": {"usd": 2.0, "mfu": 0.4, "peak": PEAK},
    "serve": {"usd": 3.0, "mfu": 0.1, "peak": PEAK},
    "prompt": None,
}
FREE = {"train": None, "serve": None, "prompt": None}
HELD = ("params", "tokens", "tokens_per_param")


@functools.cache
def of_fit() -> Plan:
    """A plan from the small fit, priced."""
    return plan(small_fit(), like_compute=1e21, inference_tokens=1e12, **RATES)


def grid() -> list[tuple[str, dict[str, Any]]]:
    """(law, keywords of `plan`): targets x demands x prices x unique tokens x laws, with what cannot be answered."""
    targets = [
        {"compute": 1e21},
        {"loss": 2.3},
        {"loss": 1.7},
        {"like_compute": 1e22},
        {"like_params": 3e9},
        {"usd": 5e4},
    ]
    served = [{}, {"inference_tokens": 1e12}, {"inference_tokens": 1e16}]
    priced, unique = [{}, RATES], [{}, {"unique_tokens": 1e11}]
    cases = []
    cases += [("own", a | b | c | d) for a, b, c, d in itertools.product(targets, served, priced, unique)]
    for law in ("besiroglu", "xlstm_transformer", "kaplan", "gadre_c4"):
        cases += [
            (law, a | b | c)
            for a, b, c in itertools.product(targets[:2] + targets[3:], served[:2], (priced[1], unique[1]))
        ]
    held = [
        {"params": 2e9, "tokens": 1e11}, {"params": 2e9}, {"tokens": 1e11}, {"compute": 1e21, "params": 1e9},
        {"loss": 2.3, "params": 1e9}, {"loss": 2.0, "params": 1e6}, {"like_compute": 1e21, "tokens_per_param": 100},
        {"compute": 1e21, "tokens_per_param": 50}, {"tokens": 1e11, "tokens_per_param": 20},
        {"compute": 1e21, "tokens": 3e10},
        {"loss": 2.2, "max_params": 1e9}, {"loss": 1.95, "max_params": 1e9}, {"compute": 1e22, "max_params": 2e9},
    ]  # fmt: skip
    both = {"max_params": 2e9, "unique_tokens": 5e10}
    held += [
        {"compute": 1e23} | both, {"loss": 2.35} | both, {"loss": 2.2} | both, {"compute": 1e23, "params": 1e9} | both,
        {"loss": 2.4, "params": 1e9} | both, {"loss": 2.2, "params": 1e9} | both,
        {"params": 3e9, "compute": 1e22} | both,
        {"compute": 1e23, "tokens": 4e10} | both, {"compute": 1e23, "tokens_per_param": 30} | both,
        {"loss": 2.5, "tokens_per_param": 30} | both, {"loss": 2.2, "tokens_per_param": 30} | both,
        {"params": 1e9, "tokens": 9e10} | both, {"tokens": 4e10} | both, {"like_compute": 3e20} | both,
    ]  # fmt: skip
    cases += [("besiroglu", a | b) for a, b in itertools.product(held, served[:2])]
    requests = {"requests": 1e9, "prompt_tokens": 700, "output_tokens": 100, "like_compute": 1e21}
    return [
        *cases,
        ("besiroglu", requests),
        ("besiroglu", requests | RATES),
        ("besiroglu", {"loss": 2.3, "versus": ("1B", "7B")}),
    ]


def repeated() -> list[tuple[str, dict[str, Any]]]:
    """The same of the law of repetition, which the planner searches."""
    asked = [
        {"compute": 1e22},
        {"compute": 1e22, "inference_tokens": 1e12},
        {"like_compute": 1e21, "inference_tokens": 1e13},
        {"loss": 2.6},
    ]
    return [("muennighoff_repeated", a | {"unique_tokens": u}) for a in asked for u in (25e9, 1e13)]


def answered(law: str, words: dict[str, Any]) -> dict[str, Any]:
    """The planner's record, or its refusal as {"code": ...}."""
    try:
        with mock.patch.object(
            sys.modules["sweep.plan.plan"], "buildable", return_value={"shapes": []}
        ):  # not on the page
            return plan(small_fit() if law == "own" else law, **words).record
    except (Refusal, InputError) as error:
        return {"code": getattr(error, "code", "input") if isinstance(error, Refusal) else "input"}


def searched(law: str, words: dict[str, Any]) -> dict[str, Any]:
    """The answer alone, where the rest of a record would take the planner long."""
    target, value = next((name, value) for name, value in words.items() if name in TARGETS)
    surface = source_of(law).limited(words["unique_tokens"]).surface
    run = Question(target, value, generated=words.get("inference_tokens", 0.0)).answer(surface)
    return {
        name: float(value) for name, value in run._asdict().items() if name in ("params", "tokens", "loss", "flops")
    }


def as_the_page_asks(law: str, words: dict[str, Any]) -> dict[str, Any]:
    """The question in the page's own form."""
    target = next((name for name in ("compute", "loss", "like_compute", "like_params", "usd") if name in words), "")
    n = words.get("requests", 0)
    return {
        "law": law,
        "target": target,
        "value": words.get(target),
        "fixed": {name: words.get(name) for name in HELD},
        "prompt": n * words.get("prompt_tokens", 0),
        "generated": words.get("inference_tokens", n * words.get("output_tokens", 0)),
        "unique": words.get("unique_tokens"),
        "most": words.get("max_params"),
        "rates": PRICED if "train" in words else FREE,
        "tolerance": 0.005,
        "versus": [1e9, 7e9] if "versus" in words else [],
    }
