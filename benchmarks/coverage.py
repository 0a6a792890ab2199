"""Do nominal 90 % intervals hold the truth in 90 % of sweeps? Simulated sweeps of known laws, fitted and
resampled as `sweep fit` does.

    python benchmarks/coverage.py --sweeps 1000 --resamples 300 --seed 0 --objective huber

Each design is a grid of runs, a true law and a kind of noise. Every simulated sweep is fitted from the grid of starts,
resampled by groups, refitted from its optimum, and its intervals of alpha, beta, N*(10 C), L(10 C) and L(100 C) are
compared with the truth, C the largest budget; L(C) is the loss at the law's own optimum. Beside the coverage stands
the mean width over that of the central 90 % of the point estimates: the narrowest that an honest interval of this
estimator can be on average.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import record
from sweep.fit import bootstrap
from sweep.fit.interval import METHODS, Doubt
from sweep.fit.objective import Objective
from sweep.fit.solver import solve
from sweep.fit.starts import grid_starts
from sweep.laws import additive
from sweep.laws.additive import PUBLISHED, Additive

BESIROGLU, HOFFMANN = (PUBLISHED[id].coefficients for id in ("besiroglu", "hoffmann"))
APART = Additive(1.9, 4000.0, 700.0, 0.48, 0.30)  # alpha and beta far apart
QUANTITIES = ("alpha", "beta", "N*(10C)", "L(10C)", "L(100C)")
LEVEL = 0.9
STARTS = 3  # of each sweep: the two best cells of its grid and the best without a floor
TOGETHER = 25  # sweeps a call of the solver
NORMAL, OUTLIERS, GROUPED, FALLING = "normal", "outliers", "grouped", "falling"


@dataclass(frozen=True)
class Design:
    """Runs of a true law with a kind of noise.

    Attributes:
        params, tokens: of the runs [n].
        sd: standard deviation of the noise of ln loss, leaving outliers out.
        noise: normal; outliers, 5 % of the runs have eight times the noise; grouped, 64 % of the variance is shared by
            a group; falling, from twice the noise at the smallest compute to half of it at the largest.
        group: of each run [n].
    """

    name: str
    law: Additive
    params: np.ndarray
    tokens: np.ndarray
    sd: float
    noise: str
    group: np.ndarray


def isoflop(name: str, law: Additive, first: float, decades: float, grid: tuple[int, int], sd: float, noise=NORMAL):
    """Budgets x sizes, log-spaced; sizes within a factor of five of each budget's optimum."""
    budgets = np.geomspace(first, first * 10**decades, grid[0])
    best = additive.optimum(law, budgets)[0]
    params = np.concatenate([np.geomspace(n / 5, n * 5, grid[1]) for n in best])
    tokens = np.repeat(budgets, grid[1]) / (6 * params)
    return Design(name, law, params, tokens, sd, noise, np.arange(len(params)))


def trunks(name: str, law: Additive, sizes: int, horizons: int, sd: float):
    """One constant-rate run a size, with cooldowns at 5 to 80 tokens per parameter: they share the trunk's luck."""
    params = np.repeat(np.geomspace(4e7, 2e9, sizes), horizons)
    tokens = params * np.tile(np.geomspace(5, 80, horizons), sizes)
    return Design(name, law, params, tokens, sd, GROUPED, np.repeat(np.arange(sizes), horizons))


DESIGNS = (
    isoflop("besiroglu, 5 x 7, 1.5 decades, sd .005", BESIROGLU, 1e18, 1.5, (5, 7), 0.005),
    isoflop("besiroglu, 4 x 6, 1 decade, sd .003", BESIROGLU, 1e18, 1.0, (4, 6), 0.003),
    isoflop("hoffmann, 6 x 8, 2.5 decades, sd .01", HOFFMANN, 1e18, 2.5, (6, 8), 0.01),
    isoflop("hoffmann, 6 x 9, 2.5 decades, sd .005", HOFFMANN, 1e18, 2.5, (6, 9), 0.005),
    isoflop("alpha .48 beta .30, 4 x 9, 2 decades, sd .005", APART, 1e18, 2.0, (4, 9), 0.005),
    isoflop("besiroglu, 5 x 8, 2 decades, sd .005, 5 % outliers", BESIROGLU, 1e18, 2.0, (5, 8), 0.005, OUTLIERS),
    isoflop("besiroglu, 5 x 8, 2 decades, sd .01 falling to .0025", BESIROGLU, 1e18, 2.0, (5, 8), 0.005, FALLING),
    trunks("besiroglu, 9 trunks x 5 cooldowns, sd .005", BESIROGLU, 9, 5, 0.005),
    trunks("hoffmann, 14 trunks x 5 cooldowns, sd .006", HOFFMANN, 14, 5, 0.006),
)


