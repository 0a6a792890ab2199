"""What a law tells the rest of the program: its formula, its coefficients, and the functions the fitter works with.

The solver walks in coordinates `theta`, in which every value is allowed and the problem is well scaled; a person reads
coefficients. A law converts between the two, and says when coefficients lie on the edge of what they may be. Almost
all of it is derived from a plain `loss` by `sweep.laws.form.build`; a law file declares, it does not program.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

FLOOR = -30.0  # least value of a logarithmic coordinate: a term of e^-30 has vanished
FLOPS_PER_PARAM_TOKEN = 6.0  # C = 6 N D: two for the forward pass, four for the backward pass
GRADES = {
    "V": "read in the primary source",
    "V2": "read in a secondary source",
    "C": "computed from verified inputs",
    "R": "recalled, unverified: not for planning",
}
Real = Any  # a float, a NumPy or a JAX array; the same kind comes out


def namespace(*values: Any) -> Any:
    """jax.numpy where any of `values` is a JAX array, else numpy: a formula stays float64 outside JAX."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def power(x: Real, exponent: Real) -> Real:
    """x**exponent of a positive x, as exp(exponent ln x).

    The solver's features are ln x, and the compiler folds ln(exp(ln x)): one exponential instead of a general power and
    its guards, which makes a law five times as fast.
    """
    xp = namespace(x, exponent)
    return xp.exp(exponent * xp.log(x))


@dataclass(frozen=True)
class Parameter:
    """One coefficient of a law, declared beside its field: `E: Annotated[Real, floor()]`.

    Attributes:
        meaning: unit and meaning, for people.
        lower, upper: what it may be; an optimum on one of them is reported as `at_bound`.
        scale: `log` for a positive amplitude (theta is its logarithm; it may vanish), `linear` for the others.
        start: where starts are looked for; geometric spacing where both ends are positive.
        floor: its size is judged against the smallest loss of the table.
        at_lower: what it means to lie on the lower bound.
    """

    meaning: str
    lower: float
    upper: float
    scale: Literal["log", "linear"]
    start: tuple[float, float]
    floor: bool = False
    at_lower: str = ""

    @property
    def theta_lower(self) -> float:
        """Lower bound of the solver's coordinate."""
        if self.scale == "linear":
            return self.lower
        return float(np.log(self.lower)) if self.lower > 0 else FLOOR

    @property
    def theta_upper(self) -> float:
        """Upper bound of the solver's coordinate."""
        return self.upper if self.scale == "linear" else float(np.log(self.upper))


def floor(meaning: str = "nats/token, irreducible loss", start: tuple[float, float] = (0.1, 3.0)) -> Parameter:
    """An irreducible loss: positive, or zero where the table shows none."""
    return Parameter(meaning, 0.0, np.inf, "log", start, floor=True, at_lower="the table does not show a floor")


def amplitude(meaning: str, start: tuple[float, float] = (1e-1, 1e7)) -> Parameter:
    """A positive scale; it may vanish."""
    return Parameter(meaning, 0.0, np.inf, "log", start, at_lower="the table does not show this term")


def exponent(meaning: str, upper: float = 3.0, start: tuple[float, float] = (0.02, 2.0)) -> Parameter:
    """A non-negative power."""
    return Parameter(meaning, 0.0, upper, "linear", start, at_lower="the table does not show that this helps")


def free(meaning: str, lower: float, upper: float, start: tuple[float, float] | None = None) -> Parameter:
    """A number of either sign between bounds."""
    return Parameter(meaning, lower, upper, "linear", start or (lower, upper))


@dataclass(frozen=True)
class Published:
    """Coefficients somebody has published, where, and how far to trust the copy (GRADES)."""

    coefficients: Any
    source: str
    grade: Literal["V", "V2", "C", "R"]

    @property
    def verified(self) -> bool:
        """False for numbers that nobody could check: listed, never planned or tested with."""
        return self.grade != "R"


