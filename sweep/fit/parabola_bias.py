"""The bias of approach 2 on the sizes that a table has: parabolas through noise-free losses of the fitted law.

A curve of loss against ln N is no parabola. Where it is not, a parabola's vertex depends on which sizes it is drawn
through: by their width, (alpha - beta) h^2 / 10 of ln N for the additive law on a centred grid, and far more by how far
their middle lies from the optimum (Czech et al. 2026, arXiv 2603.22339). So the law's own losses at the table's sizes
are fitted by parabolas, whose error against the law's own optimum is known.
"""

from dataclasses import dataclass

import numpy as np

from sweep.fit.approach2 import IsoFlop, line_weights, lines, vertices
from sweep.fit.approach3 import Solution
from sweep.fit.best import best_run, exponents, fixed_inputs
from sweep.laws import Law
from sweep.tables.load import Runs


@dataclass(frozen=True)
class ParabolaBias:
    """Of approach 2 against the fitted law.

    Attributes:
        families: ln of the vertex over the law's N* at the family's FLOPs [families]; NaN where there is no vertex.
        params, tokens: what the line says at the target over the law's optimum, less 1; NaN where there is no line.
        a: of the line, less that of the law at the target.
    """

    families: np.ndarray
    params: float
    tokens: float
    a: float


def parabola_bias(found: IsoFlop, law: Law, runs: Runs, solution: Solution, target: float) -> ParabolaBias | None:
    """None for a law without an optimum at a budget."""
    if not law.optimum_kind:
        return None
    fixed = fixed_inputs(law, runs)
    each = runs.flops / (runs.params * runs.tokens)
    members = [rows for _, rows in found.members]
    every = np.ones((1, 1))
    exact = [
        vertices(runs.params[r], runs.tokens[r], solution.predicted[r], np.broadcast_to(every, (1, len(r))))
        for r in members
    ]
    ln_n, ln_d = (np.concatenate([getattr(v, name) for v in exact]) for name in ("ln_params", "ln_tokens"))
    medians = [float(np.median(each[rows])) for rows in members]
    best = [
        best_run(law, solution.coefficients, c, k, fixed)[0] for c, k in zip(found.flops.tolist(), medians, strict=True)
    ]
    good, k = found.good, float(np.median(each))
    believe = line_weights(np.array([p.ln_params_sd for p in found.precision])[good])
    params, tokens = (lines(np.log(found.flops[good]), x[None, good], believe) for x in (ln_n, ln_d))
    right = best_run(law, solution.coefficients, target, k, fixed)
    a = exponents(law, solution.coefficients, target, k, fixed)[0]
    with np.errstate(all="ignore"):
        off = [float(line.at(target)[0] / value) - 1 for line, value in zip((params, tokens), right[:2], strict=True)]
        return ParabolaBias(ln_n - np.log(np.array(best, float)), *off, a=float(params.slope[0] - a))
