"""Random questions with every kind of limit, against a grid and a golden section over a formula of its own (SciPy)."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import root_scalar

from sweep.errors import InputError, Refusal
from sweep.plan.plan import plan
from sweep.plan.question import Question
from sweep.plan.source import source_of

E, A, B, ALPHA, BETA = 1.8172, 482.01, 2085.43, 0.3478, 0.3658  # besiroglu
M_E, M_A, M_B = math.exp(0.6254804), math.exp(6.255414), math.exp(7.3049974)
M_ALPHA, R_D, R_N = 0.3526596, 15.387756, 5.309743  # muennighoff_repeated
G = (M_A / M_B) ** (1 / (2 * M_ALPHA))
QUESTIONS = 576
GOLDEN = (math.sqrt(5) - 1) / 2


def additive_loss(n, d, unique):
    return E + A * n**-ALPHA + B * d**-BETA


def repeated_loss(n, d, unique):
    """Muennighoff et al. 2023, eq. 5 and 6: unique tokens U_D <= D, and the size U_N that they feed."""
    distinct = np.minimum(d, unique)
    fed = np.minimum(n, distinct * G * G)
    data = distinct * (1 + R_D * (1 - np.exp(-(d / distinct - 1) / R_D)))
    size = fed * (1 + R_N * (1 - np.exp(-(n / fed - 1) / R_N)))
    return M_E + M_A / size**M_ALPHA + M_B / data**M_ALPHA


LOSSES = {"besiroglu": additive_loss, "muennighoff_repeated": repeated_loss}


def least(function, low, high):
    """(x, value) of the least value between two ends: a grid, then a golden section around its best point."""
    x = np.linspace(low, high, 1501)
    values = np.array([function(float(each)) for each in x])
    best = int(np.argmin(values))
    if not np.isfinite(values[best]):
        return math.nan, math.inf
    return golden(function, x[max(best - 1, 0)], (x[best], values[best]), x[min(best + 1, len(x) - 1)])


def golden(function, low, best, high):
    """(x, value) of the least value of one valley around `best`; the function may be infinite toward either end."""
    for _ in range(100):
        x = best[0] + (1 - GOLDEN) * (high - best[0] if high - best[0] > best[0] - low else low - best[0])
        value = function(x)
        if value < best[1]:
            low, high = (best[0], high) if x > best[0] else (low, best[0])
            best = x, value
        else:
            low, high = (low, x) if x > best[0] else (x, high)
    return best


def root_of(function, top):
    """Where a function of tokens is zero, up to `top` tokens."""
    return math.exp(root_scalar(lambda x: function(math.exp(x)), bracket=(0, math.log(top)), xtol=1e-13).root)


def by_looking(law, ask):
    """(loss, spend) of the best run within the limits, by looking everywhere; infinite where there is none."""
    loss, load, unique = LOSSES[law], ask["served"] / 3, ask["unique"]
    most_tokens = math.inf if law == "muennighoff_repeated" else unique
    most = ask["most"]
    held = {name: ask[name] for name in ("params", "tokens", "ratio") if ask[name]}
    top = min(most, 1e22)

    def tokens_of(n):
        """Tokens of a size: those that it can have under what is fixed; NaN where it cannot be."""
        if "tokens" in held:
            return held["tokens"]
        if "ratio" in held:
            return held["ratio"] * n if held["ratio"] * n <= most_tokens else math.nan
        if ask["spend"]:
            return min(ask["spend"] / n - load, most_tokens)
        if loss(n, min(most_tokens, 1e40), unique) > ask["loss"]:
            return math.nan
        return root_of(lambda d: loss(n, d, unique) - ask["loss"], min(most_tokens, 1e40))

    def judged(n):
        d = tokens_of(n)
        if not d > 0:
            return math.inf
        spend, value = n * (d + load), float(loss(n, d, unique))
        if ask["spend"]:
            return value if spend <= ask["spend"] * (1 + 1e-12) else math.inf
        return spend if value <= ask["loss"] * (1 + 1e-12) else math.inf

    if "params" in held:
        n = held["params"] if held["params"] <= most else math.nan
        return judged(n) if n == n else math.inf
    _, value = least(lambda x: judged(min(math.exp(x), top)), math.log(1e4), math.log(top))
    return value


def questions():
    rng = np.random.default_rng(12)
    kinds = itertools.cycle(itertools.product(("spend", "loss"), ("", "params", "tokens", "ratio"), range(4)))
    for index, (target, fixed, limits) in zip(range(QUESTIONS), kinds, strict=False):
        law = "muennighoff_repeated" if index % 5 == 4 else "besiroglu"
        flops = float(np.exp(rng.uniform(math.log(1e19), math.log(1e25))))
        n, d = (flops / 120) ** 0.5, (flops * 20 / 6) ** 0.5

        def near(middle, low, high):
            return float(middle * np.exp(rng.uniform(math.log(low), math.log(high))))

        unique = near(d, 0.02, 5) if limits & 1 or law == "muennighoff_repeated" else math.inf
        ask = {
            "spend": flops / 6 if target == "spend" else None,
            "loss": float(LOSSES[law](near(n, 0.5, 2), near(d, 0.5, 2), math.inf)) if target == "loss" else None,
            "served": near(d, 0.1, 10) if rng.random() < 0.4 else 0.0,
            "unique": unique,
            "most": near(n, 0.02, 5) if limits & 2 else math.inf,
            "params": None,
            "tokens": None,
            "ratio": None,
        }
        ask[fixed] = {"": None, "params": near(n, 0.1, 10), "tokens": near(d, 0.1, 1), "ratio": near(20, 0.1, 10)}[
            fixed
        ]
        ask.pop("", None)
        yield law, ask


@pytest.mark.parametrize("part", range(4))
def test_the_best_run_within_the_limits_is_found(part):
    """A budget: the least loss. A loss: the least spend. Refused only where nothing within the limits answers."""
    answered = refused = 0
    for law, ask in list(questions())[part::4]:
        source = source_of(law).limited(None if math.isinf(ask["unique"]) else ask["unique"])
        if math.isfinite(ask["most"]):
            source = source.up_to(ask["most"])
        names = {"params": "params", "tokens": "tokens", "tokens_per_param": "ratio"}
        fixed = {name: ask[key] for name, key in names.items() if ask[key]}
        if (ask["params"] or 0) > ask["most"] or (ask["tokens"] or 0) > ask["unique"]:
            continue  # what is held breaks a limit: another test
        target, value = ("compute", ask["spend"] * 6) if ask["spend"] else ("loss", ask["loss"])
        question = Question(target, value, fixed, generated=ask["served"])
        run = question.answer(source.surface)
        wanted = by_looking(law, ask)
        if not math.isfinite(run.params * run.tokens):
            assert not math.isfinite(wanted), (law, ask)
            refused += 1
            continue
        ours = run.loss if ask["spend"] else run.params * (run.tokens + ask["served"] / 3)
        assert float(ours) == pytest.approx(wanted, rel=1e-6), (law, ask)
        assert run.params <= ask["most"] * (1 + 1e-9)
        assert run.tokens <= (ask["unique"] if law == "besiroglu" else math.inf) * (1 + 1e-9)
        answered += 1
    assert answered > 50
    assert refused > 2


def test_two_limits_that_bind_together_leave_budget_over():
    made = plan("besiroglu", compute=1e24, max_params="8B", unique_tokens=1e12)
    assert (made.params, made.tokens) == (8e9, 1e12)
    assert made.loss == pytest.approx(additive_loss(8e9, 1e12, None), rel=1e-9)
    assert made.record["budget_left"] == pytest.approx(1e24 - 6 * 8e9 * 1e12)
    told = {w["code"]: w["message"] for w in made.record["warnings"]}
    assert told["budget_left"].startswith("--max-params and --unique-tokens bind together")
    assert "8B params on 1T tokens" in made.text
    assert plan("besiroglu", compute=1e22, max_params="8B", unique_tokens=1e12).record["budget_left"] == 0
    assert plan("besiroglu", loss=2.2, max_params="8B", unique_tokens=1e12).record["budget_left"] is None


def test_a_fixed_size_is_held_to_the_text_there_is_and_its_shapes_too():
    made = plan("besiroglu", compute=1e24, params="8B", unique_tokens=1e12)
    assert made.tokens == 1e12
    assert made.record["data"]["binding"]
    assert "the limit does not bind" not in made.text
    shapes = made.record["buildable"]["shapes"]
    assert [x["tokens"] for x in shapes] == pytest.approx([1e12] * len(shapes), rel=1e-4)
    with pytest.raises(Refusal, match=r"no run with params 8e\+09 reaches a loss of 2.1 on 1e\+11 unique") as refusal:
        plan("besiroglu", loss=2.1, params="8B", unique_tokens=1e11)
    assert refusal.value.code == "data_limited"
    judged = plan("besiroglu", params="8B", tokens="2T", unique_tokens="1T")
    assert "this run is beyond the limit" in judged.text
    assert "does not bind" not in judged.text
    bad = plan("besiroglu", params="8B", tokens="5e11", unique_tokens="1e11")
    assert "-0.0" not in bad.text


def test_a_size_held_above_the_largest_is_a_contradiction():
    with pytest.raises(InputError, match=r"params held fixed make 9e\+09 params, more than --max-params 8e\+09"):
        plan("besiroglu", compute=1e24, params="9B", max_params="8B")


def test_shapes_above_the_largest_size_are_not_offered():
    shapes = plan("besiroglu", compute=1e24, max_params="8B").record["buildable"]["shapes"]
    for shape in shapes:
        above = shape["params"]["with_head"] > 8e9
        assert (shape["tokens"] is None) == above
        assert shape["reason"] == ("above the largest size, 8e+09" if above else None)


def test_the_cheapest_run_within_the_tolerance_comes_first():
    made = plan("muennighoff_repeated", compute=1e24, unique_tokens=1e9)
    found = made.record["cheapest_within_tolerance"]
    allowed = made.loss + 0.005

    def spend(x):
        n = math.exp(x)
        if repeated_loss(n, 1e20, 1e9) > allowed:
            return math.inf
        return n * root_of(lambda d: repeated_loss(n, d, 1e9) - allowed, 1e20)

    size, least_spend = least(spend, math.log(1e7), math.log(1e13))
    assert found["flops"] == pytest.approx(6 * least_spend, rel=1e-5)
    assert found["params"] == pytest.approx(math.exp(size), rel=1e-2)
    assert found["cost_factor"] == pytest.approx(2300, rel=0.02)
    lines = made.text.splitlines()
    cheap, best = (next(i for i, x in enumerate(lines) if x.startswith(name)) for name in ("cheapest", "recommended"))
    assert cheap < best
    told = {w["code"]: w["message"] for w in made.record["warnings"]}
    assert told["epochs"].startswith("13,500 passes over the unique tokens")
    assert "at most 9,000" in told["epochs"]
    modest = plan("muennighoff_repeated", compute=1e22, unique_tokens=25e9)
    assert "epochs" not in {w["code"] for w in modest.record["warnings"]}
    assert "cheapest" not in modest.text


def test_the_loss_of_another_run_is_that_of_text_without_limit_and_says_so():
    with pytest.raises(Refusal, match=r"2.188 \(that of a run on text without limit\) is at or below 2.761") as refusal:
        plan("muennighoff_repeated", like_compute=1e22, unique_tokens=1e9)
    assert refusal.value.code == "data_limited"
    assert "E = " not in str(refusal.value)
    with pytest.raises(Refusal, match=r"the floor of the law, E = 1.869") as refusal:
        plan("muennighoff_repeated", loss=1.8, unique_tokens=1e9)
    assert refusal.value.code == "below_floor"
    made = plan("besiroglu", like_compute=1e22, unique_tokens=1e12)
    free = plan("besiroglu", compute=1e22)
    assert made.record["question"]["target_loss"] == pytest.approx(free.loss)
    assert "on text without limit, not on 1T tokens: 2.14" in made.text
