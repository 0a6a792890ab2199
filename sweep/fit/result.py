"""A fit as a thing to ask: parameters, intervals, predictions, optima; kept as one JSON and one Parquet file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sweep import files, laws
from sweep.errors import InputError
from sweep.fit.bootstrap import interval
from sweep.tables import io

USABLE = ("converged", "at_bound")  # an optimum at a bound is an answer too
FIT_FILE, LANES_FILE = "fit.json", "lanes.parquet"


@dataclass(frozen=True)
class Prediction:
    """Loss of one new run.

    Attributes:
        loss: of the law at its optimum, nats/token.
        interval: [low, high] for one new run at the fit's level: the spread of the resampled laws and the scatter of
            runs around the law, together; nulls without resamples.
        extrapolation: `compute`, FLOPs over the largest fitted; `tokens_per_param`, factor outside the fitted range
            of tokens per parameter, 1 inside.
        warnings: {code, message}, empty inside the fitted range.
    """

    loss: float
    interval: list[float | None]
    extrapolation: dict[str, float]
    warnings: list[dict[str, str]]


@dataclass(frozen=True)
class Optimum:
    """Compute-optimal run for a budget: params, tokens and loss (nats/token) with [low, high] over the resamples."""

    params: float
    tokens: float
    loss: float
    params_interval: list[float | None]
    tokens_interval: list[float | None]
    loss_interval: list[float | None]


@dataclass(frozen=True)
class Fit:
    """A fitted law with its doubt.

    Attributes:
        record: everything, in the JSON keys of the command line; see `to_json`.
        lanes: of the resamples, parameter name -> values [lanes].
        verdict: how each resample ended [lanes]; intervals use those that converged or lie at a bound.
    """

    record: dict[str, Any]
    lanes: Mapping[str, np.ndarray] = field(repr=False)
    verdict: np.ndarray = field(repr=False)

    @property
    def law(self) -> laws.Law:
        """The law that was fitted."""
        return laws.get(self.record["law"])

    @property
    def params(self) -> dict[str, float]:
        """Parameter name -> value at the optimum."""
        return dict(self.record["params"])

    @property
    def status(self) -> str:
        """converged, at_bound or not_converged."""
        return self.record["status"]

    @property
    def coefficients(self) -> Any:
        """The law's coefficients at the optimum."""
        return coefficients_of(self.law, self.params)

    @property
    def lane_coefficients(self) -> Any:
        """The law's coefficients on every usable resample, each [lanes]."""
        return coefficients_of(self.law, {name: values[self.usable] for name, values in self.lanes.items()})

    @property
    def usable(self) -> np.ndarray:
        """[lanes], resamples that gave an answer."""
        return np.isin(self.verdict.astype(str), USABLE)

    def interval(self, name: str, level: float | None = None) -> list[float | None]:
        """Percentile interval [low, high] of a parameter over the resamples; nulls with fewer than 20 of them."""
        if name not in self.lanes:
            raise InputError(f"no parameter {name!r} in this fit; it has {', '.join(self.lanes)}")
        return interval(self.lanes[name][self.usable], self.record["level"] if level is None else level)

    def predict(self, params: float | int, tokens: float | int) -> Prediction:
        """Loss of one new run of `params` parameters on `tokens` tokens, with a prediction interval.

        The scatter is the residuals of the fitted runs, widened by sqrt(n / (n - parameters)).
        """
        if not (0 < params < math.inf and 0 < tokens < math.inf):
            raise InputError(f"predict: params {params!r}, tokens {tokens!r}; both must be positive numbers")
        noise = self.noise(int(self.usable.sum()))
        spread = noise * self.law.loss(self.lane_coefficients, float(params), float(tokens))
        record = self.record
        range_n, range_c = record["range"]["tokens_per_param"], record["range"]["flops"]
        compute = record["flops_per_param_token"] * params * tokens / range_c[1]
        ratio = tokens / params
        outside = max(range_n[0] / ratio, ratio / range_n[1], 1.0)
        warnings = []
        if compute > 10:
            warnings.append(warning("extrapolation", f"{compute:.3g} x the largest fitted compute"))
        if outside > 1.001:
            warnings.append(
                warning("tokens_per_param", f"{ratio:.3g} tokens a parameter, {outside:.3g} x outside the fitted range")
            )
        return Prediction(
            float(self.law.loss(self.coefficients, float(params), float(tokens))),
            interval(spread, record["level"]),
            {"compute": float(compute), "tokens_per_param": float(outside)},
            warnings,
        )

    def noise(self, count: int) -> np.ndarray:
        """Factors by which runs scatter around the law [count]: resampled, the same every time."""
        residual = np.array([point["residual"] for point in self.record["points"]])
        widen = math.sqrt(len(residual) / max(len(residual) - len(self.params), 1))
        return np.exp(widen * np.random.default_rng(self.record["seed"]).choice(residual, count))

    def optimum(self, flops: float | int) -> Optimum:
        """Compute-optimal (params, tokens) and loss for a budget in FLOPs, with intervals of the law itself.

        FLOPs count as in the fitted table: k N D with its median k (`flops_per_param_token`).
        """
        if not 0 < flops < math.inf:
            raise InputError(f"optimum: {flops!r} FLOPs; it must be a positive number")
        return optimum(self.law, self.coefficients, self.lane_coefficients, float(flops), self.record)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, no NaN: what is unknown is null, and a `reason` says why."""
        return self.record

    def save(self, directory: str | Path) -> None:
        """Write fit.json and lanes.parquet, each whole or not at all."""
        directory = Path(directory)
        files.write_text(directory / FIT_FILE, json.dumps(self.record, indent=1, allow_nan=False) + "\n")
        columns = {name: pa.array(values) for name, values in self.lanes.items()}
        io.write(pa.table({**columns, "status": pa.array(self.verdict, pa.string())}), directory / LANES_FILE)

    @classmethod
    def load(cls, directory: str | Path) -> "Fit":
        """The fit that `save` wrote. Raises InputError where there is none."""
        directory = Path(directory)
        if not (directory / FIT_FILE).exists():
            raise InputError(f"{directory}: no {FIT_FILE} here; `sweep fit TABLE --out {directory}` writes one")
        lanes = io.pyarrow.parquet.ParquetFile(directory / LANES_FILE).read()
        record = json.loads((directory / FIT_FILE).read_text())
        names = [name for name in lanes.column_names if name != "status"]
        verdict = np.array(lanes["status"].to_pylist(), dtype=object)
        return cls(record, {name: lanes[name].to_numpy() for name in names}, verdict)


def optimum(law: laws.Law, coefficients: Any, lanes: Any, flops: float, record: Mapping[str, Any]) -> Optimum:
    """Optimum of the law, and percentile intervals over the lanes on which it exists."""
    k, level = record["flops_per_param_token"], record["level"]
    coefficients = type(coefficients)(*map(np.float64, coefficients))  # roots of negative floats would be complex
    with np.errstate(all="ignore"):  # a lane with an exponent at its bound has no optimum: not finite, left out
        params, tokens = law.optimum(coefficients, flops, k)
        lane_params, lane_tokens = law.optimum(lanes, flops, k)
        lane_loss = law.loss(lanes, lane_params, lane_tokens)
        loss = law.loss(coefficients, params, tokens)
    spreads = (interval(np.asarray(lane), level) for lane in (lane_params, lane_tokens, lane_loss))
    return Optimum(float(params), float(tokens), float(loss), *spreads)


def coefficients_of(law: laws.Law, values: Mapping[str, Any]) -> Any:
    """The law's coefficients from values by name."""
    like = law.coefficients(np.zeros(len(law.names)), np.zeros(len(law.inputs)))  # a law need not have published ones
    return type(like)(*(values[name] for name in law.names))


def warning(code: str, message: str) -> dict[str, str]:
    """One warning of the contract."""
    return {"code": code, "message": message}


def plain(value: Any) -> Any:
    """Plain JSON types; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
