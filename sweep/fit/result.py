"""A fit as a thing to ask: parameters, intervals, predictions, optima; kept as one JSON and one Parquet file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import pyarrow as pa

from sweep import files, laws, quantity
from sweep.errors import InputError
from sweep.fit import predict as ask
from sweep.fit.best import best_run, exponents
from sweep.fit.interval import ADJUSTED, Doubt
from sweep.fit.many import Many, Predictions, is_many, predict_many
from sweep.fit.predict import Optimum, Prediction, optimum, warning
from sweep.quantity import Given
from sweep.storage import Location, locate
from sweep.tables import io

__all__ = ["Fit", "Optimum", "Prediction", "coefficients_of", "optimum", "plain", "warning"]

USABLE = ("converged", "at_bound")  # an optimum at a bound is an answer too
NOT_RUN = "not_run"  # cut off by an interrupt
FIT_FILE, LANES_FILE = "fit.json", "lanes.parquet"
COUNTS = np.dtype("<u2")  # of `drawn` on disk


@dataclass(frozen=True)
class Fit:
    """A fitted law with its doubt.

    Attributes:
        record: everything, in the JSON keys of the command line; see `to_json`.
        lanes: of the resamples, parameter name -> values [lanes].
        verdict: how each resample ended [lanes]; intervals use those that converged or lie at a bound.
        drawn: how often each group of runs is in each resample [lanes, groups]; [lanes, 0] where nothing needs it.
    """

    record: dict[str, Any]
    lanes: Mapping[str, np.ndarray] = field(repr=False)
    verdict: np.ndarray = field(repr=False)
    drawn: np.ndarray = field(repr=False)

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
        return coefficients_of(self.law, {name: np.float64(value) for name, value in self.params.items()})

    @property
    def lane_coefficients(self) -> Any:
        """The law's coefficients on every usable resample, each [lanes]."""
        return coefficients_of(self.law, {name: values[self.usable] for name, values in self.lanes.items()})

    @property
    def held(self) -> dict[str, float]:
        """Coefficients that were held at given values; the others were fitted."""
        return self.record.get("fixed_coefficients") or {}

    @property
    def usable(self) -> np.ndarray:
        """[lanes], resamples that gave an answer."""
        return np.isin(self.verdict.astype(str), USABLE)

    @property
    def doubt(self) -> Doubt:
        """What turns values on the usable resamples into intervals."""
        made, free = int(np.sum(self.verdict != NOT_RUN)), len(self.law.names) - len(self.held)
        return Doubt(self.drawn[self.usable], self.record["groups"], self.record["n"], free, made)

    def interval(self, name: str, level: float | None = None, method: str = ADJUSTED) -> list[float | None]:
        """Interval [low, high] of a parameter, or of the exponents `a` and `b` of N* and D*.

        Args:
            level: default: the fit's own.
            method: adjusted, percentile or bca (sweep.fit.interval).

        Raises:
            InputError: no such quantity, level or method.
        """
        if name in self.record.get("one_sided", ()):  # of the profile, which takes the table to make
            own = self.at_level(level)["level"] == self.record["level"] and method == ADJUSTED
            return self.record["interval"][name] if own else [None, None]
        values = {**self.params, **self.exponents(self.coefficients)}
        if name not in values:
            raise InputError(f"no parameter {name!r} in this fit; it has {', '.join(values)}")
        if name in self.held:
            return [None, None]
        lanes = self.lane_coefficients
        drawn = self.exponents(lanes) | dict(zip(self.params, lanes, strict=True))
        return self.doubt.interval(drawn[name], self.at_level(level)["level"], method, values[name])

    def exponents(self, coefficients: Any) -> dict[str, Any]:
        """`a` and `b` of N* and D* at the fit's target, of coefficients; empty where the law has no optimum."""
        if not self.law.optimum_kind:
            return {}
        at = self.record["target"]["flops"], self.record["flops_per_param_token"], self.record["fixed"]
        return dict(zip("ab", exponents(self.law, coefficients, *at), strict=True))

    @overload
    def predict(
        self, params: Given | None = None, tokens: Given | None = None, level: float | None = None, **inputs: Given
    ) -> Prediction: ...

    @overload
    def predict(self, params: Many, tokens: Any = None, level: float | None = None, **inputs: Any) -> Predictions: ...

    @overload
    def predict(self, params: Given, tokens: Many, level: float | None = None, **inputs: Any) -> Predictions: ...

    def predict(self, params: Any = None, tokens: Any = None, level: Any = None, **inputs: Any) -> Any:
        """Loss of one new run of `params` parameters on `tokens` tokens, or what else the law predicts of it.

        Args:
            params, tokens: 7e9 or "7B"; or arrays, for the predictions of many runs (sweep.fit.many).
            inputs: further inputs of the law by name, such as unique_tokens=25e9; a law may need no params or tokens.

        Raises InputError for numbers that are not positive, an input that the law does not read or that it lacks, and
        for a level outside (0, 1).
        """
        record, k = self.at_level(level), self.record["flops_per_param_token"]
        at = self.law, self.coefficients, self.lane_coefficients, self.doubt, record

        def one(given: Mapping[str, Any]) -> Prediction:
            return ask.predict(*at, ask.asked(at[0], given, k))

        given = {"params": params, "tokens": tokens, **inputs}
        return predict_many(one, given) if any(map(is_many, given.values())) else one(given)

    def optimum(self, flops: Any, level: Any = None, **fixed: Any) -> Optimum:
        """Compute-optimal (params, tokens) and loss for a budget in FLOPs, 1e21 or "1e21", with intervals.

        FLOPs count as in the fitted table: k N D with its median k (`flops_per_param_token`). `fixed` are inputs of the
        law that a budget does not decide, such as unique_tokens; by default those of the run of most compute.

        Raises InputError for a budget that is not positive, a law without an optimum, an input that it does not have.
        """
        if not (flops := quantity.any_flops("optimum: FLOPs", flops)):
            raise InputError("optimum: 0 FLOPs; it must be a positive number")
        if not self.law.optimum_kind:
            raise InputError(f"optimum: law {self.law.id} does not say how to split compute between params and tokens")
        if unknown := fixed.keys() - self.record["fixed"].keys():
            raise InputError(f"optimum: law {self.law.id} has no input {min(unknown)!r} that a budget leaves open")
        at = self.coefficients, self.lane_coefficients, self.doubt, flops, self.at_level(level)
        return optimum(self.law, *at, {name: quantity.signed(f"--{name}", value) for name, value in fixed.items()})

    def at_level(self, level: Any) -> dict[str, Any]:
        """The record with another level of intervals."""
        if level is not None and not 0 < (level := quantity.nonnegative("level", level)) < 1:
            raise InputError(f"level {level!r}; it must be within (0, 1), such as 0.9")
        return self.record if level is None else {**self.record, "level": level}

    def table(self) -> pa.Table:
        """One row a quantity: name, value, se, low, high, verdict.

        The law's parameters and, where it has an optimum, the exponents `a` and `b`, and `params`, `tokens` and `loss`
        of the optimum at the fit's target. `se` is the standard deviation over the resamples; null where too few.
        """
        lanes, flops = self.lane_coefficients, self.record["target"]["flops"]
        values = {**self.params, **self.exponents(self.coefficients)}
        drawn = dict(zip(self.params, lanes, strict=True)) | self.exponents(lanes)
        rows = [(name, value, drawn[name], self.interval(name)) for name, value in values.items()]
        if self.law.optimum_kind:
            best = self.optimum(flops)
            k, fixed = self.record["flops_per_param_token"], self.record["fixed"]
            at = zip(("params", "tokens", "loss"), best_run(self.law, lanes, flops, k, fixed), strict=True)
            rows += [(name, getattr(best, name), x, getattr(best, f"{name}_interval")) for name, x in at]
        drawn |= dict.fromkeys(self.held, np.empty(0))  # no doubt of its own
        columns = {
            "name": [name for name, *_ in rows],
            "value": [plain(float(value)) for _, value, *_ in rows],
            "se": [standard_error(np.asarray(drawn), self.doubt.least) for _, _, drawn, _ in rows],
            "low": [pair[0] for *_, pair in rows],
            "high": [pair[1] for *_, pair in rows],
            "verdict": ["fixed" if name in self.held else self.status for name, *_ in rows],
        }
        real = pa.float64()
        kinds = {"name": pa.string(), "value": real, "se": real, "low": real, "high": real, "verdict": pa.string()}
        return pa.table({name: pa.array(column, kinds[name]) for name, column in columns.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, no NaN: what is unknown is null, and a `reason` says why."""
        return self.record

    def save(self, directory: str | Location) -> None:
        """Write fit.json and lanes.parquet, each whole or not at all."""
        directory = locate(directory)
        files.write_text(directory / FIT_FILE, json.dumps(self.record, indent=1, allow_nan=False) + "\n")
        columns = {name: pa.array(values) for name, values in self.lanes.items()}
        columns["status"] = pa.array(self.verdict, pa.string())
        columns["drawn"] = pa.array([row.tobytes() for row in self.drawn.astype(COUNTS)], pa.binary())
        io.write(pa.table(columns), directory / LANES_FILE)

    @classmethod
    def load(cls, path: str | Location) -> "Fit":
        """The fit that `save` wrote to a directory, or that of a sweep's directory; its fit.json may be named too.

        Raises:
            InputError: there is none, or its files are damaged or not of a fit.
        """
        record_file = record_at(locate(path))
        lanes_file = record_file.with_name(LANES_FILE)
        record = read_record(record_file)
        if not lanes_file.is_file():
            raise InputError(f"{lanes_file}: missing beside {FIT_FILE}; fit again with `sweep fit TABLE --out …`")
        try:
            table = io.parquet(lanes_file)
            if missing := {*record["params"], "status", "drawn"} - set(table.column_names):
                raise KeyError(min(missing))
            lanes = {name: table[name].to_numpy().astype(float) for name in record["params"]}
            verdict = np.array(table["status"].to_pylist(), dtype=object)
            drawn = np.frombuffer(b"".join(table["drawn"].to_pylist()), COUNTS).astype(float)
            drawn = drawn.reshape(len(verdict), len(drawn) // max(len(verdict), 1))
        except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
            raise damaged(lanes_file, error) from error
        return cls(record, lanes, verdict, drawn)


def record_at(path: Location) -> Location:
    """Where the fit.json of `path` lies: the path itself, in it, or in its fit/."""
    if path.is_file():
        return path
    for candidate in (path / FIT_FILE, path / "fit" / FIT_FILE):
        if candidate.is_file():
            return candidate
    raise InputError(f"{path}: no {FIT_FILE} here; `sweep fit TABLE --out {path}` writes one")


def read_record(file: Location) -> dict[str, Any]:
    """The record in a fit.json, or an InputError where it is none."""
    try:
        record = json.loads(file.read_text())
        names = laws.get(record["law"]).names
        numbers = [*(record["params"][name] for name in names), record["level"], record["n"], record["groups"]]
        numbers += [end for ends in record["range"].values() for end in ends]
        if laws.get(record["law"]).optimum_kind:
            numbers += [record["flops_per_param_token"], record["target"]["flops"], *record["fixed"].values()]
            numbers += [*record["range"]["flops"], *record["range"]["tokens_per_param"]]
        numbers += [point["residual"] for point in record["points"]]
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
            raise ValueError("a number is missing")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, OSError) as error:
        raise damaged(file, error) from error
    return record


def damaged(file: Location, error: Exception) -> InputError:
    """One line about a file that is no part of a fit, or of another version's."""
    why = (
        f"{error} is missing"
        if isinstance(error, KeyError)
        else next(iter(str(error).splitlines()), type(error).__name__)
    )
    return InputError(f"{file}: not a fit that this version can read ({why}); fit again with `sweep fit TABLE --out …`")


def standard_error(values: np.ndarray, least: int) -> float | None:
    """Standard deviation over the resamples [lanes]; None with fewer than `least` that are finite."""
    finite = values[np.isfinite(values)]
    return float(finite.std()) if len(finite) >= least else None


def coefficients_of(law: laws.Law, values: Mapping[str, Any]) -> Any:
    """The law's coefficients from values by name."""
    like = law.coefficients(np.zeros(len(law.names)), np.zeros(len(law.inputs)))  # a law need not have published ones
    return type(like)(*(values[name] for name in law.names))


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
