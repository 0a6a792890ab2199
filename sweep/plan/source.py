"""Where a plan's law comes from: a fit with its resamples, or published coefficients, which are a point."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit import auto
from sweep.fit.interval import Doubt, widened
from sweep.fit.predict import backtest_widening, standing, title, warning
from sweep.fit.result import USABLE, Fit
from sweep.nearest import nearest
from sweep.plan.known import EVIDENCE, Evidence, evidence_of
from sweep.plan.surface import UNIQUE, Surface
from sweep.storage import Location, locate
from sweep.tables.cohorts import is_folder
from sweep.tables.units import unit_of

SPLIT = {"params", "tokens", "flops", "tokens_per_param"}  # inputs that a plan decides


@dataclass(frozen=True)
class Source:
    """A law to plan with, and how sure it is.

    Attributes:
        name: for people: what was fitted to which table, or who published.
        surface: the law at its optimum.
        lanes: the law on every usable resample; None where there are none.
        doubt: what turns values on the lanes into intervals.
        record: of the fit; empty for published coefficients.
        level: of the intervals; None without lanes.
        evidence: range of the runs behind the law, where it is known.
        warnings: {code, message} of the law itself.
        despite: codes of refusals that were overridden.
    """

    name: str
    surface: Surface
    lanes: Surface | None = None
    doubt: Doubt | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    level: float | None = None
    evidence: Evidence | None = None
    warnings: tuple[dict[str, str], ...] = ()
    despite: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Of the law's losses: nats/token, or bits/byte of a fit of such."""
        return unit_of(self.record)

    def interval(self, values: Any) -> list[float | None]:
        """[low, high] of a quantity on the lanes; nulls where no doubt is known."""
        if self.lanes is None or self.doubt is None or self.level is None:
            return [None, None]
        return self.doubt.interval(np.asarray(values, float), self.level)

    def loss_interval(self, params: float, tokens: float) -> list[float | None]:
        """Of the law's loss at (params, tokens); beyond the fitted compute wider by what the backtest missed."""
        if self.lanes is None:
            return [None, None]
        with np.errstate(all="ignore"):
            pair = self.interval(self.lanes.loss(params, tokens))
        if self.surface.k * params * tokens <= self.record["range"]["flops"][1]:
            return pair
        return widened(pair, float(self.surface.loss(params, tokens)), backtest_widening(self.record))

    def up_to(self, most_params: float) -> "Source":
        """The same with a largest size."""
        held, lanes = (x and dataclasses.replace(x, most_params=most_params) for x in (self.surface, self.lanes))
        return dataclasses.replace(self, surface=held, lanes=lanes)

    def limited(self, unique_tokens: float | None) -> "Source":
        """The same with so many unique tokens: an input of a law that knows repetition, a limit for the others."""

        def limit(surface: Surface | None) -> Surface | None:
            if surface is None or unique_tokens is None:
                return surface
            if surface.repeats:
                return dataclasses.replace(surface, given={**surface.given, UNIQUE: unique_tokens})
            return dataclasses.replace(surface, most_tokens=unique_tokens)

        held = limit(self.surface)
        if held is None or (held.repeats and UNIQUE not in held.given):
            raise InputError(f"law {self.surface.law.id} needs --unique-tokens: how many training tokens exist")
        return dataclasses.replace(self, surface=held, lanes=limit(self.lanes))


def source_of(
    law: Fit | str | Location,
    given: Mapping[str, float] | None = None,
    level: float | None = None,
    overridden: Sequence[str] = (),
) -> Source:
    """The law behind a plan.

    Args:
        law: a Fit, a path that `Fit.load` takes, or the id of published coefficients such as besiroglu.
        given: inputs of the law besides params and tokens.
        level: of intervals; default: the fit's.
        overridden: codes of refusals to plan in spite of.

    Raises:
        InputError: no such fit or id; a law that cannot split compute; an input that is missing or unknown.
        Refusal: `unverified`; `not_converged`, or the codes that the fit was made despite.
    """
    if not isinstance(law, Fit):
        names = [name for one in laws.LAWS.values() for name in one.published]
        place = locate(law)
        there = place.exists() or is_folder(place)
        if str(law) in names and not there:
            return of_published(str(law), dict(given or {}))
        if not there:
            if str(law) in (*laws.LAWS, *laws.CALLED):
                laws.published(str(law))  # says which sets of coefficients the law has
            raise InputError(f"{law}: no such fit, and no published coefficients of that id{nearest(str(law), names)}")
        law = auto.load(law)
    if isinstance(law, auto.Auto):
        return of_mixture(law, dict(given or {}), level, overridden)
    return of_fit(law, dict(given or {}), level, overridden)


def of_published(id: str, given: dict[str, float]) -> Source:
    """Coefficients that somebody has published: no interval is known."""
    law, entry = laws.published(id)
    if not entry.verified:
        raise Refusal("unverified", f"{id}: {entry.source}; nobody could check these numbers")
    check_law(law, given)
    told = warning("no_interval", f"{id} is a published point: no interval is known; fit your own table for one")
    name = f"{id} ({entry.source})"
    return Source(name, Surface(law, entry.coefficients, given=given), evidence=EVIDENCE.get(id), warnings=(told,))


def of_fit(found: Fit, given: dict[str, float], level: float | None, overridden: Sequence[str]) -> Source:
    """A fit with its resamples; refused where the fit was refused or did not converge, unless that is overridden."""
    law, record = found.law, found.at_level(level)
    check_law(law, given)
    refused = list(record.get("despite", []))
    if found.status not in USABLE:
        refused.append("not_converged")
    for code in refused:
        if code not in overridden:
            raise Refusal(
                code, f"{record['source']}: the fit was refused ({code}); plan with --despite {code} if you must"
            )
    k = record["flops_per_param_token"]
    lanes, doubt = Surface(law, found.lane_coefficients, k, given), found.doubt
    return Source(
        title(record),
        Surface(law, found.coefficients, k, given),
        lanes if found.usable.sum() else None,
        doubt if found.usable.sum() else None,
        record,
        record["level"],
        evidence_of(record["range"], f"the {record['n']} fitted runs"),
        tuple(standing(record)),
        tuple(refused),
    )


def of_mixture(found: auto.Auto, given: dict[str, float], level: float | None, overridden: Sequence[str]) -> Source:
    """Several laws together, as resamples of the coupled law: of each law as many as its weight says."""
    named = ", ".join(f"{id} {weight:.2f}" for id, weight in found.weights.items())
    source = of_fit(found.coupled(), given, level, overridden)
    return dataclasses.replace(source, name=f"auto ({named}) fitted to {found.record['source']}")


def check_law(law: laws.Law, given: Mapping[str, float]) -> None:
    """InputError where a law has no optimum, or its inputs are not those given."""
    if law.target != "loss":
        raise InputError(f"law {law.id} gives {law.output}, not a loss to plan with")
    if not law.optimum_kind or not set(law.inputs) & {"tokens", "tokens_per_param"}:
        raise InputError(
            f"law {law.id} does not say how to split compute between params and tokens; "
            "use one that does, such as additive"
        )
    others = set(law.inputs) - SPLIT - {UNIQUE}
    if missing := sorted(others - set(given)):
        named = ",".join(f"{name}=VALUE" for name in missing)
        raise InputError(f"law {law.id} needs {', '.join(missing)}: say --given {named}")
    if unknown := sorted(set(given) - others):
        raise InputError(f"law {law.id} does not read {', '.join(unknown)}; it reads {', '.join(law.inputs)}")
