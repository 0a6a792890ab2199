"""A law with some coefficients held at given values: a law of the others, which the fitter takes like any law."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np

from sweep.errors import InputError
from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import Law, namespace
from sweep.nearest import nearest


def hold(law: Law, values: Mapping[str, float | int]) -> Law:
    """The law of the coefficients that are not held; itself where none is.

    Raises:
        InputError: a name that is no coefficient of the law, a value that it may not have, or none left to fit.
    """
    for name, value in values.items():
        if name not in law.parameters:
            hint = nearest(name, law.names) or f"; it has {', '.join(law.names)}"
            raise InputError(f"--fix {name}: law {law.id} has no such coefficient{hint}")
        p = law.parameters[name]
        if not math.isfinite(value) or not p.lower <= value <= p.upper:
            raise InputError(f"--fix {name}={value:g}: {name} lies between {p.lower:g} and {p.upper:g} ({p.meaning})")
    if len(values) >= len(law.names):
        raise InputError(f"--fix holds every coefficient of law {law.id}: nothing is left to fit")
    return held(law, tuple((name, float(values[name])) for name in law.names if name in values)) if values else law


def held_text(values: Mapping[str, float] | None) -> str:
    """`E = 1.6 held fixed`, or nothing."""
    listed = ", ".join(f"{name} = {value:.6g}" for name, value in (values or {}).items())
    return f"{listed} held fixed" if listed else ""


@functools.cache  # a law is a static argument of compiled programs, by its identity
def held(law: Law, values: tuple[tuple[str, float], ...]) -> Law:
    """`hold`, of checked values."""
    kind = type(law.coefficients(np.zeros(len(law.names)), np.zeros(len(law.inputs))))
    fixed, names = dict(values), [name for name in law.names if name not in dict(values)]
    fields: list[tuple[str, Any]] = [(name, Annotated[Any, law.parameters[name]]) for name in names]
    free = NamedTuple("Free", fields)
    linear = tuple(name for name in law.linear if name in names)

    def full(coefficients: Any) -> Any:
        return kind(**fixed, **coefficients._asdict())

    def alike(function: Callable[..., Any]) -> Callable[..., Any]:
        """Of lanes: an answer that the free coefficients do not change is one for each lane all the same."""

        def call(coefficients: Any, *rest: Any, **more: Any) -> Any:
            like = coefficients[0]
            spread = {name: namespace(like).full_like(like, value) for name, value in fixed.items()}
            return function(kind(**spread, **coefficients._asdict()), *rest, **more)

        return call

    def filled(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda coefficients, *rest, **more: function(full(coefficients), *rest, **more)

    made = build(
        id=law.id,
        formula=law.formula,
        coefficients=free,
        inputs=tuple(Input(name, law.meanings[name], log=name not in law.signed) for name in law.inputs),
        loss=filled(law.loss),
        source=law.source,
        output=law.output,
        target=law.target,
        positive=law.positive,
        limits=law.limits,
        linear=linear,
    )
    block = Block(law, made, kind, fixed)
    return dataclasses.replace(
        made,
        held=fixed,
        basis=block.columns if linear else made.basis,
        offset=block.offset if linear and set(fixed) & set(law.linear) else None,
        optimum=alike(law.optimum),
        allocation=alike(law.allocation),
        optimum_kind=law.optimum_kind,
    )


@dataclasses.dataclass(frozen=True)
class Block:
    """The linear block of a held law: its own columns, and what the held ones of the whole law add to every loss."""

    law: Law
    made: Law
    kind: Any
    fixed: Mapping[str, float]

    def unit(self, shape: np.ndarray, features: np.ndarray, name: str) -> np.ndarray:
        """The loss [..., n] of the whole law at a unit weight of one linear coefficient, the other weights zero."""
        values = dict.fromkeys(self.law.linear, 0.0) | {name: 1.0}
        values |= {x: v for x, v in self.fixed.items() if x not in self.law.linear}
        values |= {x: shape[..., c, None] for c, x in enumerate(self.made.shape)}
        found = self.law.loss(self.kind(**values), *arguments(self.made, features))
        return np.broadcast_to(found, (*shape.shape[:-1], features.shape[-1]))

    def columns(self, shape: np.ndarray, features: np.ndarray) -> np.ndarray:
        """[..., c, n] of the linear coefficients that are free."""
        return np.stack([self.unit(shape, features, name) for name in self.made.linear], axis=-2)

    def offset(self, shape: np.ndarray, features: np.ndarray) -> np.ndarray:
        """[..., n], what the held linear coefficients add."""
        parts = [v * self.unit(shape, features, x) for x, v in self.fixed.items() if x in self.law.linear]
        return np.sum(parts, axis=0)


def arguments(law: Law, features: np.ndarray) -> list[np.ndarray]:
    """Inputs of a law from its features [f, n]."""
    if len(law.inputs) == 1 and len(features) > 1:
        return [features]
    return [row if name in law.signed else np.exp(row) for name, row in zip(law.inputs, features, strict=True)]
