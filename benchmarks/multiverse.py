"""A million law variants: `sweep multiverse` on 240 rows, against the same fits by SciPy, in one run.

Ours is the work of the command, warm: reading, subsets, starts, every specification on its full rows, all resamples
(those of failing specifications too, which the command leaves out), the judgement, the drivers and the record. A lane
is one solved problem: law x objective x subset x weighting x resample.

SciPy (BFGS with the analytic gradient, one process a core, from the same starts) solves a sample of the lanes of every
law and objective; its seconds a lane, times how many lanes there are of that kind, over the cores, are what all of them
would take. That figure is extrapolated and called so.

    python benchmarks/multiverse.py [--lanes 1000000] [--sample 8] [--out benchmarks/results]

The table is that of fit.py, with its budgets. Floor of one lane, n rows, s passes, k parameters and t transcendental
functions: a pass costs about 20 t + 9 k + k (k + 1) flops a row (prediction and Jacobian, gradient and scale, the
symmetric system), and memory need only be touched once: 8 n bytes of weights in, 8 (k + 3) out.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import record

TRANSCENDENTAL = {"additive": 3, "additive_tied": 3, "gamma": 5, "kaplan_lnd": 4}  # of a row and pass


def predict(law: str, x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """(loss, its derivatives in theta) at features x, y in the laws' coordinates, as a NumPy user writes them."""
    if law == "additive":
        a, b, e = np.exp(theta[0] - theta[3] * x), np.exp(theta[1] - theta[4] * y), np.exp(theta[2])
        return a + b + e, [a, b, e + 0 * a, -a * x, -b * y]
    if law == "additive_tied":
        e, a, b = np.exp(theta[0]), np.exp(theta[1] - theta[3] * x), np.exp(theta[2] - theta[3] * y)
        return a + b + e, [e + 0 * a, a, b, -a * x - b * y]
    if law == "gamma":
        e, g = np.exp(theta[0]), theta[5]
        a, b = np.exp(theta[1] - theta[3] * x), np.exp(theta[2] - theta[4] * y)
        total = (a + b) ** g
        slope = g * total / (a + b)
        return e + total, [e + 0 * a, slope * a, slope * b, -slope * a * x, -slope * b * y, total * np.log(a + b)]
    if law == "kaplan_lnd":
        ratio = theta[2] / theta[3]
        a, b = np.exp(ratio * (theta[0] - x)), np.exp(theta[1] - y)
        total = (a + b) ** theta[3]
        slope = theta[3] * total / (a + b)
        by_ratio = slope * a * (theta[0] - x)
        along = total * np.log(a + b) - by_ratio * ratio / theta[3]
        return total, [slope * a * ratio, slope * b, by_ratio / theta[3], along]
    raise ValueError(f"no gradient of {law} here")


def objective(job: dict, theta: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Weighted Huber objective and its gradient, of ln loss or of loss."""
    with np.errstate(all="ignore"):
        loss, slopes = predict(job["law"], job["features"][0], job["features"][1], theta)
        residual = loss - job["loss"] if job["in_loss"] else np.log(loss) - np.log(job["loss"])
        size = np.abs(residual)
        inner = np.minimum(size, job["delta"])
        pull = weight * np.sign(residual) * inner / (1.0 if job["in_loss"] else loss)
        value = float(weight @ (inner * (size - inner / 2)))
        gradient = np.array([pull @ slope for slope in slopes])
    return (value, gradient) if np.isfinite(value) else (1e300, np.zeros_like(gradient))


def scipy_worker(job: dict) -> tuple[list[float], float]:
    """Objectives of the job's lanes, and the seconds they took."""
    from scipy.optimize import minimize

    found, began = [], time.perf_counter()
    for start, weight in zip(job["starts"], job["weights"], strict=True):
        scale = 1 / max(objective(job, start, weight)[0], 1e-300)  # BFGS stops by absolute gradient
        end = minimize(
            lambda theta, w=weight, s=scale: tuple(s * part for part in objective(job, theta, w)),
            start, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000},
        )  # fmt: skip
        found.append(end.fun / scale)
    return found, time.perf_counter() - began


def sample(source: dict[str, np.ndarray], axes: Any, count: int) -> list[dict]:
    """Jobs of SciPy, one a law and rung: `count` resamples, spread over the bases, with our own objectives of them."""
    from sweep.fit.multiverse.conventions import read
    from sweep.fit.multiverse.lanes import SHARPEST, drawn, ladder, resampled, solve_bases
    from sweep.fit.multiverse.specifications import design

    jobs = []
    for group in design(read(source, {}, {}, axes), axes).groups:
        full = solve_bases(group, lambda lanes: None)
        ends = list(resampled(group, full, np.arange(len(group.bases)), axes.resamples, 0, lambda lanes: None))
        chosen = np.linspace(0, len(group.bases) * axes.resamples - 1, count).astype(int)
        base, number = np.divmod(chosen, axes.resamples)
        weights = [drawn(group, group.bases[b], axes.resamples, 0)[r] for b, r in zip(base, number, strict=True)]
        for r in (r for call in ladder(group.objectives, SHARPEST) for r in call):
            jobs.append({
                "law": group.law.id, "in_loss": r[0], "delta": r[1], "features": group.features, "weights": weights,
                "loss": group.runs.loss, "starts": full[r].theta[base], "lanes": len(group.bases),
                "ours": np.concatenate([e[r].value for _, e in ends])[chosen],
                "steps": float(np.concatenate([e[r].steps for _, e in ends]).mean()),
            })  # fmt: skip
    return jobs


