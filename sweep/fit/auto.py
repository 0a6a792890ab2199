"""`auto`: the answer of several laws of (N, D) together, each by the weight that its own backtests earn.

Members are the additive law, the tied one and the coupled one (`gamma`): the first two are cases of the third, and the
other laws of params and tokens alone are these seen from compute, or without a floor. An answer is the median of the
mixture over laws and resamples, its interval the mixture's quantiles, so that what the laws disagree on is part of it;
beyond the fitted runs it is wider by what the backtests of the mixture missed (sweep.fit.calibration).

One law stays the default for parameters: an `Auto` is the fit of its first member, and answers questions by all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep import quantity
from sweep.errors import InputError
from sweep.fit import mixture
from sweep.fit import predict as ask
from sweep.fit.best import best_run
from sweep.fit.calibration import Calibration, beyond, from_json
from sweep.fit.many import is_many, predict_many
from sweep.fit.predict import Optimum, Prediction
from sweep.fit.result import Fit, record_at
from sweep.laws import inputs
from sweep.laws.coupled import LAW, Gamma
from sweep.storage import Location, locate

AUTO = "auto"
MEMBERS = ("additive", "additive_tied", "gamma")
FOLDER = "laws"  # beside fit.json: a fit of each member, by its id
LANES = 1000  # of the mixture as one law


@dataclass(frozen=True)
class Mixed(Prediction):
    """A prediction of a mixture.

    Attributes:
        by_law: what each law predicts.
        weights: of each law.
        disagreement: weighted standard deviation between the laws' ln predictions.
    """

    by_law: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    disagreement: float = 0.0


@dataclass(frozen=True)
class Auto(Fit):
    """The first member's fit, whose predictions and optima are those of all members.

    Attributes:
        members: law -> its fit; the first is the one whose record this is.
    """

    members: Mapping[str, Fit] = field(default_factory=dict, repr=False)

    @property
    def weights(self) -> dict[str, float]:
        """Law -> weight, of sum 1."""
        return dict(self.record[AUTO]["weights"])

    @property
    def calibration(self) -> Calibration:
        """How much wider intervals are beyond the fitted runs."""
        return from_json(self.record[AUTO]["calibration"])

    @property
    def shares(self) -> np.ndarray:
        """The weights in the order of the members."""
        return np.array([self.weights[id] for id in self.members])

    def predict(self, params: Any = None, tokens: Any = None, level: Any = None, **given: Any) -> Any:
        """As `Fit.predict`, by all members."""
        record = self.at_level(level)

        def one(values: Mapping[str, Any]) -> Mixed:
            return self.foretell(ask.asked(self.law, values, record["flops_per_param_token"]), record)

        everything = {"params": params, "tokens": tokens, **given}
        return predict_many(one, everything) if any(map(is_many, everything.values())) else one(everything)

    def foretell(self, question: Mapping[str, float], record: Mapping[str, Any]) -> Mixed:
        """The mixture's answer to one question of `ask.asked`."""
        fits, level = list(self.members.values()), record["level"]
        points = np.array([float(inputs.predict(f.law, f.coefficients, question)) for f in fits])
        parts = [spread(f, question, level) for f in fits]
        factor = self.widening(question["flops"], question["tokens_per_param"])
        middle, pair = self.answer(
            parts, level, factor, [ask.noise(f.record, len(p)) for f, p in zip(fits, parts, strict=True)]
        )
        value = float(np.exp(middle)) if np.isfinite(middle) else mixture.quantile(points, self.shares, 0.5)
        far = ask.reach(self.law, record, question)
        extrapolation = {name: far[name] for name in ("compute", "tokens_per_param")}
        extrapolation |= {name: x for name, x in far.items() if x is not None}
        told = [*ask.standing(record), *ask.without_interval(record, pair), *ask.about_reach(record, question, far)]
        by_law = dict(zip(self.members, points.tolist(), strict=True))
        return Mixed(value, pair, extrapolation, told, by_law, self.weights, between(points, self.shares))

    def optimum(self, flops: Any, level: Any = None, **fixed: Any) -> Optimum:
        """As `Fit.optimum`, by all members."""
        if fixed:
            raise InputError(f"optimum: the laws of {AUTO} read params and tokens alone, not {min(fixed)}")
        if not (flops := quantity.any_flops("optimum: FLOPs", flops)):
            raise InputError("optimum: 0 FLOPs; it must be a positive number")
        record, k = self.at_level(level), self.record["flops_per_param_token"]
        fits, level = list(self.members.values()), record["level"]
        runs = [[np.log(np.asarray(x, float)) for x in best_run(f.law, f.lane_coefficients, flops, k)] for f in fits]
        points = [[float(x) for x in best_run(f.law, f.coefficients, flops, k)] for f in fits]
        middles, pairs = [], []
        for i in range(3):
            parts = [own(f, run[i], level) for f, run in zip(fits, runs, strict=True)]
            middle, pair = self.answer(parts, level, self.widening(flops) if i == 2 else 1.0)
            if not np.isfinite(middle):
                middle = np.log(mixture.quantile(np.array([p[i] for p in points]), self.shares, 0.5))
            middles.append(float(np.exp(middle)))
            pairs.append(pair)
        return Optimum(*middles, *pairs, warnings=ask.standing(record))

    def answer(
        self, parts: list[np.ndarray], level: float, factor: float | int, noise: list[np.ndarray] | None = None
    ) -> tuple[float, list[float | None]]:
        """(median of ln values, [low, high] of the values) of the mixture of parts [lanes] each.

        Args:
            factor: by which the doubt about the law is wider.
            noise: factors of each part, by which runs scatter.
        """
        if not any(len(p) for p in parts):
            return float("nan"), [None, None]
        value, weight = mixture.pooled(parts, self.shares)
        middle = mixture.quantile(value, weight, 0.5)
        wide = [middle + factor * (p - middle) for p in parts]
        narrow = parts
        if noise:
            wide, narrow = ([p + np.log(n) for p, n in zip(x, noise, strict=True)] for x in (wide, parts))
        tails = (1 - level) / 2, (1 + level) / 2
        low, high = (mixture.quantile(*mixture.pooled(wide, self.shares), q) for q in tails)
        least = sum(w * np.ptp(np.quantile(p, tails)) for w, p in zip(self.shares, narrow, strict=True) if len(p))
        low, high = no_narrower(low, high, float(least))
        return middle, [float(np.exp(low)), float(np.exp(high))]

    def widening(self, flops: float | int, ratio: float | int | None = None) -> float:
        """Factor of the doubt about the law at a compute and, where it is known, tokens per parameter."""
        span = self.record["range"]
        of_ratio = beyond(ratio, *span["tokens_per_param"]) if ratio else 0.0
        return self.calibration.widening(float(beyond(flops, *span["flops"])), float(of_ratio))

    def coupled(self) -> Fit:
        """The mixture as one fit of the coupled law, of which every member is a case: for whatever takes one law.

        Its resamples are the members', as many of each as its weight says; its coefficients are those of the resample
        that lies nearest the middle of the mixture over the fitted range and up to the target.
        """
        gamma, span = self.members.get("gamma", self), self.record["range"]
        lanes = [np.stack(as_gamma(f.law.id, f.lane_coefficients)) for f in self.members.values()]
        rng = np.random.default_rng(self.record["seed"])
        counts = np.round(LANES * self.shares).astype(int)
        chosen = [
            x[:, rng.permutation(x.shape[1])[np.arange(n) % x.shape[1]]]
            for x, n in zip(lanes, counts, strict=True)
            if n and x.shape[1]
        ]
        if not chosen:
            raise InputError(f"{self.record['source']}: {AUTO} without resamples has no middle; fit with --bootstrap")
        pool = Gamma(*np.concatenate(chosen, axis=1))
        flops = np.geomspace(span["flops"][0], max(self.record["target"]["flops"], span["flops"][1]), 7)
        ratio = np.geomspace(span["tokens_per_param"][0], span["tokens_per_param"][1], 7)
        c, m = (x.ravel()[:, None] for x in np.meshgrid(flops, ratio))
        params = np.sqrt(c / (self.record["flops_per_param_token"] * m))
        lanes_first = Gamma(*(v[None] for v in pool))
        surface = np.log(inputs.predict(LAW, lanes_first, {"params": params, "tokens": params * m}))
        far = np.abs(surface - np.nanmedian(surface, axis=1, keepdims=True)).mean(axis=0)
        nearest = int(np.argmin(np.nan_to_num(far, nan=np.inf)))
        axis = self.calibration.compute
        record = dict(gamma.record) | {
            "law": "gamma", "params": {name: float(v[nearest]) for name, v in pool._asdict().items()},
            "status": self.record["status"], "one_sided": [], "fixed_coefficients": {}, "fixed": {},
            "warnings": self.record["warnings"], "range": span, "level": self.record["level"],
            "diagnostics": {"backtest": {"status": "ok", "origins": [{"score_rms": s} for s in axis.scores]}},
        }  # fmt: skip
        verdict = np.full(len(pool.E), "converged", dtype=object)
        return Fit(record, pool._asdict(), verdict, np.empty((len(verdict), 0)))

    def save(self, directory: str | Location) -> None:
        """As `Fit.save`, and each member in laws/ID; fit.json last: it never names a member that is not there."""
        home = locate(directory)
        for id, member in self.members.items():
            member.save(home / FOLDER / id)
        super().save(home)

    @classmethod
    def load(cls, path: str | Location) -> "Auto":
        """What `save` wrote. Raises InputError for a fit of one law."""
        first = Fit.load(path)
        if AUTO not in first.record:
            raise InputError(f"{path}: a fit of {first.record['law']} alone; fit with --law {AUTO} for a mixture")
        home = record_at(locate(path)).parent
        try:
            members = {id: Fit.load(home / FOLDER / id) for id in first.record[AUTO]["weights"]}
        except InputError as error:
            raise InputError(
                f"{home}: a fit by {AUTO} that lacks one of its laws; fit again ({error.args[0]})"
            ) from error
        return cls(first.record, first.lanes, first.verdict, first.drawn, members)


