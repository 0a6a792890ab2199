"""From a plain formula to everything the solver needs: coordinates, Jacobian, linear block, starts, bounds, optimum.

    LAW = build(id="floorless", coefficients=Floorless, loss=loss, ...)

Coordinates: theta is the logarithm of a `log` parameter and a `linear` parameter itself. Features are the inputs, as
logarithms where they are positive quantities: a formula written with `power` costs no more than a hand-made one. They
are not centred: the solver's steps do not change under a linear change of coordinates (the additive law takes the same
number of them either way), and in float64 the systems stay far from singular.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np

from sweep.errors import InputError
from sweep.laws import search
from sweep.laws.halton import halton
from sweep.laws.inputs import Input, find, predict
from sweep.laws.law import FLOOR, FLOPS_PER_PARAM_TOKEN, Law, Parameter, Published, namespace

NEGLIGIBLE = 1e-4  # a floor below this share of the smallest loss, or an exponent this near a bound, is at its bound
REFERENCE = 1e21  # FLOPs at which exponents are given where they depend on it


def build(
    *,
    id: str,
    formula: str,
    coefficients: type,
    inputs: tuple[str | Input, ...],
    loss: Callable[..., Any],
    source: str,
    published: Mapping[str, Published] | None = None,
    output: str = "loss, nats/token",
    target: str = "loss",
    positive: bool = True,
    limits: Mapping[str, str] | None = None,
    linear: tuple[str, ...] = (),
    optional: str = "",
    optimum: Callable[..., tuple[Any, Any]] | None = None,
    allocation: Callable[..., tuple[Any, Any]] | None = None,
    searched: bool = False,
) -> Law:
    """A Law from what its file declares.

    Args:
        coefficients: a NamedTuple whose fields are annotated with a Parameter each.
        inputs: names of sweep.laws.inputs, or an Input of the law's own.
        loss: (coefficients, *inputs) -> output, in arithmetic that floats, NumPy and JAX arrays share.
        linear: positive coefficients in which `loss` is linear, and without all of which it is zero: the solver's
            starts solve for them.
        optional: the one of `linear` that may be absent; default E, else the last.
        optimum, allocation: closed forms.
        searched: without a closed form, search the optimum along the isoFLOP.

    The rest is described in `Law`.
    """
    form = Form(coefficients, parameters_of(coefficients), tuple(find(x) for x in inputs), loss, linear, optional)
    size, exponents = optimum, allocation
    if searched:
        size, exponents = searches(lambda: law)
    none = nowhere(id)
    bounds = messages(form.parameters)
    law = Law(
        id=id,
        formula=formula,
        inputs=tuple(x.name for x in form.inputs),
        meanings={x.name: x.meaning for x in form.inputs},
        parameters=form.parameters,
        source=source,
        published=dict(published or {}),
        loss=loss,
        allocation=exponents or none,
        optimum=size or none,
        features=form.features,
        log_loss=with_jacobian(lambda theta, features: jnp.log(form.predict(theta, features))),
        value=with_jacobian(form.predict),
        coefficients=lambda theta, shift: form.unpack(np.moveaxis(theta, -1, 0)),
        theta=lambda law, shift: form.pack(law),
        linear=tuple(name for name in form.parameters if name in linear),
        basis=form.basis,
        optional=form.optional_column,
        from_block=form.from_block,
        design=form.design,
        lower=form.lower,
        upper=form.upper,
        bound=lambda law, smallest_loss: bound(form.parameters, law, smallest_loss),
        bounds=bounds,
        output=output,
        target=target,
        positive=positive,
        signed=tuple(x.name for x in form.inputs if not x.log),
        limits=dict(limits or {}),
        optimum_kind="closed form" if optimum else "search" if searched else "",
    )
    return law


@dataclass(frozen=True)
class Form:
    """A formula with its coordinates. `kind` is the NamedTuple of coefficients; the rest is as in `build`."""

    kind: type
    parameters: dict[str, Parameter]
    inputs: tuple[Input, ...]
    loss: Callable[..., Any]
    linear: tuple[str, ...]
    optional: str

    @property
    def lower(self) -> np.ndarray:
        """Least theta [k]."""
        return np.array([p.theta_lower for p in self.parameters.values()])

    @property
    def upper(self) -> np.ndarray:
        """Greatest theta [k]."""
        return np.array([p.theta_upper for p in self.parameters.values()])

    @property
    def optional_column(self) -> int:
        """Index among the linear columns of the one that may be absent, -1 without a block."""
        block = [name for name in self.parameters if name in self.linear]
        name = self.optional or ("E" if "E" in block else block[-1] if block else "")
        return block.index(name) if name else -1

    def unpack(self, theta: Any) -> Any:
        """Coefficients of theta [k, ...], an array or its rows."""
        xp = namespace(*theta)
        pairs = zip(self.parameters.values(), theta, strict=True)
        with np.errstate(over="ignore"):  # of a lane that ran away: infinite, and no answer
            return self.kind(*(x if p.scale == "linear" else xp.where(x > FLOOR, xp.exp(x), 0.0) for p, x in pairs))

    def pack(self, law: Any) -> np.ndarray:
        """Theta [..., k] of coefficients."""
        values = zip(self.parameters.values(), law, strict=True)
        return np.stack(np.broadcast_arrays(*(coordinate(p, value) for p, value in values)), axis=-1)

    def features(self, *values: Any) -> tuple[np.ndarray, np.ndarray]:
        """Inputs [n] (the only one may be [f, n]) as features [f, n], and their shift, which is zero."""
        rows = [np.asarray(x, float) for x in values]
        rows = [np.log(x) if given.log else x for given, x in zip(self.inputs, rows, strict=True)]
        stacked = np.concatenate([np.atleast_2d(row) for row in rows])
        return stacked, np.zeros(len(stacked))

    def arguments(self, features: Any) -> list[Any]:
        """Inputs of features [f, ...]."""
        xp = namespace(features)
        if len(self.inputs) == 1 and len(features) > 1:
            return [features]
        return [xp.exp(row) if x.log else row for x, row in zip(self.inputs, features, strict=True)]

    def predict(self, theta: Any, features: Any) -> Any:
        """Loss [...] of theta [k, ...] and features [f, ...] that broadcast."""
        return self.loss(self.unpack(theta), *self.arguments(features))

    def basis(self, shape: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Columns [..., c, n] of the linear block: the loss at a unit weight of each, the others zero.

        Without a block, the loss itself as the only column.
        """
        names = [name for name in self.parameters if name not in self.linear]
        fields = dict.fromkeys(self.parameters, 0.0) | {name: shape[..., c, None] for c, name in enumerate(names)}
        inputs, n = self.arguments(features), features.shape[-1]
        block = [name for name in self.parameters if name in self.linear]
        out = np.empty((*shape.shape[:-1], max(len(block), 1), n))
        for c, unit in enumerate([{name: 1.0} for name in block] or [{}]):
            out[..., c, :] = self.loss(self.kind(**(fields | unit)), *inputs)
        return out

    def from_block(self, shape: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Theta [..., k] of shape parameters [..., s] and non-negative weights [..., c]; zero is a vanished term."""
        blocks = {True: iter(np.moveaxis(weights, -1, 0)), False: iter(np.moveaxis(shape, -1, 0))}
        columns = [coordinate(p, next(blocks[name in self.linear])) for name, p in self.parameters.items()]
        return np.clip(np.stack(columns, axis=-1), self.lower, self.upper)

    def design(self, count: int, seed: int = 0) -> np.ndarray:
        """Shape parameters [count, s] that fill their `start` ranges."""
        ranges = [p.start for name, p in self.parameters.items() if name not in self.linear]
        unit = halton(count, len(ranges), seed)
        columns = [between(*ends, unit[:, c]) for c, ends in enumerate(ranges)]
        return np.stack(columns, axis=-1) if columns else np.zeros((1, 0))


def parameters_of(kind: type) -> dict[str, Parameter]:
    """The Parameter of every field of a NamedTuple, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: next(x for x in hints[name].__metadata__ if isinstance(x, Parameter)) for name in kind._fields}


