"""From a fit to a forecast of one run, before that run is trained: at a point that is named, or at the optimum."""

import math
from collections.abc import Mapping
from typing import Any

from sweep.config import Sweep
from sweep.design.families import single_trial
from sweep.design.trial import Trial
from sweep.errors import InputError, Refusal
from sweep.fit import Fit
from sweep.fit.auto import AUTO, Auto, Mixed
from sweep.given import optional, real, takes, word
from sweep.hashing import content_hash
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN
from sweep.plan.forecast import write_forecast
from sweep.plan.match import NEAR, near
from sweep.plan.reach import EXTRAPOLATION, INTERPOLATION, reach
from sweep.quantity import PARAMS, TOKENS, any_flops
from sweep.storage import Location
from sweep.tables.units import PER_TOKEN, unit_of

IDENTITY = ("law", "objective", "params", "n", "level", "seed")  # of a fit: what its forecasts follow from


def foretell(
    fitted: Fit, sweep: Sweep, directory: Location, *, vocab: int, data: str, unique_tokens: int, platform: str
) -> tuple[Trial, dict[str, Any]]:
    """The trial at the predicted optimum of the sweep's target, and its forecast, written to the ledger of `directory`.

    Args:
        vocab, data, unique_tokens, platform: of the corpus and the device, as for design.families.plan.

    Raises:
        Refusal: `no_forecast`, the fit did not converge or has no optimum to go to; `too_short`, `repeats_data`, the
            run cannot be built.
    """
    optimum = fitted.optimum(sweep.target)
    refuse_baseless(fitted, str(directory), optimum.params)
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
    prediction = prediction_of(fitted, params, tokens)
    return trial, write_forecast(directory, trial=trial.id, flops=trial.flops_exact, prediction=prediction)


@takes(
    name=optional(word), params=optional(PARAMS["reader"]), tokens=optional(TOKENS["reader"]),
    flops=optional(any_flops), level=optional(real),
)  # fmt: skip
def foretell_run(
    fitted: Fit,
    directory: Location,
    *,
    name: str | None,
    params: Any = None,
    tokens: Any = None,
    flops: Any = None,
    level: float | None = None,
) -> dict[str, Any]:
    """The forecast of a run of `params` parameters on `tokens` tokens, written to the ledger of `directory`.

    Args:
        params, tokens: 7e9 or "7B".
        flops: of the best run of a budget instead of both, by a law of compute alone.
        name: of the run, unique in the ledger; the forecast of that name that stands is returned.

    Raises:
        Refusal: `no_forecast`, the fit did not converge; `broken_chain`, the ledger was edited.
    """
    refuse_baseless(fitted, str(directory))
    if name is not None and any(point.get("trial") == name for point in fitted.record["points"]):
        raise InputError(f"forecast: {name} is a run of the fit, its loss is known; name a run that has none")
    if params is not None and tokens is not None:
        flops = (fitted.record["flops_per_param_token"] or FLOPS_PER_PARAM_TOKEN) * params * tokens
    assert flops is not None
    prediction = prediction_of(fitted, params, tokens, level, flops)
    return write_forecast(directory, trial=name, flops=float(flops), prediction=prediction)


def refuse_baseless(fitted: Fit, where: str, optimum: float | int = 1) -> None:
    """Raise Refusal `no_forecast` for a fit that did not converge, or whose `optimum` (params) is at no finite size.

    InputError for a law of something else than the loss: a forecast is put to the test by a loss.
    """
    if fitted.law.target != "loss":
        raise InputError(f"forecast: law {fitted.law.id} gives {fitted.law.output}, not a loss")
    if fitted.status == "not_converged" or not 0 < optimum < math.inf:
        why = "did not converge" if fitted.status == "not_converged" else "has no optimum at the target"
        raise Refusal("no_forecast", f"{where}: the fit {why}; train more families before a forecast")


def mixture_of(predicted: Any) -> dict[str, Any]:
    """Weights of the laws behind a prediction and how far they differ; nothing of one law's."""
    if not isinstance(predicted, Mixed):
        return {}
    return {"weights": predicted.weights, "disagreement": predicted.disagreement}


def identity(fitted: Fit) -> dict[str, Any]:
    """What a fit's forecasts follow from; of a mixture all its laws."""
    own = {key: fitted.record.get(key) for key in IDENTITY}
    if not isinstance(fitted, Auto):
        return own
    return {AUTO: fitted.weights, **{id: identity(member) for id, member in fitted.members.items()}}


def prediction_of(
    fitted: Fit,
    params: float | int | None,
    tokens: float | int | None,
    level: float | None = None,
    flops: float | int | None = None,
) -> dict[str, Any]:
    """What a forecast says, and from which fit: plain JSON types; `flops` counts where there are no params."""
    record, asked = fitted.record, {"params": params, "tokens": tokens}
    further: dict[str, float | int] = {"flops": flops} if flops is not None and params is None else {}
    predicted = fitted.predict(params, tokens, level, **further)
    where, again = placed(record, params, tokens, flops)
    return {
        **asked,
        "loss": predicted.loss,
        "interval": predicted.interval,
        "level": level or record["level"],
        "law": AUTO if isinstance(predicted, Mixed) else record["law"],
        **({"fixed_coefficients": held} if (held := record.get("fixed_coefficients")) else {}),
        "fit": content_hash(identity(fitted)),
        **(
            {"weights": predicted.weights, "disagreement": predicted.disagreement}
            if isinstance(predicted, Mixed)
            else {}
        ),
        "reach": where,
        "repeats": again,
        "extrapolation": predicted.extrapolation,
        "warnings": predicted.warnings,
        **({} if (unit := unit_of(record)) == PER_TOKEN else {"unit": unit}),  # the id of others is as it always was
    }


def placed(
    record: Mapping[str, Any], params: float | int | None, tokens: float | int | None, flops: float | int | None
) -> tuple[str, int]:
    """(`interpolation` or `extrapolation`, how many fitted runs are of this very size), by FLOPs where sizes lack."""
    points = record["points"]
    if params is not None and tokens is not None and all(p["params"] and p["tokens"] for p in points):
        asked = {"params": params, "tokens": tokens}
        return reach(points, params, tokens), sum(near((p["params"], p["tokens"]), asked) for p in points)
    low, high = record["range"]["flops"]
    inside = flops is not None and low <= flops <= high
    same = sum(abs(p["flops"] - flops) <= NEAR * flops for p in points) if flops else 0
    return INTERPOLATION if inside else EXTRAPOLATION, same