def scatter(design: Design, sweeps: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of ln loss [sweeps, n]."""
    own = design.sd * rng.standard_normal((sweeps, len(design.params)))
    if design.noise == OUTLIERS:
        return np.where(rng.random(own.shape) < 0.05, 8.0, 1.0) * own
    if design.noise == GROUPED:
        shared = design.sd * rng.standard_normal((sweeps, design.group.max() + 1))
        return 0.6 * own + 0.8 * shared[:, design.group]
    if design.noise == FALLING:
        place = np.log(design.params * design.tokens)
        return own * np.geomspace(2.0, 0.5, 101)[np.rint(100 * (place - place.min()) / np.ptp(place)).astype(int)]
    return own


def quantities(coefficients: Any, largest: float) -> np.ndarray:
    """QUANTITIES [..., 5] of coefficients [...]; N* as its logarithm; NaN where there is no optimum."""
    with np.errstate(all="ignore"):
        n10, d10 = additive.optimum(coefficients, 10 * largest)
        n100, d100 = additive.optimum(coefficients, 100 * largest)
        near, far = additive.loss(coefficients, n10, d10), additive.loss(coefficients, n100, d100)
        values = np.stack([coefficients.alpha, coefficients.beta, np.log(n10), near, far], axis=-1)
    return np.where(np.isfinite(values), values, np.nan)


def fitted(design: Design, losses: np.ndarray, delta: float) -> np.ndarray:
    """Optimum of every sweep from the best cells of its own start grid: theta [sweeps, k] of losses [sweeps, n]."""
    law = additive.LAW
    features, _ = law.features(design.params, design.tokens)
    starts = np.stack([grid_starts(law, features, loss, delta=delta, count=STARTS - 1) for loss in losses])
    target = np.repeat(np.log(losses), STARTS, axis=0)
    lanes = solve(law, features, target, starts.reshape(len(target), -1), np.ones(features.shape[1]), delta=delta)
    best = np.argmin(lanes.objective.reshape(-1, STARTS), axis=1)
    return lanes.theta.reshape(len(losses), STARTS, -1)[np.arange(len(losses)), best]


def intervals(design: Design, losses: np.ndarray, delta: float, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Point estimates [5], and intervals [5, 2] by each method, of simulated sweeps [sweeps, n]."""
    law, n = additive.LAW, len(design.params)
    largest = (6 * design.params * design.tokens).max()
    features, shift = law.features(design.params, design.tokens)
    theta = fitted(design, losses, delta)
    weight = np.stack([bootstrap.draw(design.group, resamples, seed + i) for i in range(len(losses))])
    lanes = solve(
        law,
        features,
        np.repeat(np.log(losses), resamples, axis=0),
        np.repeat(theta, resamples, axis=0),
        weight.reshape(-1, n),
        delta=delta,
    )
    values = quantities(law.coefficients(lanes.theta, shift), largest).reshape(len(losses), resamples, -1)
    values[~lanes.converged.reshape(len(losses), resamples)] = np.nan
    result = []
    for sweep, estimate in enumerate(quantities(law.coefficients(theta, shift), largest)):
        drawn = bootstrap.by_group(weight[sweep], design.group)
        doubt, found = Doubt(drawn, drawn.shape[1], n, len(law.names)), {"estimate": estimate}
        for method in METHODS:
            pairs = [doubt.interval(values[sweep, :, j], LEVEL, method, estimate[j]) for j in range(len(QUANTITIES))]
            found[method] = np.array(pairs, float)
        result.append(found)
    return result


def study(design: Design, objective: Objective, sweeps: int, resamples: int, seed: int) -> dict[str, Any]:
    """Coverage and width of every method on one design; each sweep has its own seed of resampling."""
    rng = np.random.default_rng([seed, len(design.params)])
    truth = additive.loss(design.law, design.params, design.tokens)
    losses = truth * np.exp(scatter(design, sweeps, rng))
    began = time.perf_counter()
    found: list[dict[str, Any]] = []
    for first in range(0, sweeps, TOGETHER):
        found += intervals(
            design, losses[first : first + TOGETHER], objective.deltas[-1], resamples, seed * 10**6 + first
        )
    true = quantities(design.law, (6 * design.params * design.tokens).max())
    estimates = np.stack([f["estimate"] for f in found])
    low, high = np.nanquantile(estimates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    methods = {}
    for method in METHODS:
        pairs = np.stack([f[method] for f in found])
        below, above = true < pairs[..., 0], true > pairs[..., 1]
        answered = np.isfinite(pairs).all(axis=-1)
        methods[method] = {
            "coverage": named(np.mean(answered & ~below & ~above, axis=0)),
            "truth_below": named(np.mean(below, axis=0)),
            "truth_above": named(np.mean(above, axis=0)),
            "width": named(np.nanmean(pairs[..., 1] - pairs[..., 0], axis=0) / (high - low)),
            "answered": named(answered.mean(axis=0)),
        }
    return {
        "design": design.name,
        "objective": objective.kind,
        "runs": len(design.params),
        "groups": int(design.group.max() + 1),
        "sweeps": sweeps,
        "ideal_width": named(high - low),
        "bias": named((np.nanmedian(estimates, axis=0) - true) / (high - low)),
        "methods": methods,
        "seconds": time.perf_counter() - began,
    }


def named(values: np.ndarray) -> dict[str, float | None]:
    """By quantity."""
    return {name: float(v) if np.isfinite(v) else None for name, v in zip(QUANTITIES, values, strict=True)}


def show(result: dict[str, Any]) -> str:
    """A table for people: coverage in percent and, in brackets, width over the ideal."""
    lines = [f"{result['design']}, {result['objective']}, {result['runs']} runs, {result['groups']} groups"]
    for method, m in result["methods"].items():
        cells = [f"{100 * m['coverage'][q]:5.1f} ({m['width'][q]:4.2f})" for q in QUANTITIES]
        lines.append(f"  {method:10s} " + "  ".join(cells))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study and write coverage-OBJECTIVE.json after each design."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--objective", default="huber")
    parser.add_argument("--designs", nargs="*", type=int, default=list(range(len(DESIGNS))), help="numbers, from 0")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args(argv)
    record.one_device_a_core()
    result: dict[str, Any] = {"sweeps": args.sweeps, "resamples": args.resamples, "seed": args.seed, "level": LEVEL}
    result |= record.environment() | {"quantities": list(QUANTITIES), "designs": []}
    for number in args.designs:
        part = study(DESIGNS[number], Objective(args.objective), args.sweeps, args.resamples, args.seed)
        result["designs"].append(part)
        record.write(args.out, f"coverage-{args.objective}", result)
        print(show(part), f"  {part['seconds']:.0f} s", sep="\n", flush=True)


if __name__ == "__main__":
    main()
