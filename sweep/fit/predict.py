"""Questions to a fitted law with its doubt: the loss of one new run, and the compute-optimal run of a budget.

Beyond the largest fitted compute an interval of loss is widened by what the fit's own backtest missed. There, laws
fitted below some compute predicted the runs above it; a score is an error in units of the standard deviation claimed.
With s_o the rms score of origin o, of m origins:

    widening^2 = max(1, (1 + sum_o s_o^2) / (1 + m))

The one more origin that came out exactly as claimed keeps a single unlucky (or lucky) backtest from saying too much.
Without a backtest nothing is widened.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep import laws
from sweep.fit import bootstrap
from sweep.fit.interval import Doubt, widened

FAR = 10  # times the largest fitted compute, beyond which a prediction is warned about


@dataclass(frozen=True)
class Prediction:
    """Loss of one new run.

    Attributes:
        loss: of the law at its optimum, nats/token.
        interval: [low, high] for one new run: the doubt about the law and the scatter of runs around it, together;
            nulls without resamples.
        extrapolation: `compute`, FLOPs over the largest fitted; `tokens_per_param`, factor outside the fitted range
            of tokens per parameter, 1 inside.
        warnings: {code, message}, empty inside the fitted range of a fit that was not refused.
    """

    loss: float
    interval: list[float | None]
    extrapolation: dict[str, float]
    warnings: list[dict[str, str]]


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


def predict(
    law: laws.Law, coefficients: Any, lanes: Any, doubt: Doubt, record: Mapping[str, Any], question: tuple[float, float]
) -> Prediction:
    """Loss of one new run of `question` = (params, tokens).

    Args:
        coefficients, lanes: of the fit, and of its usable resamples [lanes] each.
        record: of the fit; its `level` is the interval's.
    """
    params, tokens = question
    level, pair = record["level"], list[float | None]([None, None])
    loss = float(law.loss(coefficients, params, tokens))
    compute = record["flops_per_param_token"] * params * tokens / record["range"]["flops"][1]
    low, high = record["range"]["tokens_per_param"]
    ratio = tokens / params
    outside = max(low / ratio, ratio / high, 1.0)
    with np.errstate(all="ignore"):
        spread = np.log(law.loss(lanes, params, tokens))
    if np.isfinite(spread).sum() >= 20 and doubt.groups >= 2:
        middle = np.nanmedian(spread)
        wider = doubt.widening(spread, level) * (backtest_widening(record) if compute > 1 else 1.0)
        spread = middle + wider * (spread - middle)
        pair = bootstrap.interval(np.exp(spread) * noise(record, len(spread)), level)
    warnings = despite(record)
    if compute > FAR:
        warnings.append(warning("extrapolation", f"extrapolation {compute:.3g}x in C beyond the largest fitted run"))
    if outside > 1.001:
        edge = f"largest D/N seen, {high:.3g}" if ratio > high else f"smallest D/N seen, {low:.3g}"
        warnings.append(
            warning("tokens_per_param", f"{ratio:.3g} tokens a parameter, {outside:.3g}x beyond the {edge}")
        )
    extrapolation = {"compute": float(compute), "tokens_per_param": float(outside)}
    return Prediction(loss, pair, extrapolation, warnings)


def noise(record: Mapping[str, Any], count: int) -> np.ndarray:
    """Factors by which runs scatter around the law [count]: residuals resampled, the same every time.

    Widened by sqrt(n / (n - parameters)), because a fit makes its residuals small.
    """
    residual = np.array([point["residual"] for point in record["points"]])
    widen = math.sqrt(len(residual) / max(len(residual) - len(record["params"]), 1))
    return np.exp(widen * np.random.default_rng(record["seed"]).choice(residual, count))


def optimum(
    law: laws.Law, coefficients: Any, lanes: Any, doubt: Doubt, flops: float | int, record: Mapping[str, Any]
) -> Optimum:
    """Optimum of the law for a budget in FLOPs; intervals are of the resamples on which it exists."""
    k, level = record["flops_per_param_token"], record["level"]
    with np.errstate(all="ignore"):  # a lane with an exponent at its bound has no optimum: not finite, left out
        params, tokens = law.optimum(coefficients, flops, k)
        lane_params, lane_tokens = law.optimum(lanes, flops, k)
        lane_loss = law.loss(lanes, lane_params, lane_tokens)
        loss = float(law.loss(coefficients, params, tokens))
    of_n, of_d, of_loss = (doubt.interval(np.asarray(lane), level) for lane in (lane_params, lane_tokens, lane_loss))
    if flops > record["range"]["flops"][1]:
        of_loss = widened(of_loss, loss, backtest_widening(record))
    return Optimum(float(params), float(tokens), loss, of_n, of_d, of_loss, warnings=despite(record))


def despite(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """One warning for each refusal that the fit was made despite: it goes with everything made from the fit."""
    return [warning(code, f"the fit was refused ({code}) and made despite it") for code in record.get("despite", [])]


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
