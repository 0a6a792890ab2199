"""The next runs worth training: those that most reduce the doubt about L(C) or N*(C) for what they cost.

Candidates lie on a ladder of sizes and a ladder of horizons, factors of two apart, so that runs share programs and
trunks. They stay within the fitted tokens per parameter, from the smallest fitted compute up to the spend and the
target. `sweep.plan.sight` says what each would tell under every resample, `sweep.plan.choose` which to take.
"""

import math
from typing import Any

import numpy as np

from sweep.design.check import spread
from sweep.errors import InputError, Refusal
from sweep.fit.result import Fit, coefficients_of, warning
from sweep.given import integer, takes, word
from sweep.laws.held import hold
from sweep.plan.choose import Candidates, Choice, State, choose, factor_of, problem_of
from sweep.plan.sight import Points, Sight, bent, look
from sweep.quantity import any_flops

RATIO = 2.0  # of neighbouring sizes and horizons
LANES = 64  # resamples that a choice looks at
LEAST = 20  # resamples with an optimum, below which there is no choice
USELESS = 0.99  # a choice that leaves more of the standard deviation is none
QUANTITIES = ("loss", "params")


@takes(target=any_flops, spend=any_flops, wanted=word, seeds=integer, most=integer)
def suggest(
    fitted: Fit, *, target: Any, spend: Any, wanted: str = "loss", trunk: bool = False,
    seeds: int = 2, most: int = 16,
) -> dict[str, Any]:  # fmt: skip
    """The runs to train next, and what they promise.

    Args:
        target: FLOPs C at which L(C) or N*(C) is wanted.
        spend: FLOPs for the new runs, counted as in the fitted table.
        wanted: loss or params.
        trunk: runs of one size and seed branch from one constant-rate trunk.
        seeds: how often one cell may be trained.
        most: runs.

    Raises:
        InputError: numbers that are not positive.
        Refusal: `not_converged`, `no_resamples`, `no_optimum`, `target_inside`, `not_identifiable`, `spend_too_small`,
            `nothing_useful`.
    """
    check(fitted, target, spend, wanted, (seeds, most))
    given = candidates(fitted, float(target), float(spend), seeds, trunk)
    runs, cells = runs_of(fitted), (given.params, given.tokens)
    lanes = some_lanes(fitted, float(target))
    k = fitted.record["flops_per_param_token"]
    law = hold(fitted.law, fitted.held)  # what is held is no doubt that runs could take off
    free = coefficients_of(law, {name: getattr(lanes, name) for name in law.names})
    seen = look(law, free, runs, cells, float(target), k)
    refuse_blind(seen)
    wary = bent(seen, runs, cells)
    problem = problem_of(wary.runs, wary.candidates, getattr(wary, wanted), given, float(spend), most)
    choice = choose(problem)
    if choice.factor > USELESS:
        raise Refusal(
            "nothing_useful",
            f"{spend:.3g} FLOPs buy nothing that takes 1 % off the doubt about {wanted} at {target:.3g} FLOPs; "
            "spend more",
        )
    holds = problem_of(seen.runs, seen.candidates, getattr(seen, wanted), given, float(spend), most)
    before = doubt(fitted, float(target), wanted)
    ideal = factor_of(holds, choice.order)
    return {
        "for": wanted,
        "target_compute": float(target),
        "spend": float(spend),
        "spent": choice.cost,
        "trials": trials(given, choice, k),
        "sd_before": before,
        "sd_after": None if before is None else before * ideal,
        "factor": ideal,
        "factor_if_bent": choice.factor,
        "candidates": len(given.params),
        "trunk": trunk,
        "resamples": len(seen.loss) - 1,
        "law": fitted.record["law"],
        "fixed_coefficients": fitted.held,
        "warnings": [
            warning(c, f"the fit was refused ({c}) and made despite it") for c in fitted.record.get("despite", [])
        ],
    }


def check(fitted: Fit, target: float | int, spend: float | int, wanted: str, counts: tuple[int, int]) -> None:
    """Raise for a question that has no answer."""
    if not (0 < target < math.inf and 0 < spend < math.inf):
        raise InputError(f"suggest: target {target!r}, spend {spend!r} FLOPs; both must be positive numbers")
    if wanted not in QUANTITIES or min(counts) < 1:
        raise InputError(f"suggest: for {wanted!r}, seeds and runs {counts}; loss or params, and at least 1 of each")
    if fitted.status == "not_converged":
        raise Refusal("not_converged", "the fit did not converge: its information means nothing; fit it better first")
    if not fitted.law.optimum_kind:
        raise Refusal("no_optimum", f"law {fitted.law.id} has no compute-optimal split; fit another law")
    largest = fitted.record["range"]["flops"][1]
    if target <= largest:
        raise Refusal(
            "target_inside",
            f"{target:.3g} FLOPs lie inside the fitted runs (up to {largest:.3g}): ask the fit (`sweep predict`), or "
            "set a target beyond them",
        )


