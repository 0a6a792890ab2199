"""Questions to a fitted law with its doubt: the loss of one new run, and the compute-optimal run of a budget.

Beyond the largest fitted compute an interval of loss is widened by what the fit's own backtest missed. There, laws
fitted below some compute predicted the runs above it; a score is an error in units of the standard deviation claimed.
With s_o the rms score of origin o, of m origins:

    widening^2 = max(1, (1 + sum_o s_o^2) / (1 + m))

The one more origin that came out exactly as claimed keeps a single unlucky (or lucky) backtest from saying too much.
Without a backtest nothing is widened.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep import laws, quantity
from sweep.errors import InputError
from sweep.fit import bootstrap
from sweep.fit.best import BY_COMPUTE, best_run
from sweep.fit.interval import Doubt, widened
from sweep.fit.misfit_text import misfit_words
from sweep.laws import inputs
from sweep.laws.held import held_text
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN
from sweep.nearest import nearest

FAR = 10  # times the largest fitted compute, beyond which a prediction is warned about
CONVENTION = 2  # times by which two ways of counting FLOPs may differ; beyond it they are of two runs


@dataclass(frozen=True)
class Prediction:
    """Loss of one new run, or what else a law predicts of it.

    Attributes:
        value: of the law at its optimum, in the unit of its output: nats/token of a loss.
        interval: [low, high] for one new run: the doubt about the law and the scatter of runs around it, together;
            nulls without resamples.
        extrapolation: `compute`, FLOPs over the largest fitted; `tokens_per_param`, and further inputs of the law,
            factor outside the fitted range, 1 inside; `compute_below`, the smallest fitted FLOPs over these, where they
            are fewer; `epochs`, passes over unique tokens over the most fitted. None where compute or tokens per
            parameter are not known.
        warnings: {code, message}, empty inside the fitted range of a fit that stands (`standing`).
    """

    value: float
    interval: list[float | None]
    extrapolation: dict[str, float | None]
    warnings: list[dict[str, str]]

    @property
    def loss(self) -> float:
        """`value`, by its name where the law is one of the loss."""
        return self.value


@dataclass(frozen=True)
class Optimum:
    """Compute-optimal run for a budget: params, tokens and loss (nats/token) with [low, high] of the law's doubt, and
    warnings {code, message} where the fit was refused and made despite it."""

    params: float
    tokens: float
    loss: float
    params_interval: list[float | None]
    tokens_interval: list[float | None]
    loss_interval: list[float | None]
    warnings: list[dict[str, str]] = field(default_factory=list)


def asked(law: laws.Law, given: Mapping[str, Any], k: float | None) -> dict[str, float]:
    """The inputs of `law` from what a question gives by name, with what follows from params and tokens.

    Args:
        given: numbers, or texts such as "7B"; params and tokens may be None where the law does not read them.
        k: FLOPs per parameter and token.

    Raises:
        InputError: an input that the law does not read, that it lacks, or that is no positive number.
    """
    values = {name: value for name, value in given.items() if value is not None}
    for name in values:
        if name not in (*law.inputs, *BY_COMPUTE):
            raise InputError(f"predict: law {law.id} reads no {name}{nearest(name, law.inputs)}")
    values = {name: amount(name, value) for name, value in values.items()}
    if lacking := [name for name in ("params", "tokens") if name in law.inputs and name not in values]:
        raise InputError(f"predict: law {law.id} needs {' and '.join(lacking)}: give --{' and --'.join(lacking)}")
    if {"params", "tokens"} <= values.keys():
        follow = (k or FLOPS_PER_PARAM_TOKEN) * values["params"] * values["tokens"]
        values = {"flops": follow} | values
        if not 1 / CONVENTION < values["flops"] / follow < CONVENTION:
            raise InputError(
                f"predict: {values['flops']:.4g} FLOPs, but {values['params']:.4g} params on {values['tokens']:.4g} "
                f"tokens take {follow:.4g}; leave out the compute, or params and tokens"
            )
        values["tokens_per_param"] = values["tokens"] / values["params"]
    if values.get("tokens") and values.get("unique_tokens"):
        values["epochs"] = values["tokens"] / values["unique_tokens"]
    for name in law.inputs:
        if name not in values:
            ways = f"--input {name}=NUMBER" + (", or params and tokens" if name in BY_COMPUTE else "")
            raise InputError(f"predict: law {law.id} needs {name} ({law.meanings[name]}): give {ways}")
        if not math.isfinite(values[name]) or (values[name] <= 0 and name not in law.signed):
            raise InputError(f"predict: {name} {values[name]!r}; it must be a positive number")
    return {name: float(value) for name, value in values.items()}


def amount(name: str, value: Any) -> float:
    """The number of one input of a question. Raises InputError for what is none."""
    if name in ("params", "tokens"):
        return quantity.count(f"--{name}", value, name)
    if name == "flops":
        return quantity.any_flops("--input flops", value)
    return quantity.signed(f"--input {name}", value)


def predict(
    law: laws.Law, coefficients: Any, lanes: Any, doubt: Doubt, record: Mapping[str, Any], question: Mapping[str, float]
) -> Prediction:
    """Loss of one new run, or what else the law predicts of it.

    Args:
        coefficients, lanes: of the fit, and of its usable resamples [lanes] each.
        record: of the fit; its `level` is the interval's.
        question: of `asked`.
    """
    level, pair = record["level"], list[float | None]([None, None])
    value = float(inputs.predict(law, coefficients, question))
    far = reach(law, record, question)
    with np.errstate(all="ignore"):
        spread = np.log(inputs.predict(law, lanes, question))
    if np.isfinite(spread).sum() >= doubt.least and doubt.groups >= 2:
        middle = np.nanmedian(spread)
        beyond = (far["compute"] or 0.0) > 1
        wider = doubt.widening(spread, level) * (backtest_widening(record) if beyond else 1.0)
        spread = middle + wider * (spread - middle)
        pair = bootstrap.interval(np.exp(spread) * noise(record, len(spread)), level)
    extrapolation = {name: far[name] for name in ("compute", "tokens_per_param")}
    extrapolation |= {name: factor for name, factor in far.items() if factor is not None}
    told = [*standing(record), *without_interval(record, pair), *about_reach(record, question, far)]
    return Prediction(value, pair, extrapolation, told)


def reach(law: laws.Law, record: Mapping[str, Any], question: Mapping[str, float]) -> dict[str, float | None]:
    """How far a question lies from what was fitted.

    `compute`: FLOPs over the largest fitted. `tokens_per_param` and each further input of the law, or each input where
    compute is not known: the factor outside its fitted range, 1 inside. None where question or table do not say.
    """
    span = record["range"]
    known = "flops" in question and "flops" in span
    far: dict[str, float | None] = {"compute": question["flops"] / span["flops"][1] if known else None}
    if known and question["flops"] < span["flops"][0]:
        far["compute_below"] = span["flops"][0] / question["flops"]
    others = [x for x in law.inputs if x not in BY_COMPUTE or not known]
    names = ["tokens_per_param", *others, *(["epochs"] if "epochs" in span else [])]
    for name in dict.fromkeys(names):
        low, high = span.get(name, (math.nan, math.nan))
        positive = name in question and low > 0
        far[name] = max(low / question[name], question[name] / high, 1.0) if positive else None
    return far


def about_reach(
    record: Mapping[str, Any], question: Mapping[str, float], far: Mapping[str, float | None]
) -> list[dict[str, str]]:
    """Warnings of a question outside the fitted range."""
    found = []
    for name, factor in far.items():
        if name == "compute" and factor is not None and factor > FAR:
            message = f"extrapolation {times(factor)}x in C beyond the largest fitted run"
            found.append(warning("extrapolation", message))
        if name == "compute_below" and factor is not None and factor > FAR:
            message = f"extrapolation {times(factor)}x in C below the smallest fitted run"
            found.append(warning("extrapolation", message))
        if name.startswith("compute") or factor is None or factor <= 1.001:
            continue
        low, high = record["range"][name]
        above = question[name] > high
        if name == "tokens_per_param":
            edge = f"largest D/N seen, {high:.3g}" if above else f"smallest D/N seen, {low:.3g}"
            message = f"{question[name]:,.4g} tokens a parameter, {times(factor)}x beyond the {edge}"
            found.append(warning("tokens_per_param", message))
        elif name == "epochs":
            message = (
                f"{times(question[name])} passes over the unique tokens, {times(factor)}x the most seen, {high:,.4g}"
            )
            found.append(warning("epochs", message))
        else:
            edge = f"largest seen, {high:.3g}" if above else f"smallest seen, {low:.3g}"
            found.append(warning("input_range", f"{name} {question[name]:.3g}, {factor:.3g}x beyond the {edge}"))
    return found


def times(factor: float) -> str:
    """A factor in three digits, below 1e12 without a power of ten: 4.63, 310, 2,150,000, 4.62e+38."""
    return f"{float(f'{factor:.3g}'):,.0f}" if 100 <= factor < 1e12 else f"{factor:.3g}"


def noise(record: Mapping[str, Any], count: int) -> np.ndarray:
    """Factors by which runs scatter around the law [count]: residuals resampled, the same every time.

    Widened by sqrt(n / (n - parameters)), because a fit makes its residuals small.
    """
    residual = np.sort([point["residual"] for point in record["points"]])  # whatever the order of the rows
    free = len(record["params"]) - len(record.get("fixed_coefficients") or ())
    widen = math.sqrt(len(residual) / max(len(residual) - free, 1))
    return np.exp(widen * np.random.default_rng(record["seed"]).choice(residual, count))


def optimum(
    law: laws.Law,
    coefficients: Any,
    lanes: Any,
    doubt: Doubt,
    flops: float | int,
    record: Mapping[str, Any],
    fixed: Mapping[str, float] | None = None,
) -> Optimum:
    """Optimum of the law for a budget in FLOPs; intervals are of the resamples on which it exists.

    `fixed`: values of inputs that a budget does not decide, instead of the record's (sweep.fit.best). All is NaN by a
    law without an optimum.
    """
    k, level, at = record["flops_per_param_token"], record["level"], {**record.get("fixed", {}), **(fixed or {})}
    params, tokens, loss = best_run(law, coefficients, flops, k, at)
    drawn = best_run(law, lanes, flops, k, at)
    of_n, of_d, of_loss = (doubt.interval(np.asarray(lane), level) for lane in drawn)
    if flops > record["range"].get("flops", (0, math.inf))[1]:
        of_loss = widened(of_loss, float(loss), backtest_widening(record))
    return Optimum(float(params), float(tokens), float(loss), of_n, of_d, of_loss, warnings=standing(record))


def title(record: Mapping[str, Any]) -> str:
    """The law, the table, and what was held, for people."""
    held = held_text(record.get("fixed_coefficients"))
    return f"{record['law']} fitted to {record['source']}" + (f", {held}" if held else "")


def despite(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """One warning for each refusal that the fit was made despite: it goes with everything made from the fit."""
    return [warning(code, f"the fit was refused ({code}) and made despite it") for code in record.get("despite", [])]


def standing(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """What goes with every answer of a fit: the refusals it was made despite, an optimum that the solver did not reach,
    and a backtest that missed."""
    found = despite(record)
    if record["status"] == "not_converged":
        message = "the fit did not converge: its coefficients are where the solver stopped, and so is this answer"
        found.append(warning("not_converged", message))
    if text := misfit_words(record):
        found.append(warning("misfit", f"of the fit: {text}"))
    missed = (w for w in record.get("warnings", []) if w["code"] == "backtest_missed")
    return [*found, *(warning(w["code"], f"of the fit: {w['message']}") for w in missed)]


def without_interval(record: Mapping[str, Any], pair: Sequence[float | None]) -> list[dict[str, str]]:
    """Why an answer has no interval; nothing where it has one, or where no resamples were asked for."""
    if pair[0] is not None or not record.get("bootstrap"):
        return []
    made = record["bootstrap"]
    message = f"no interval: too few of the fit's {made} resamples have an answer here; do not plan on this value"
    return [warning("interval_withheld", message)]


def backtest_widening(record: Mapping[str, Any]) -> float:
    """Factor by which loss beyond the fitted compute is less sure than the resamples say; 1 without a backtest."""
    found = record.get("diagnostics", {}).get("backtest", {})
    scores = [origin["score_rms"] for origin in found.get("origins", []) if origin["score_rms"] is not None]
    return widening_of(np.array(scores, float))


def widening_of(scores: np.ndarray) -> float:
    """The rule above, of the rms score of each origin [m]."""
    return math.sqrt(max(1.0, (1 + float(np.sum(scores**2))) / (1 + len(scores))))


def warning(code: str, message: str) -> dict[str, str]:
    """One warning of the contract."""
    return {"code": code, "message": message}