def coordinate(parameter: Parameter, value: Any) -> Any:
    """Theta of one coefficient."""
    if parameter.scale == "linear":
        return np.asarray(value, float)
    return np.log(np.maximum(value, np.exp(FLOOR)))


def between(low: float, high: float, unit: np.ndarray) -> np.ndarray:
    """[0, 1] onto [low, high], geometrically where both are positive."""
    return low * (high / low) ** unit if low > 0 else low + (high - low) * unit


def with_jacobian(predict: Callable[[Any, Any], Any]) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """(theta [k, ...], features [f, ...]) -> the prediction [...] and its Jacobian in theta [k, ...], elementwise."""

    def both(theta: jax.Array, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        rows = list(theta)  # one at a time, so that the terms a coefficient is not in cost nothing

        def along(i: int) -> tuple[jax.Array, jax.Array]:
            return jax.jvp(
                lambda row: predict([*rows[:i], row, *rows[i + 1 :]], features), (rows[i],), (jnp.ones_like(rows[i]),)
            )

        found = [along(i) for i in range(len(rows))]
        return found[0][0], jnp.stack([slope for _, slope in found])

    return both


def messages(parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """What the codes of `bound` mean: 2 i + 1 the lower bound of parameter i, 2 i + 2 the upper one."""
    texts = [""]
    for name, p in parameters.items():
        texts.append(f"{name} is at its lower bound {p.lower:g}" + (f": {p.at_lower}" if p.at_lower else ""))
        texts.append(f"{name} is at its upper bound {p.upper:g}: the table cannot hold it back")
    return tuple(texts)


def bound(parameters: Mapping[str, Parameter], law: Any, smallest_loss: float) -> np.ndarray:
    """Code [...] of the bound that coefficients lie on, exponents before amplitudes, 0 for none."""
    tests, codes = [], []
    numbered = enumerate(zip(parameters.values(), law, strict=True))
    for i, (p, value) in sorted(numbered, key=lambda x: x[1][0].scale == "log"):
        if p.scale == "linear":
            low, high = p.lower + NEGLIGIBLE, p.upper - NEGLIGIBLE
        else:
            vanished = NEGLIGIBLE * smallest_loss if p.floor else np.exp(FLOOR + NEGLIGIBLE)
            low, high = p.lower * (1 + NEGLIGIBLE) or vanished, p.upper * (1 - NEGLIGIBLE)
        tests += [np.asarray(value) < low, np.asarray(value) > high]
        codes += [2 * i + 1, 2 * i + 2]
    return np.select(tests, codes, 0)


def searches(law: Callable[[], Law]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(optimum, allocation) by search; the law does not exist yet when they are made."""

    def optimum(coefficients: Any, flops: Any, k: Any = FLOPS_PER_PARAM_TOKEN, **fixed: Any) -> tuple[Any, Any]:
        return search.optimum(
            lambda params, tokens: predict(law(), coefficients, {"params": params, "tokens": tokens, **fixed}), flops, k
        )

    def allocation(
        coefficients: Any, flops: Any = REFERENCE, k: Any = FLOPS_PER_PARAM_TOKEN, **fixed: Any
    ) -> tuple[Any, Any]:
        return search.allocation(lambda budget: optimum(coefficients, budget, k, **fixed), flops)

    return optimum, allocation


def nowhere(id: str) -> Callable[..., tuple[Any, Any]]:
    """Stands for the optimum of a law that has none."""

    def refuse(*_: Any, **__: Any) -> tuple[Any, Any]:
        raise InputError(f"law {id} does not say how to split compute between params and tokens")

    return refuse
