"""Fit a table by several laws at once, and weigh them by what each foretold (sweep.fit.auto)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit.auto import AUTO, MEMBERS, Auto
from sweep.fit.diagnostics.fitted import Fitted
from sweep.fit.fit import fit
from sweep.fit.held_out import calibration_of, held_out, weights_of
from sweep.fit.objective import Objective
from sweep.fit.result import Fit, plain
from sweep.fit.rolling import attempt

READ = ("units", "bytes_per_token", "best_of")


def fit_auto(source: Any, *, members: Sequence[str] = MEMBERS, **given: Any) -> Auto:
    """Fit every member to the table and weigh them.

    Args:
        source: as in sweep.fit.fit.
        members: ids of laws of params and tokens; the first is the one whose parameters are told.
        given: keywords of sweep.fit.fit, without `law`.

    Raises:
        InputError: as `fit`; coefficients to hold.
        Refusal: of the first member. Another member that is refused is left out, and named.
    """
    if given.get("fix"):
        raise InputError(f"fit: --fix holds coefficients of one law; choose it with --law instead of {AUTO}")
    fits: dict[str, Fit] = {members[0]: fit(source, law=members[0], **given)}
    left_out: list[dict[str, str]] = []
    for id in members[1:]:
        try:
            fits[id] = fit(source, law=id, **{**given, "diagnostics": False})
        except Refusal as refusal:
            left_out.append({"law": id, "reason": refusal.code})
    first = next(iter(fits.values()))
    if answers(first):
        for id in [id for id, found in fits.items() if not answers(found)]:
            left_out.append({"law": id, "reason": "half of its resamples or more give no answer"})
            del fits[id]
    solved = [x for id in fits if (x := solved_of(source, id, first.record["level"], given)) is not None]
    found = held_out(solved, first.record["seed"]) if len(solved) == len(fits) else None
    weight = weights_of(found, len(fits))
    block = {
        "law": AUTO,
        "weights": dict(zip(fits, weight.tolist(), strict=True)),
        "origins": 0 if found is None else found.origins,
        "calibration": calibration_of(found, len(fits)).to_json(),
        "left_out": left_out,
        "disagreement": None,
    }
    record = {**first.record, AUTO: plain(block)}
    answer = Auto(record, first.lanes, first.verdict, first.drawn, fits)
    block |= at_target(answer, weight)
    record[AUTO] = plain(block)
    return answer


def answers(found: Fit) -> bool:
    """Whether a fit has resamples enough for an interval."""
    return len(found.verdict) > 0 and int(found.usable.sum()) >= found.doubt.least


def at_target(answer: Auto, weight: np.ndarray) -> dict[str, Any]:
    """What the mixture and each law say at the fit's target compute, and how far the laws' losses differ."""
    flops = answer.record["target"]["flops"]
    each = {id: member.optimum(flops) for id, member in answer.members.items()}
    ln = np.log([best.loss for best in each.values()])
    sd = float(np.sqrt(weight @ (ln - weight @ ln) ** 2))
    told = {id: {"params": b.params, "tokens": b.tokens, "loss": b.loss} for id, b in each.items()}
    return {"disagreement": sd, "target": {**vars(answer.optimum(flops)), "flops": flops}, "by_law": told}


def solved_of(source: Any, id: str, level: float, given: dict[str, Any]) -> Fitted | None:
    """The law on the whole table, as a backtest takes it; None where it is refused."""
    goal = Objective(given.get("objective", "huber"), given.get("delta", 1e-3))
    units = {name: given[name] for name in READ if given.get(name)}
    return attempt(source, laws.get(id), goal, given.get("columns"), given.get("where"), level, units)[0]