def load(path: str | Location, law: str | None = None) -> Fit:
    """The fit at a path: a mixture where it was fitted as one, else of its law.

    Args:
        law: the one of them to ask; `auto` for the mixture. Default: what the fit was made as.

    Raises:
        InputError: as `Fit.load`; the fit is not by that law.
    """
    found = Fit.load(path)
    if AUTO in found.record:
        found = Auto.load(path)
    if law in (None, AUTO if isinstance(found, Auto) else found.record["law"]):
        return found
    if isinstance(found, Auto) and law in found.members:
        return found.members[law]
    known = [AUTO, *found.members] if isinstance(found, Auto) else [found.record["law"]]
    raise InputError(f"--law {law}: {path} was fitted by {', '.join(known)}; choose of these, or fit again")


def spread(fit: Fit, question: Mapping[str, float], level: float) -> np.ndarray:
    """ln predictions of a fit's resamples [lanes], as wide as its own intervals; empty where they give none."""
    with np.errstate(all="ignore"):
        return own(fit, np.log(np.asarray(inputs.predict(fit.law, fit.lane_coefficients, question))), level)


def own(fit: Fit, value: np.ndarray, level: float) -> np.ndarray:
    """Values of a fit's resamples [lanes], as wide as its own intervals; empty where it would give none."""
    doubt = fit.doubt
    if np.isfinite(value).sum() < doubt.least or doubt.groups < 2:
        return np.empty(0)
    wide = mixture.about(value, doubt.widening(value, level))
    return wide[np.isfinite(wide)]


