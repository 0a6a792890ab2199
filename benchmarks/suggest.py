"""Are the runs that `sweep suggest` names worth more than others of the same cost? On simulated and on real tables.

    SWEEP_DATASETS=... python benchmarks/suggest.py --sweeps 80 --splits 24 --seed 0

Every sweep is fitted and resampled; then each strategy spends the same FLOPs on further runs:

    suggest loss, suggest params   what `sweep suggest --for loss`, `--for params` chooses from the sweep's own fit
    grid      one isoFLOP family of five sizes, a factor of two apart around the fitted optimum, at the largest budget
              that the spend affords
    random    runs drawn from the same candidates until nothing more is affordable
    nothing   the sweep as it was

and the law is fitted anew. Simulated: the truth is known, and the errors are those of L(C) and ln N*(C) at 100 times
the largest budget of the sweep. Real: runs of a published table with the most compute are held out, the sweep is 25
runs of its lower half, the strategies choose among the rows below the held-out ones; errors are of the losses held out,
and of ln N* against a fit of the whole table. Ratios of rms errors come with 90 % intervals from resampling the sweeps
in pairs.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import record
from benchmarks.coverage import DESIGNS
from benchmarks.worlds import TABLES, World, real, simulated
from sweep.fit import bootstrap
from sweep.fit.solver import solve
from sweep.fit.starts import grid_starts
from sweep.laws import additive
from sweep.plan.choose import Candidates, choose, problem_of
from sweep.plan.sight import bent, look

LAW, DELTA = additive.LAW, 1e-3
STRATEGIES = ("suggest loss", "suggest params", "grid", "random", "nothing")
SIMULATED = (0, 1, 2, 4)  # of coverage.DESIGNS: isoFLOP families with independent runs
SPENDS = (2.0, 8.0)  # budget of the grid's family over the largest of the sweep
MOST = 16  # runs of one choice
LANES, RESAMPLES = 32, 48  # resamples that a choice looks at, that are made


def fitted(world: World, weight: np.ndarray, losses: np.ndarray, count: int = 2) -> np.ndarray:
    """Optimum of every lane [lanes, k] from the best cells of its own grid of starts."""
    features, _ = LAW.features(world.params, world.tokens)
    kept = (
        grid_starts(LAW, features[:, w > 0], y[w > 0], delta=DELTA, count=count)
        for w, y in zip(weight, losses, strict=True)
    )
    starts = np.stack(list(kept))
    each = starts.shape[1]
    target, weights = (np.repeat(x, each, axis=0) for x in (np.log(losses), weight))
    lanes = solve(LAW, features, target, starts.reshape(len(target), -1), weights, delta=DELTA)
    best = np.argmin(lanes.objective.reshape(-1, each), axis=1)
    return lanes.theta.reshape(len(losses), each, -1)[np.arange(len(losses)), best]


def resampled(world: World, theta: np.ndarray, seed: int) -> np.ndarray:
    """Refits of resamples of every sweep's own runs [sweeps, RESAMPLES, k]."""
    features, _ = LAW.features(world.params, world.tokens)
    weight = np.zeros((len(theta), RESAMPLES, len(world.params)))
    for sweep, rows in enumerate(world.base):
        weight[sweep][:, rows] = bootstrap.draw(np.arange(rows.sum()), RESAMPLES, seed + sweep)
    start = np.repeat(theta, RESAMPLES, axis=0)
    target = np.repeat(np.log(world.losses), RESAMPLES, axis=0)
    lanes = solve(LAW, features, target, start, weight.reshape(len(start), -1), delta=DELTA)
    return lanes.theta.reshape(len(theta), RESAMPLES, -1)


