"""How much wider a mixture's intervals must be beyond the fitted runs, by what its own backtests missed.

A score is an error in units of the standard deviation that the mixture claimed. Origins in compute tell of
extrapolation in ln C, origins in tokens per parameter of extrapolation in ln D / N. With s_o the rms score of origin o,
of m origins of one kind, and r the root mean square distance of their held-out runs beyond what was fitted:

    excess = max(0, (1 + sum_o s_o^2) / (1 + m) - 1)
    widening^2 = 1 + excess_C min(1, d_C / r_C) + excess_M min(1, d_M / r_M)

so that it is 1 inside the fitted range, grows to what the backtests missed at the distance they reached, and never
narrows. As in `sweep.fit.predict`, one more origin that came out as claimed keeps a single one from saying too much.
Without origins in tokens per parameter, those in compute stand for both.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Axis:
    """What the origins of one kind missed.

    Attributes:
        origins: how many.
        excess: variance beyond the claimed, in units of it; 0 where nothing was missed.
        reach: rms distance of the held-out runs beyond the fitted ones, in natural logarithms.
        scores: rms score of each origin.
    """

    origins: int
    excess: float
    reach: float
    scores: tuple[float, ...] = ()

    def at(self, distance: float | int) -> float:
        """Variance to add at a distance, in units of the claimed."""
        if distance <= 0:
            return 0.0
        return self.excess * (min(1.0, distance / self.reach) if self.reach > 0 else 1.0)


@dataclass(frozen=True)
class Calibration:
    """Of extrapolation in compute and in tokens per parameter."""

    compute: Axis
    ratio: Axis

    def widening(self, compute: float | int, ratio: float | int) -> float:
        """Factor, at least 1, at distances beyond the fitted range in ln C and ln D / N."""
        return math.sqrt(1 + self.compute.at(compute) + self.ratio.at(ratio))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"compute": asdict(self.compute), "tokens_per_param": asdict(self.ratio)}


def axis(score: np.ndarray, distance: np.ndarray, origin: np.ndarray) -> Axis:
    """Of held-out runs [m]: scores, distances along the axis, and the origin that held each out."""
    good = np.isfinite(score)
    score, distance, origin = score[good], distance[good], origin[good]
    if not len(score):
        return Axis(0, 0.0, 0.0)
    rms = [float(np.sqrt(np.mean(score[origin == o] ** 2))) for o in np.unique(origin)]
    excess = max(0.0, (1 + sum(s**2 for s in rms)) / (1 + len(rms)) - 1)
    return Axis(len(rms), excess, float(np.sqrt(np.mean(distance**2))), tuple(rms))


def calibrated(compute: Axis, ratio: Axis) -> Calibration:
    """Both axes; the one of tokens per parameter takes what compute missed where it has no origins of its own."""
    return Calibration(compute, ratio if ratio.origins else compute)


def from_json(block: Mapping[str, Any]) -> Calibration:
    """Inverse of `Calibration.to_json`."""

    def one(x: Mapping[str, Any]) -> Axis:
        return Axis(int(x["origins"]), float(x["excess"]), float(x["reach"]), tuple(x["scores"]))

    return Calibration(one(block["compute"]), one(block["tokens_per_param"]))


def beyond(value: Any, low: float | int, high: float | int) -> Any:
    """Distance in natural logarithms of positive values outside [low, high], 0 inside."""
    return np.maximum(np.maximum(np.log(value / high), np.log(low / value)), 0.0)