def runs_of(fitted: Fit) -> Points:
    """(params, tokens) of the fitted runs [n]."""
    points = fitted.record["points"]
    return np.array([p["params"] for p in points], float), np.array([p["tokens"] for p in points], float)


def candidates(fitted: Fit, target: float, spend: float, seeds: int, trunk: bool) -> Candidates:
    """Runs that could be trained. Raises Refusal `spend_too_small` where none can be paid."""
    k, ranges = fitted.record["flops_per_param_token"], fitted.record["range"]
    best = fitted.optimum(target)
    sizes = ladder(ranges["params"], best.params)
    horizons = ladder(ranges["tokens"], best.tokens)
    params, tokens = (x.ravel() for x in np.meshgrid(sizes, horizons, indexing="ij"))
    cost, ratio = k * params * tokens, tokens / params
    low, high = ranges["tokens_per_param"]
    fair = (ratio >= low / 1.001) & (ratio <= high * 1.001)
    fair &= (cost >= ranges["flops"][0] / 1.001) & (cost <= target)
    affordable = fair & (cost <= spend * (1 + 1e-9))
    if not affordable.any():
        least = f"the cheapest run takes {cost[fair].min():.3g}" if fair.any() else "no run lies within its ranges"
        raise Refusal("spend_too_small", f"{spend:.3g} FLOPs buy no run like the fitted ones: {least}; spend more")
    return Candidates(params[affordable], tokens[affordable], cost[affordable], seeds, trunk)


def ladder(seen: list[float], wanted: float) -> np.ndarray:
    """Rungs a factor RATIO apart from the smallest seen to the larger of the largest seen and what is wanted."""
    top = max(seen[1], wanted if math.isfinite(wanted) else 0.0)
    return seen[0] * RATIO ** np.arange(math.floor(math.log(top / seen[0], RATIO) + 1e-9) + 1)


def some_lanes(fitted: Fit, target: float) -> Any:
    """Coefficients of some resamples with an optimum, evenly from all, and last those of the fit itself.

    Raises Refusal `no_resamples` where there are few, `no_optimum` where the fit has none.
    """
    lanes = fitted.lane_coefficients
    with np.errstate(all="ignore"):
        params = np.asarray(fitted.law.optimum(lanes, target, fitted.record["flops_per_param_token"])[0], float)
    good = np.flatnonzero(np.isfinite(params) & (params > 0))
    if len(good) < LEAST:
        raise Refusal(
            "no_resamples",
            f"{len(good)} resamples of this fit have an optimum at {target:.3g} FLOPs, {LEAST} are needed; fit with "
            "--bootstrap 1000, or train more families first",
        )
    chosen = good[np.unique(np.linspace(0, len(good) - 1, LANES).astype(int))]
    if not 0 < fitted.optimum(target).params < math.inf:
        raise Refusal("no_optimum", f"the fit has no optimum at {target:.3g} FLOPs; train more families first")
    both = zip(lanes, fitted.coefficients, strict=True)
    return type(lanes)(*(np.append(np.asarray(x, float)[chosen], value) for x, value in both))


def refuse_blind(seen: Sight) -> None:
    """Raise Refusal `not_identifiable` where the fitted runs say nothing about what is wanted, under the fit itself."""
    if not np.isfinite(spread(seen.runs[-1], np.stack([seen.loss[-1], seen.params[-1]]))).all():
        raise Refusal("not_identifiable", "the fitted runs cannot tell the law's terms apart; `sweep preview` a design")


def doubt(fitted: Fit, target: float, wanted: str) -> float | None:
    """Standard deviation of ln L(C), or of ln N*(C), over the resamples: half of their central 68 %."""
    lanes = fitted.lane_coefficients
    with np.errstate(all="ignore"):
        params, tokens = fitted.law.optimum(lanes, target, fitted.record["flops_per_param_token"])
        values = np.log(np.asarray(params if wanted == "params" else fitted.law.loss(lanes, params, tokens), float))
    low, high = np.quantile(values[np.isfinite(values)], [0.16, 0.84])
    return float((high - low) / 2)


def trials(given: Candidates, choice: Choice, k: float) -> list[dict[str, Any]]:
    """One entry a cell, by size and horizon; `cost` counts a shared trunk once, at its longest horizon so far."""
    state = State(given, (1, len(given.params), 1))
    entries = []
    for cell in np.lexsort((given.tokens, given.params)):
        times, cost = int(choice.counts[cell]), 0.0
        for _ in range(times):
            price = float(state.costs()[cell])
            state.add(int(cell), price, np.zeros((1, len(given.params), 1)))
            cost += price
        if times:
            n, d = float(given.params[cell]), float(given.tokens[cell])
            about = {"params": n, "tokens": d, "tokens_per_param": d / n, "flops": k * n * d}
            entries.append({**about, "seeds": times, "cost": cost})
    return entries
