"""From a fit to a forecast of the run at its predicted optimum, before that run is trained."""

import math
from pathlib import Path
from typing import Any

from sweep.config import Sweep
from sweep.design.families import single_trial
from sweep.design.trial import Trial
from sweep.errors import Refusal
from sweep.fit import Fit
from sweep.plan.forecast import write_forecast


def foretell(
    fitted: Fit, sweep: Sweep, directory: Path, *, vocab: int, data: str, unique_tokens: int, platform: str
) -> tuple[Trial, dict[str, Any]]:
    """The trial at the predicted optimum of the sweep's target, and its forecast, written to the ledger of `directory`.

    Args:
        vocab, data, unique_tokens, platform: of the corpus and the device, as for design.families.plan.

    Raises:
        Refusal: `no_forecast`, the fit did not converge or has no optimum to go to; `too_short`, `repeats_data`, the
            run cannot be built.
    """
    optimum = fitted.optimum(sweep.target)
    if fitted.status == "not_converged" or not 0 < optimum.params < math.inf:
        why = "did not converge" if fitted.status == "not_converged" else "has no optimum at the target"
        raise Refusal("no_forecast", f"{directory}: the fit {why}; train more families before a forecast")
    trial = single_trial(
        sweep,
        optimum.params,
        sweep.target,
        vocab=vocab,
        data=data,
        unique_tokens=unique_tokens,
        platform=platform,
    )
    params, tokens = trial.params.with_head, trial.tokens
    predicted = fitted.predict(params=params, tokens=tokens)
    prediction = {
        "params": params,
        "tokens": tokens,
        "loss": predicted.loss,
        "interval": predicted.interval,
        "level": fitted.record["level"],
        "law": fitted.record["law"],
        "extrapolation": predicted.extrapolation,
        "warnings": predicted.warnings,
    }
    return trial, write_forecast(directory, trial=trial.id, flops=trial.flops_exact, prediction=prediction)
