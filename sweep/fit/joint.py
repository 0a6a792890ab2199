"""One law for several arms: every arm has its own linear coefficients (floor, scales), all share the shape (exponents).

Built from any law with a linear block; the arm of a run is one more input. Nested in the separate fits of the arms, so
that their objectives tell whether the arms share exponents.
"""

import functools
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from sweep.fit.approach3 import Solution, fit_law
from sweep.fit.objective import Objective
from sweep.fit.starts import cells, thin
from sweep.laws import Law
from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import namespace
from sweep.tables.load import Runs

CANDIDATES, STARTS = 1024, 8  # shapes that are tried, and that start Newton


@functools.cache
def joint_law(law: Law, arms: int) -> Law:
    """The law of `arms` arms: coefficients NAME_0, NAME_1, … of the linear block, then the shared shape."""
    own = [(f"{name}_{i}", name) for i in range(arms) for name in law.linear]
    fields = [(field, Annotated[Any, law.parameters[name]]) for field, name in own]
    fields += [(name, Annotated[Any, law.parameters[name]]) for name in law.shape]

    def loss(coefficients: Any, *inputs: Any) -> Any:
        xp, arm = namespace(*inputs, *coefficients), inputs[-1]
        chosen = {name: getattr(coefficients, name) for name in law.shape}
        for name in law.linear:
            chosen[name] = sum(xp.where(arm == i, getattr(coefficients, f"{name}_{i}"), 0.0) for i in range(arms))
        return law.loss(kind_of(law)(**chosen), *inputs[:-1])

    return build(
        id=f"{law.id} of {arms} arms",
        formula=law.formula,
        coefficients=NamedTuple("Joint", fields),
        inputs=(*law.inputs, Input("arm", "number of the arm", log=False)),
        loss=loss,
        source=law.source,
    )


def kind_of(law: Law) -> Any:
    """The NamedTuple of a law's coefficients."""
    return type(law.coefficients(np.zeros(len(law.names)), np.zeros(len(law.inputs))))


def of_arm(law: Law, coefficients: Any, arm: int) -> Any:
    """One arm's coefficients of `law` from those of the joint law; numbers or lanes."""
    values = {name: getattr(coefficients, f"{name}_{arm}") for name in law.linear}
    return kind_of(law)(**values, **{name: getattr(coefficients, name) for name in law.shape})


def fit_joint(
    law: Law, parts: Sequence[Runs], together: Runs, objective: Objective, solutions: Sequence[Solution]
) -> tuple[Law, Solution]:
    """The joint law fitted to all arms; starts are shapes that suit all arms, each arm's block solved for.

    Args:
        parts: runs of each arm.
        together: all of them, with the further input `arm`.
        solutions: of the separate fits: their shapes are tried too.
    """
    joint = joint_law(law, len(parts))
    ends = [[getattr(s.coefficients, name) for name in law.shape] for s in solutions]
    shapes = np.concatenate([np.array(ends), np.mean(ends, axis=0, keepdims=True), law.design(CANDIDATES)])
    delta = np.inf if objective.kind.endswith("mse") else objective.deltas[0]
    score, values = np.zeros(len(shapes)), dict(zip(law.shape, shapes.T, strict=True))
    for i, runs in enumerate(parts):
        features, shift = law.features(*runs.inputs(law))
        few, loss, weight = thin(features, runs.loss, None, 512)
        columns = law.basis(shapes, few)
        part, theta = cells(law, shapes, columns, list(range(columns.shape[-2])), loss, delta, weight)
        score = score + part * len(runs) / len(loss)
        found = law.coefficients(theta, shift)
        values |= {f"{name}_{i}": getattr(found, name) for name in law.linear}
    best = np.argsort(score, kind="stable")[:STARTS]
    starts = joint.theta([values[name][best] for name in joint.names], np.zeros(1))
    return joint, fit_law(joint, together, objective, np.clip(starts, joint.lower, joint.upper))