def no_narrower(low: float, high: float, width: float) -> tuple[float, float]:
    """[low, high], moved apart around their middle to at least a width."""
    middle, half = (low + high) / 2, max(high - low, width) / 2
    return middle - half, middle + half


def between(points: np.ndarray, weight: np.ndarray) -> float:
    """Weighted standard deviation of ln points."""
    x = np.log(points)
    return float(np.sqrt(weight @ (x - weight @ x) ** 2))


def as_gamma(law: str, c: Any) -> Gamma:
    """Coefficients of a member, as those of the coupled law."""
    if law == "gamma":
        return Gamma(*c)
    return Gamma(c.E, c.A, c.B, c.alpha, c.alpha if law == "additive_tied" else c.beta, np.ones_like(c.E))


def statement(record: Mapping[str, Any]) -> str:
    """What the mixture is made of, in a line or two."""
    block = record[AUTO]
    named = ", ".join(f"{id} {w:.2f}" for id, w in block["weights"].items())
    out = "".join(f"; without {x['law']}: {x['reason']}" for x in block["left_out"])
    source = (
        f"from {block['origins']} origins" if block["origins"] else "equal: nothing could be held out to tell them by"
    )
    text = f"auto: weights {named}, {source}{out}; answers are medians over laws and resamples"
    if block["disagreement"] is not None:
        text += f"; the laws' losses at the target differ by {block['disagreement']:.2%} (weighted sd)"
    return text