def suggested(world: World, sweep: int, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Rows [r] that `sweep suggest` would add, of the resamples' optima [RESAMPLES, k]."""
    _, shift = LAW.features(world.params, world.tokens)
    lanes = LAW.coefficients(theta, shift)
    with np.errstate(all="ignore"):
        best = np.log(additive.optimum(lanes, world.target)[0])
    good = np.flatnonzero(np.isfinite(best))
    good = np.resize(good, LANES)  # always as many, so that nothing is compiled anew
    base = world.base[sweep]
    runs, rows = (world.params[base], world.tokens[base]), (world.params, world.tokens)
    seen = look(LAW, type(lanes)(*(x[good] for x in lanes)), runs, rows, world.target, 6.0)
    wary, usable = bent(seen, runs, rows), np.flatnonzero(world.open[sweep] & (world.flops <= world.spend))
    given = Candidates(world.params[usable], world.tokens[usable], world.flops[usable])
    found = {}
    for name, wanted in zip(STRATEGIES[:2], (wary.loss, wary.params), strict=True):
        chosen = choose(problem_of(wary.runs, wary.candidates[:, usable], wanted, given, world.spend, MOST))
        found[name] = np.isin(np.arange(len(world.params)), usable[chosen.order])
    return found


def grid(world: World, sweep: int, coefficients: Any) -> np.ndarray:
    """Rows of one family: the open rows nearest to five sizes around the fitted optimum at the budget."""
    with np.errstate(all="ignore"):
        best = float(additive.optimum(coefficients, world.budget)[0])
    sizes = world.params[world.base[sweep]]
    best = float(np.clip(best, sizes.min(), 4 * sizes.max())) if np.isfinite(best) else float(sizes.max())
    chosen = np.zeros(len(world.params), bool)
    for size in best * 2.0 ** np.array([0, 1, -1, 2, -2]):
        left = world.spend - world.flops[chosen].sum()
        usable = world.open[sweep] & ~chosen & (world.flops <= left * (1 + 1e-9))
        away = np.log(world.params / size) ** 2 + np.log(world.flops / world.budget) ** 2
        if usable.any():
            chosen[np.argmin(np.where(usable, away, np.inf))] = True
    return chosen


def random(world: World, sweep: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn one at a time from those still affordable."""
    chosen = np.zeros(len(world.params), bool)
    while chosen.sum() < MOST:
        left = world.spend - world.flops[chosen].sum()
        usable = np.flatnonzero(world.open[sweep] & ~chosen & (world.flops <= left * (1 + 1e-9)))
        if not len(usable):
            break
        chosen[rng.choice(usable)] = True
    return chosen


def play(world: World, seed: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """theta [sweeps, k] of each strategy after its runs, and what it chose on average."""
    rng = np.random.default_rng(seed)
    theta = fitted(world, world.base.astype(float), world.losses)
    lanes = resampled(world, theta, seed)
    _, shift = LAW.features(world.params, world.tokens)
    picks: dict[str, list[np.ndarray]] = {name: [] for name in STRATEGIES}
    for sweep in range(len(theta)):
        chosen = suggested(world, sweep, lanes[sweep])
        chosen |= {
            "grid": grid(world, sweep, LAW.coefficients(theta[sweep], shift)),
            "random": random(world, sweep, rng),
            "nothing": np.zeros(len(world.params), bool),
        }
        for name, rows in chosen.items():
            picks[name].append(rows)
    after, told = {}, {}
    for name, rows in picks.items():
        added = np.stack(rows)
        after[name] = fitted(world, (world.base | added).astype(float), world.losses)
        told[name] = {
            "runs": float(added.sum(axis=1).mean()),
            "spent": float((added * world.flops).sum(axis=1).mean() / world.spend),
        }
    return after, told


def quantities(world: World, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L(C), ln N*(C)) at the world's target [sweeps]."""
    _, shift = LAW.features(world.params, world.tokens)
    law = LAW.coefficients(theta, shift)
    with np.errstate(all="ignore"):
        params, tokens = additive.optimum(law, world.target)
        return additive.loss(law, params, tokens), np.log(params)


def study_simulated(number: int, spend: float, sweeps: int, seed: int) -> dict[str, Any]:
    """Errors of every strategy against the truth of one design."""
    began = time.perf_counter()
    design = DESIGNS[number]
    world = simulated(design, spend, sweeps, np.random.default_rng([seed, number]))
    after, told = play(world, seed)
    best = additive.optimum(design.law, world.target)
    truth = additive.loss(design.law, *best), np.log(best[0])
    errors = {}
    for name, theta in after.items():
        loss, size = quantities(world, theta)
        errors[name] = {"loss": loss - truth[0], "ln_params": size - truth[1]}
    return (
        {"design": world.name, "sweeps": sweeps}
        | summary(errors, told, seed)
        | {"seconds": time.perf_counter() - began}
    )


def study_real(name: str, splits: int, folder: Path, seed: int) -> dict[str, Any]:
    """Errors of every strategy on the rows held out of one table, and of ln N* against a fit of all its rows."""
    began = time.perf_counter()
    world, held = real(name, splits, folder, np.random.default_rng([seed, len(name)]))
    after, told = play(world, seed)
    whole = fitted(world, np.ones((1, len(world.params))), world.losses[:1], 6)
    _, size = quantities(world, whole)
    _, shift = LAW.features(world.params, world.tokens)
    errors = {}
    for strategy, theta in after.items():
        law = LAW.coefficients(theta[:, None], shift)
        missed = np.log(additive.loss(law, world.params[held], world.tokens[held]) / world.losses[0, held])
        errors[strategy] = {
            "held_out_ln_loss": np.sqrt((missed**2).mean(axis=1)),
            "ln_params": quantities(world, theta)[1] - size,
        }
    facts = {"table": name, "rows": len(world.params), "held_out": int(held.sum()), "splits": splits}
    return facts | summary(errors, told, seed) | {"seconds": time.perf_counter() - began}


def summary(errors: dict[str, dict[str, np.ndarray]], told: dict[str, Any], seed: int) -> dict[str, Any]:
    """Rms errors by strategy and quantity, and the ratio of each strategy's to the grid's with a 90 % interval."""
    rng = np.random.default_rng(seed)
    found = {name: dict(facts) for name, facts in told.items()}
    for quantity in errors["grid"]:
        every = np.stack([errors[name][quantity] for name in STRATEGIES])
        good = np.isfinite(every).all(axis=0)
        squares = every[:, good] ** 2
        draws = rng.integers(0, good.sum(), (500, good.sum()))
        rms, drawn = np.sqrt(squares.mean(axis=1)), np.sqrt(squares[:, draws].mean(axis=2))
        versus = STRATEGIES.index("grid")
        for i, name in enumerate(STRATEGIES):
            ratio = np.quantile(drawn[i] / drawn[versus], [0.05, 0.95])
            found[name][quantity] = {
                "rms": float(rms[i]),
                "median": float(np.median(np.sqrt(squares[i]))),
                "over_grid": float(rms[i] / rms[versus]),
                "over_grid_interval": [float(x) for x in ratio],
                "answered": int(np.isfinite(every[i]).sum()),
            }
    return {"strategies": found}


def show(result: dict[str, Any]) -> str:
    """A table for people: rms error and, in brackets, over the grid's with its interval."""
    lines = [f"{result.get('design', result.get('table'))}, {result['seconds']:.0f} s"]
    for name, facts in result["strategies"].items():
        cells = []
        for quantity, f in facts.items():
            if isinstance(f, dict):
                low, high = f["over_grid_interval"]
                cells.append(f"{quantity} {f['rms']:.4f} ({f['over_grid']:.2f} [{low:.2f}, {high:.2f}])")
        lines.append(f"  {name:15s} {facts['runs']:4.1f} runs, {facts['spent']:.2f} of the spend  " + "  ".join(cells))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study and write suggest.json after each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=80, help="of each simulated design")
    parser.add_argument("--splits", type=int, default=24, help="of each real table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    parser.add_argument("--datasets", type=Path, default=os.environ.get("SWEEP_DATASETS"), help="folder of real tables")
    args = parser.parse_args(argv)
    record.one_device_a_core()
    result: dict[str, Any] = {"sweeps": args.sweeps, "splits": args.splits, "seed": args.seed}
    result |= record.environment() | {"simulated": [], "real": []}
    for number in SIMULATED:
        for spend in SPENDS:
            result["simulated"].append(study_simulated(number, spend, args.sweeps, args.seed))
            print(show(result["simulated"][-1]), flush=True)
            record.write(args.out, "suggest", result)
    for name in TABLES if args.datasets else ():
        result["real"].append(study_real(name, args.splits, args.datasets, args.seed))
        print(show(result["real"][-1]), flush=True)
        record.write(args.out, "suggest", result)


if __name__ == "__main__":
    main()