@dataclass(frozen=True, eq=False)  # hashed by identity: a law is a static argument of the compiled solver
class Law:
    """A parametric form of the loss (or of a learning rate, a batch: see `output`).

    Attributes:
        id: name in the registry.
        formula: for people.
        inputs: columns of a table that the law reads, in the order of the arguments of `loss`; `sweep.laws.inputs`
            finds or derives them.
        parameters: name -> Parameter, in the order of the coefficients.
        meanings: input -> unit and meaning.
        source: paper and equation.
        published: coefficient sets by name, each name once in the registry.
        output: what the law predicts, with its unit.
        target: column of a table that holds it.
        signed: inputs that may be zero or negative; the others are positive.
        positive: the output is positive, so that its logarithm may be fitted; else only `value` may.
        limits: input -> what remains when it grows without bound, for people.
        held: coefficients of the whole law that are held at these values (sweep.laws.held): none of `parameters`.
        offset: (shape parameters [..., s], features [f, n]) -> [..., n], what held linear coefficients add to it.
        optimum_kind: `closed form`, `search`, or empty where no compute-optimal (params, tokens) exists.
        loss: (coefficients, *inputs) -> loss; floats, NumPy or JAX arrays, broadcasting.
        allocation: (coefficients, FLOPs = 1e21, k = 6, **fixed) -> (a, b) of N* ~ C^a, D* ~ C^b around those FLOPs.
        optimum: (coefficients, FLOPs, FLOPs per parameter and token k, **fixed) -> compute-optimal (params, tokens);
            `fixed` are the law's other inputs by name. NaN where the best is at no finite size.
        features: (*inputs [n]) -> features [f, n] and their shift [f].
        log_loss: (theta [k, ...], features [f, ...]) -> ln loss [...], its Jacobian [k, ...]; elementwise, so that
            theta [k] with features [f, n], or theta [k, 1, lanes] with features [f, n, 1], broadcast.
        value: the same of the loss itself: for outputs that may be negative.
        coefficients: (theta [..., k], shift [f]) -> coefficients, each [...].
        theta: inverse of `coefficients`.
        linear: names of the coefficients in which the loss is linear.
        shape: names of the others.
        basis: (shape parameters [..., s], features [f, n]) -> columns [..., c, n] of the linear block, whose
            non-negative weights variable projection solves for; without a block, the loss itself as the only column.
        optional: index of the column that may be absent, -1 for none: the law without it is tried too.
        from_block: (shape parameters [..., s], weights [..., c]) -> theta [..., k].
        design: (count, seed = 0) -> shape parameters [count, s], space-filling over the `start` ranges.
        lower, upper: bounds of theta [k].
        bound: (coefficients, smallest loss) -> code [...] of the bound they lie on, 0 for none.
        bounds: messages of the codes, `bounds[0]` for none.
    """

    id: str
    formula: str
    inputs: tuple[str, ...]
    meanings: dict[str, str]
    parameters: dict[str, Parameter]
    source: str
    published: dict[str, Published]
    loss: Callable[..., Any]
    allocation: Callable[..., tuple[Any, Any]]
    optimum: Callable[..., tuple[Any, Any]]
    features: Callable[..., tuple[np.ndarray, np.ndarray]]
    log_loss: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    value: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    coefficients: Callable[[np.ndarray, np.ndarray], Any]
    theta: Callable[[Any, np.ndarray], np.ndarray]
    linear: tuple[str, ...]
    basis: Callable[[np.ndarray, np.ndarray], np.ndarray]
    optional: int
    from_block: Callable[[np.ndarray, np.ndarray], np.ndarray]
    design: Callable[..., np.ndarray]
    lower: np.ndarray
    upper: np.ndarray
    bound: Callable[[Any, float], np.ndarray]
    bounds: tuple[str, ...]
    output: str = "loss, nats/token"
    target: str = "loss"
    positive: bool = True
    signed: tuple[str, ...] = ()
    limits: dict[str, str] = field(default_factory=dict)
    optimum_kind: str = ""
    held: Mapping[str, float] = field(default_factory=dict)
    offset: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the coefficients."""
        return tuple(self.parameters)

    @property
    def units(self) -> dict[str, str]:
        """Parameter name -> unit and meaning."""
        return {name: parameter.meaning for name, parameter in self.parameters.items()}

    @property
    def shape(self) -> tuple[str, ...]:
        """Names of the coefficients that the linear block does not hold, in the order of the coefficients."""
        return tuple(name for name in self.parameters if name not in self.linear)
