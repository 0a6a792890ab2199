"""What a law tells the rest of the program: its formula, its parameters, and the functions the fitter works with.

The solver walks in coordinates `theta`, in which every value is allowed and the problem is well scaled; a person reads
coefficients. A law converts between the two, and says when coefficients lie on the edge of what they may be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

FLOOR = -30.0  # least value of a coordinate: a term of e^-30 nats has vanished


@dataclass(frozen=True)
class Published:
    """Coefficients somebody has published, and where."""

    coefficients: Any
    source: str


@dataclass(frozen=True, eq=False)  # hashed by identity: a law is a static argument of the compiled solver
class Law:
    """A parametric form of the loss.

    Attributes:
        id: name in the registry.
        formula: for people.
        inputs: columns of a table that the law reads, in the order of its features.
        units: parameter name -> unit and meaning, in the order of the coefficients.
        published: coefficient sets with their sources.
        loss: (coefficients, params, tokens) -> loss, nats/token.
        allocation: coefficients -> (a, b) of N* ~ C^a, D* ~ C^b.
        optimum: (coefficients, FLOPs, FLOPs per parameter and token) -> compute-optimal (params, tokens).
        features: (params [n], tokens [n]) -> features [f, n], centred, and their shift [f].
        log_loss: (theta [k, ...], features [f, ...]) -> ln loss [...], its Jacobian [k, ...]; elementwise, so that
            theta [k] with features [f, n], or theta [k, 1, lanes] with features [f, n, 1], broadcast.
        coefficients: (theta [..., k], shift [f]) -> coefficients, each [...].
        theta: inverse of `coefficients`.
        basis: (shape parameters [..., s], features [f, n]) -> columns [..., c, n] of the linear block, whose
            non-negative weights variable projection solves for.
        optional: index of the column that may be absent: the law without it is tried too.
        from_block: (shape parameters [..., s], weights [..., c]) -> theta [..., k].
        bound: (coefficients, smallest loss) -> code [...] of the bound they lie on, 0 for none.
        bounds: messages of the codes, `bounds[0]` for none.
    """

    id: str
    formula: str
    inputs: tuple[str, ...]
    units: dict[str, str]
    source: str
    published: dict[str, Published]
    loss: Callable[[Any, Any, Any], Any]
    allocation: Callable[[Any], tuple[Any, Any]]
    optimum: Callable[[Any, Any, Any], tuple[Any, Any]]
    features: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    log_loss: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    coefficients: Callable[[np.ndarray, np.ndarray], Any]
    theta: Callable[[Any, np.ndarray], np.ndarray]
    basis: Callable[[np.ndarray, np.ndarray], np.ndarray]
    optional: int
    from_block: Callable[[np.ndarray, np.ndarray], np.ndarray]
    bound: Callable[[Any, float], np.ndarray]
    bounds: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the coefficients."""
        return tuple(self.units)
