"""Do intervals hold the truth where runs share noise that no column of the table names?

    python -m benchmarks.shared_noise --sweeps 200 --resamples 300 --seed 0

Simulated sweeps of a known law, each fitted by `sweep.fit.fit` as the command does, which looks for shared noise, and
once more with runs taken as independent. Beside the coverage stands the mean width over that of the central 90 % of
the point estimates, and beside each world how often shared noise was found, and by what.
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.coverage import BESIROGLU, LEVEL, isoflop, trunks
from sweep.fit import fit
from sweep.laws import additive

QUANTITIES = ("alpha", "beta", "N*(10C)", "L(10C)")


@dataclass(frozen=True)
class World:
    """Runs [n] of a true law with noise of ln loss.

    Attributes:
        block: of each run [n]; runs of one block share noise of sd `shared`.
        own: sd of each run's own noise.
        falling: own noise falls from twice to half of that with compute.
    """

    name: str
    params: np.ndarray
    tokens: np.ndarray
    block: np.ndarray
    shared: float
    own: float
    falling: bool = False

    def losses(self, rng: np.random.Generator) -> np.ndarray:
        """Of one sweep [n]."""
        n = len(self.params)
        noise = self.own * rng.standard_normal(n)
        if self.falling:
            noise *= np.geomspace(2.0, 0.5, n)[np.argsort(np.argsort(self.params * self.tokens))]
        noise += self.shared * rng.standard_normal(self.block.max() + 1)[self.block]
        return additive.loss(BESIROGLU, self.params, self.tokens) * np.exp(noise)


def worlds() -> list[World]:
    """Those with shared noise, then those without."""
    grid, small = isoflop("", BESIROGLU, 1e18, 2.5, (6, 8), 0.005), isoflop("", BESIROGLU, 1e18, 1.5, (5, 7), 0.005)
    eight, tall = trunks("", BESIROGLU, 8, 5, 0.005), trunks("", BESIROGLU, 8, 6, 0.005)
    families, few = np.repeat(np.arange(6), 8), np.repeat(np.arange(5), 7)
    return [
        World("8 trunks x 5, correlation .8", eight.params, eight.tokens, eight.group, 0.005 * 0.8**0.5, 0.0022),
        World("6 x 8, .004 by budget, .004 own", grid.params, grid.tokens, families, 0.004, 0.004),
        World("5 x 7, .004 by budget, .003 own", small.params, small.tokens, few, 0.004, 0.003),
        World("8 sizes x 6, .004 by size, .003 own", tall.params, tall.tokens, tall.group, 0.004, 0.003),
        World("6 x 8, independent", grid.params, grid.tokens, families, 0.0, 0.005),
        World("8 sizes x 5, independent", eight.params, eight.tokens, eight.group, 0.0, 0.005),
        World("6 x 8, independent, falling", grid.params, grid.tokens, families, 0.0, 0.005, falling=True),
    ]


def answers(world: World, losses: np.ndarray, resamples: int, *, independent: bool) -> dict[str, Any]:
    """Estimates [q] and intervals [q, 2] of QUANTITIES, and by what runs were found to share noise."""
    flops = 6 * world.params * world.tokens
    table = {"params": world.params, "tokens": world.tokens, "loss": losses}
    found = fit(table, bootstrap=resamples, diagnostics=False, independent=independent)
    best = found.optimum(10 * flops.max())
    pairs = [found.interval("alpha", LEVEL), found.interval("beta", LEVEL), best.params_interval, best.loss_interval]
    values = [found.params["alpha"], found.params["beta"], best.params, best.loss]
    block = found.record["dependence"]
    return {
        "values": np.array(values, float),
        "pairs": np.array(pairs, float),
        "by": block["by"] if block else None,
    }


def study(world: World, sweeps: int, resamples: int, seed: int) -> dict[str, Any]:
    """Coverage and width with shared noise looked for, and with runs taken as independent."""
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    tables = [world.losses(rng) for _ in range(sweeps)]
    target = 10 * (6 * world.params * world.tokens).max()
    params, tokens = additive.optimum(BESIROGLU, target)
    truth = np.array([BESIROGLU.alpha, BESIROGLU.beta, params, additive.loss(BESIROGLU, params, tokens)])
    result: dict[str, Any] = {"world": world.name, "runs": len(world.params), "sweeps": sweeps}
    for name, independent in (("looked_for", False), ("independent", True)):
        made = [answers(world, losses, resamples, independent=independent) for losses in tables]
        pairs, values = np.stack([m["pairs"] for m in made]), np.stack([m["values"] for m in made])
        low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        held = (pairs[..., 0] <= truth) & (truth <= pairs[..., 1])
        width = np.nanmean(pairs[..., 1] - pairs[..., 0], axis=0) / (high - low)
        result[name] = {
            "coverage": dict(zip(QUANTITIES, held.mean(axis=0).tolist(), strict=True)),
            "width": dict(zip(QUANTITIES, width.tolist(), strict=True)),
        }
        if not independent:
            result["found"] = dict(Counter(str(m["by"]) for m in made))
    return result | {"seconds": time.perf_counter() - began}


def show(result: dict[str, Any]) -> str:
    """A table for people: coverage in percent and, in brackets, width over the ideal."""
    lines = [f"{result['world']}: found {result['found']}"]
    for name in ("independent", "looked_for"):
        block = result[name]
        cells = [f"{100 * block['coverage'][q]:5.1f} ({block['width'][q]:4.2f})" for q in QUANTITIES]
        lines.append(f"  {name:12s} " + "  ".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Run the study and write shared-noise.json after each world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    record.one_device_a_core()
    result: dict[str, Any] = {"benchmark": "shared-noise", **record.environment(), "seed": args.seed}
    result |= {"resamples": args.resamples, "level": LEVEL, "quantities": list(QUANTITIES), "worlds": []}
    for world in worlds():
        result["worlds"].append(study(world, args.sweeps, args.resamples, args.seed))
        record.write(args.out, "shared-noise", result)
        print(show(result["worlds"][-1]), flush=True)


if __name__ == "__main__":
    main()
