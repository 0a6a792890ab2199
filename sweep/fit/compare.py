"""Which law foretells this table's larger runs best? Errors above rolling origins, in pairs, and a second opinion.

The measure is the mean absolute error of ln loss over the held-out runs of every origin. A law is called better than
another only where the 90 % interval of their difference over paired resamples of runs lies on one side of zero and it
is better above every origin: runs above an origin share what the law gets wrong there, so their number alone proves
little. All else is called a tie.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from sweep.fit.bootstrap import interval
from sweep.fit.criterion import LIKELIHOOD, bic
from sweep.fit.diagnostics.backtest import Backtest
from sweep.fit.objective import Objective
from sweep.fit.result import plain
from sweep.fit.rolling import Rolled

BINS = (1.0, 3.0, 10.0, 30.0, np.inf)  # factors of extrapolation that errors are listed by
CLEAR = 10.0  # a BIC larger by this is not a matter of taste (Kass and Raftery 1995)


def compare(rolled: Sequence[Rolled], objective: Objective, level: float, seed: int) -> dict[str, Any]:
    """What the laws foretell, side by side, as plain data.

    Returns:
        `laws` [{law, parameters, status, reason, objective, bic, held_out}], the best first; `pairs` of the best
        against each other one [{law, difference, interval, origins_better, verdict}]; `verdict` in a line; `criterion`,
        what likelihood the BIC assumes; `best`.
    """
    entries = [entry(r, objective, level) for r in rolled]
    scored = [(e["held_out"]["mae"], r) for e, r in zip(entries, rolled, strict=True) if e["held_out"]]
    order = [r for _, r in sorted(scored, key=lambda pair: pair[0])]
    pairs = [against(order[0], other, level, seed) for other in order[1:]]
    ranks = {r.law.id: i for i, r in enumerate(order)}
    entries.sort(key=lambda e: ranks.get(e["law"], len(ranks)))
    told = [e for e in entries if e["bic"] is not None]
    least = min((e["bic"] for e in told), default=None)
    for e in told:
        e["bic_above"] = e["bic"] - least
    runs = next(r.runs for r in rolled if r.runs is not None)
    return plain(
        {
            "source": runs.source,
            "rows": len(runs),
            "groups": len(np.unique(runs.group)),
            "objective": {"kind": objective.kind, "delta": objective.delta if objective.kind == "huber" else None},
            "units": runs.units.statement,
            "best_of": runs.choice.statement if runs.choice else None,
            "level": level,
            "seed": seed,
            "criterion": f"BIC: {LIKELIHOOD[objective.kind]}; rows of one group count as one run",
            "best": order[0].law.id if order else None,
            "laws": entries,
            "pairs": pairs,
            "verdict": verdict(entries, pairs, order),
        }
    )


def entry(rolled: Rolled, objective: Objective, level: float) -> dict[str, Any]:
    """One law: how it ended on all rows, its criterion, and its held-out errors."""
    law, solution, runs = rolled.law, rolled.solution, rolled.runs
    block: dict[str, Any] = {"law": law.id, "formula": law.formula, "parameters": len(law.names)}
    block |= {"status": "refused", "reason": rolled.reason, "objective": None, "bic": None, "bic_above": None}
    if solution is None or runs is None:
        return {**block, "held_out": None}
    groups = len(np.unique(runs.group))
    block |= {
        "status": solution.status,
        "reason": solution.reason or rolled.reason,
        "objective": solution.value,
        "bic": bic(objective, solution.predicted, runs.loss, len(law.names), groups),
    }
    return {**block, "held_out": held_out(rolled.found, level) if rolled.found else None}


def held_out(found: Backtest, level: float) -> dict[str, Any]:
    """Errors of ln loss over all held-out runs, by factor of extrapolation and by origin."""

    def errors(chosen: np.ndarray) -> dict[str, Any]:
        error = found.error[chosen]
        return {
            "n": int(chosen.sum()),
            "mae": float(np.abs(error).mean()),
            "rms": float(np.sqrt(np.mean(error**2))),
            "mean": float(error.mean()),
            "inside": int(found.inside(level)[chosen].sum()),
        }

    bins = [(low, high, (found.factor > low) & (found.factor <= high)) for low, high in pairwise(BINS)]
    cuts = np.unique(found.origin)[::-1]
    return {
        **errors(np.ones(len(found.row), bool)),
        "factor": [float(found.factor.min()), float(found.factor.max())],
        "by_factor": [{"factor": [low, high], **errors(chosen)} for low, high, chosen in bins if chosen.any()],
        "by_origin": [{"flops": float(cut), **errors(found.origin == cut)} for cut in cuts],
    }


def against(best: Rolled, other: Rolled, level: float, seed: int) -> dict[str, Any]:
    """How much larger the error of `other` is than that of `best`, with the interval of paired resamples."""
    a, b = best.found, other.found
    assert a is not None
    assert b is not None
    assert best.runs is not None
    mine, theirs = np.abs(a.error), np.abs(b.error)
    cuts = np.unique(a.origin)
    origins = [bool(theirs[a.origin == cut].mean() > mine[a.origin == cut].mean()) for cut in cuts]
    lanes = resampled_errors(other, seed) - resampled_errors(best, seed)
    low, high = interval(lanes, level)
    clear = low is not None and low > 0 and all(origins)
    return {
        "law": other.law.id,
        "difference": float(theirs.mean() - mine.mean()),
        "interval": [low, high],
        "origins_better": [sum(origins), len(cuts)],
        "verdict": "worse" if clear else "tie",
    }


def resampled_errors(rolled: Rolled, seed: int) -> np.ndarray:
    """Mean absolute error of ln loss [lanes], of laws fitted to resampled runs below on resampled runs above.

    Runs are drawn by their groups; the draws depend on the seed and the table alone, so that laws pair.
    """
    found, runs = rolled.found, rolled.runs
    assert found is not None
    assert runs is not None
    groups, index = np.unique(runs.group[found.row], return_inverse=True)
    lanes = found.resampled.shape[1]
    chance = np.full(len(groups), 1 / len(groups))
    times = np.random.default_rng(seed + 1).multinomial(len(groups), chance, size=lanes)[:, index].T  # [m, lanes]
    error = np.abs(np.log(runs.loss)[found.row, None] - found.resampled)
    with np.errstate(invalid="ignore"):
        return np.sum(error * times, axis=0) / np.maximum(times.sum(axis=0), 1)


def verdict(entries: list[dict[str, Any]], pairs: list[dict[str, Any]], order: Sequence[Rolled]) -> str:
    """The outcome in a line that claims no more than the pairs do."""
    if not order:
        return "no law could be judged on held-out runs: no budget can be left out"
    best = order[0].law.id
    block = next(e for e in entries if e["law"] == best)["held_out"]
    reach = f"up to {block['factor'][1]:.3g} times the fitted compute"
    ties = [p["law"] for p in pairs if p["verdict"] == "tie"]
    worse = [p["law"] for p in pairs if p["verdict"] == "worse"]
    if not pairs:
        told = f"{best} alone: mean absolute error {block['mae']:.4f} of ln loss {reach}"
    elif not worse:
        told = f"a tie: the doubt does not tell {', '.join([best, *ties])} apart {reach}"
    elif ties:
        told = f"{best} errs least {reach}, a tie with {', '.join(ties)}; worse: {', '.join(worse)}"
    else:
        told = f"{best} foretells better than {', '.join(worse)} {reach}"
    least = [e["law"] for e in entries if e["bic_above"] == 0]
    near = [e["law"] for e in entries if e["bic_above"] is not None and 0 < e["bic_above"] < CLEAR]
    second = f"; by BIC {least[0]}" + (f", hardly before {', '.join(near)}" if near else "") if least else ""
    return told + second
