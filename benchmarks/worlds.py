"""Sweeps with rows that could be added, for the study of `sweep suggest`: simulated, or drawn from a real table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.coverage import Design
from sweep.laws import additive
from sweep.tables.load import load

FAMILY = 5  # sizes of the grid
FAR = 100  # the target over the largest budget of a simulated sweep
REPEATS = 2  # seeds of one cell
BASE = 25  # runs of a sweep that is drawn from a real table
TABLES = {
    "epoch_chinchilla_svg": "outlier == 0",
    "misfitting_final": "best_lr == 1",
    "porian_rw_base_short_chinchilla_standard_val": None,
}


@dataclass(frozen=True)
class World:
    """Rows that exist or could be had, and sweeps over them.

    Attributes:
        params, tokens: of the rows [r]; a row for each seed.
        losses: [sweeps, r].
        base: rows of each sweep [sweeps, r].
        open: rows that may be chosen [sweeps, r].
        budget: of the grid's family, FLOPs; the spend is FAMILY times that.
        target: FLOPs.
    """

    name: str
    params: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray
    base: np.ndarray
    open: np.ndarray
    budget: float
    target: float

    @property
    def flops(self) -> np.ndarray:
        return 6 * self.params * self.tokens

    @property
    def spend(self) -> float:
        return FAMILY * self.budget


def simulated(design: Design, spend: float, sweeps: int, rng: np.random.Generator) -> World:
    """Sweeps of a design, with candidates on a lattice of factors of two in params and FLOPs, each with its seeds."""
    largest = float((6 * design.params * design.tokens).max())
    budgets = spend * largest * 2.0 ** np.arange(-12, 3)
    sizes = additive.optimum(design.law, spend * largest)[0] * 2.0 ** np.arange(-9, 6)
    params, flops = (x.ravel() for x in np.meshgrid(sizes, budgets))
    tokens = flops / (6 * params)
    ratio = tokens / params
    seen = design.tokens / design.params
    smallest = (6 * design.params * design.tokens).min()
    fair = (ratio >= seen.min()) & (ratio <= seen.max()) & (flops >= smallest) & (flops <= FAMILY * spend * largest)
    cells = [np.tile(x[fair], REPEATS) for x in (params, tokens)]
    params, tokens = (np.concatenate(pair) for pair in zip((design.params, design.tokens), cells, strict=True))
    noise = design.sd * rng.standard_normal((sweeps, len(params)))
    losses = additive.loss(design.law, params, tokens) * np.exp(noise)
    base = np.broadcast_to(np.arange(len(params)) < len(design.params), losses.shape)
    name = f"{design.name}; spend {FAMILY * spend:g} x the largest budget"
    return World(name, params, tokens, losses, base, ~base, spend * largest, FAR * largest)


def real(name: str, splits: int, folder: Path, rng: np.random.Generator) -> tuple[World, np.ndarray]:
    """Sweeps drawn from the lower half of a table by compute, and the rows that are held out."""
    runs = load(folder / f"{name}.csv", where=TABLES[name])
    order = np.argsort(runs.params * runs.tokens)
    params, tokens, loss = (x[order] for x in (runs.params, runs.tokens, runs.loss))
    n = len(params)
    held = np.arange(n) >= round(0.85 * n)
    base = np.zeros((splits, n), bool)
    for row in base:
        row[rng.choice(n // 2, BASE, replace=False)] = True
    flops = 6 * params * tokens
    budget = float(np.sqrt(flops[n // 2 - 1] * flops[~held].max()))
    losses = np.broadcast_to(loss, base.shape)
    target = float(np.exp(np.log(flops[held]).mean()))
    return World(name, params, tokens, losses, base, ~base & ~held, budget, target), held
