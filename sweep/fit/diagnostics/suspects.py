"""Runs that the law does not explain, and whether the answer depends on them."""

from typing import Any

import numpy as np

from sweep.fit.diagnostics.fitted import Fitted, identifiable, refit, subset_starts

LIMIT = 4.0  # robust standard deviations
SHARE = 0.25  # of the runs: where more are odd, it is the law that does not fit


def suspects(fitted: Fitted) -> dict[str, Any]:
    """Runs whose residual is beyond 4 robust standard deviations, and the fit without them."""
    size = fitted.residual / fitted.sd
    odd = np.flatnonzero(np.abs(size) > LIMIT)
    odd = odd[np.argsort(-np.abs(size[odd]))]
    rows = [
        {
            "row": int(fitted.runs.row[i]),
            "trial": fitted.runs.trial[i] if fitted.runs.trial else None,
            "residual": fitted.residual[i],
            "sd": size[i],
        }
        for i in odd
    ]
    block: dict[str, Any] = {"status": "none", "limit": LIMIT, "residual_sd": fitted.sd, "rows": rows}
    block["of"] = fitted.law.target
    if not rows:
        return block
    kept = np.ones(len(fitted.runs), bool)
    kept[odd] = False
    if len(odd) > SHARE * len(kept) or not identifiable(fitted, kept):
        reason = f"{len(odd)} of {len(kept)} runs lie beyond {LIMIT:g} sd: too many to leave out; is it another law?"
        return {**block, "status": "no_answer", "reason": reason}
    found = refit(fitted, kept[None].astype(float), [subset_starts(fitted, kept)])
    coefficients = {name: v[0] for name, v in zip(fitted.law.names, found.coefficients, strict=True)}
    with_them = fitted.at_target(fitted.solution.coefficients)
    without = {name: v[0] for name, v in fitted.at_target(found.coefficients).items()}
    return {
        **block,
        "status": "ok",
        "without": {"status": found.status[0], "coefficients": coefficients, **without},
        "params_factor": without["params"] / with_them["params"],
        "loss_change": without["loss"] - with_them["loss"],
    }