def run_scipy(jobs: list[dict], resamples: int, cores: int) -> dict[str, Any]:
    """Seconds a lane by kind, what all lanes would take on all cores, and how the objectives compare."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        results = pool.map(scipy_worker, jobs, chunksize=1)
    kinds, total, gaps = [], 0.0, []
    for job, (values, seconds) in zip(jobs, results, strict=True):
        each = seconds / len(values)
        total += each * job["lanes"] * resamples
        gaps.append(job["ours"] / np.array(values) - 1)
        kinds.append({"law": job["law"], "in_loss": job["in_loss"], "s_per_lane": each,
                      "delta": job["delta"] if np.isfinite(job["delta"]) else None})  # fmt: skip
    gap = np.concatenate(gaps)
    return {
        "sampled_lanes": len(gap), "processes": cores, "kinds": kinds, "extrapolated_s": total / cores,
        "ours_worse_by_more_than_1e-6": int((gap > 1e-6).sum()),
        "scipy_worse_by_more_than_1e-6": int((gap < -1e-6).sum()),
    }  # fmt: skip


def floor(jobs: list[dict], rows: int, resamples: int) -> dict[str, float]:
    """FLOPs and bytes that the resamples cannot do without, at the passes they take."""
    flops = bytes_ = 0.0
    for job in jobs:
        k, lanes = job["starts"].shape[1], job["lanes"] * resamples
        flops += lanes * rows * job["steps"] * (20 * TRANSCENDENTAL[job["law"]] + 9 * k + k * (k + 1))
        bytes_ += lanes * (8 * rows + 8 * (k + 3))
    return {"flops": flops, "bytes": bytes_}


def everything(source: dict[str, np.ndarray], axes: Any) -> tuple[dict[str, Any], int]:
    """(record, lanes) of a multiverse in which every specification is resampled."""
    from sweep.fit.multiverse.answers import answers
    from sweep.fit.multiverse.conventions import read
    from sweep.fit.multiverse.record import record_of
    from sweep.fit.multiverse.specifications import design
    from sweep.fit.multiverse.work import Work

    work = Work(design(read(source, {}, {}, axes), axes), axes.resamples, None)
    work.solve()
    work.resample({(i, b) for i, group in enumerate(work.design.groups) for b in range(len(group.bases))}, 0)
    target, level = 1e24, 0.9
    found = answers(work, target, level)
    return record_of(found, work.design.duplicates, {"target": target, "level": level}), work.done


def budgets(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Nine budgets, to the nearest of which every run is counted."""
    nominal = np.array([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21])
    away = np.abs(np.log(6 * params * tokens)[:, None] - np.log(nominal))
    return nominal[np.argmin(away, axis=1)]


def main() -> None:
    """Warm up, run ours and SciPy's sample, print and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=8, help="lanes of each law and objective that SciPy solves")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()

    record.one_device_a_core()
    from benchmarks.fit import table
    from sweep.fit.multiverse import Axes

    params, tokens, loss, where_from = table()
    source = {"params": params, "tokens": tokens, "loss": loss, "budget": budgets(params, tokens)}
    few = Axes(laws=tuple(TRANSCENDENTAL), resamples=20)
    began = time.perf_counter()
    jobs = sample(source, few, args.sample)
    warm_s = time.perf_counter() - began
    each = sum(job["lanes"] for job in jobs)  # lanes of one resample of everything
    resamples = max(20, -(-args.lanes // each))
    began = time.perf_counter()
    found, lanes = everything(source, few.at(resamples))
    seconds = time.perf_counter() - began
    least = floor(jobs, len(loss), resamples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    scipy = run_scipy(jobs, resamples, len(os.sched_getaffinity(0))) if args.sample else None
    result = {
        "benchmark": "multiverse of mixed laws",
        **record.environment(),
        "table": {"source": where_from, "rows": len(loss)},
        "ours": {
            "seconds": seconds, "lanes": lanes, "lanes_per_s": lanes / seconds, "resamples": resamples,
            "specifications": found["specifications"], "passed": found["passed"], "verdict": found["verdict"],
            "warm_up_s": warm_s, "peak_host_bytes": peak,
        },
        "floor": {**least, "flops_per_s_reached": least["flops"] / seconds},
        "scipy": scipy,
        "ratio_extrapolated": scipy and scipy["extrapolated_s"] / seconds,
    }  # fmt: skip
    record.write(args.out, f"multiverse-{record.device_name()}", result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
