"""Fits per second: this project's solver against SciPy's BFGS with the analytic gradient, in one run.

Both refit the additive law (Huber, delta 1e-3, 5 parameters) to the same bootstrap resamples of the 240 Chinchilla
points of Besiroglu et al. 2024, from the optimum of the full table, in centred coordinates; SciPy in one process a
core, ours on all devices. Every lane that SciPy solved in its time is compared: ours must not be worse by more than
1e-9 relative. The report is a ratio, so that it survives a change of machine. `command` is what a user waits for: whole
processes of `sweep fit`, with all diagnostics and approaches 1 and 2.

    python benchmarks/fit.py [--seconds 20] [--out benchmarks/results]

SWEEP_DATASETS names the folder with epoch_chinchilla_svg.csv; without it 240 rows of the published law are simulated,
and the result says so.

Floor of one lane, n rows, s passes: a pass over the law costs about 2 exp + 1 log + 15 multiply-adds for the prediction
and its Jacobian, 5 + 25 for gradient and scale, 15 x 2 for the symmetric 5 x 5 system, so about 100 flops + 3
transcendental functions (20 flops each) a row. One over the expansion, in float32, as most are, costs 55 multiply-adds
and some 15 flops more, about 125. 160 n s flops are counted for both, a fifth too many for the latter.
Memory need only be touched once: 8 n bytes of weights in, 72 out. The solver keeps no other array of n for each lane
beyond those of the block it works on: a call of at most 2,048 lanes holds the weights thrice (the caller's, the
padded, the device's).
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import record

DELTA = 1e-3
FLOPS_PER_ROW_STEP = 160
COMMAND_RESAMPLES = 205_000
OUR_LANES = {"cpu": 8192, "gpu": 262_144, "tpu": 65_536}


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """(params [n], tokens [n], loss [n], where they come from)."""
    path = Path(os.environ.get("SWEEP_DATASETS", Path(__file__).parents[2] / "shared" / "datasets"))
    file = path / "epoch_chinchilla_svg.csv"
    if file.exists():
        rows = np.genfromtxt(file, delimiter=",", names=True, dtype=None, encoding=None)
        rows = rows[rows["outlier"] == 0]
        return rows["params"], rows["tokens"], rows["loss"], "epoch_chinchilla_svg, outlier == 0"
    rng = np.random.default_rng(0)
    params = np.exp(rng.uniform(np.log(5.7e7), np.log(1.6e10), 240))
    tokens = params * np.exp(rng.uniform(np.log(2.0), np.log(200.0), 240))
    loss = (1.8172 + 482.01 * params**-0.3478 + 2085.43 * tokens**-0.3658) * np.exp(0.0075 * rng.standard_normal(240))
    return params, tokens, loss, "simulated from besiroglu, log-normal noise 0.0075: the published table was not found"


def scipy_worker(job: tuple) -> tuple[np.ndarray, float]:
    """Objectives of as many resamples as fit into the time, and the seconds they took."""
    from scipy.optimize import minimize  # here, so that the table can be had without it

    features, ln_loss, start, weights, seconds = job
    scale = 1 / max(
        huber(features, ln_loss, start, np.ones(len(ln_loss)))[0], 1e-300
    )  # BFGS stops by absolute gradient

    def scaled(theta: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = huber(features, ln_loss, theta, weight)
        return scale * value, scale * gradient

    found = []
    began = time.perf_counter()
    for weight in weights:
        end = minimize(scaled, start, args=(weight,), jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000})
        found.append(end.fun / scale)
        if time.perf_counter() - began > seconds:
            break
    return np.array(found), time.perf_counter() - began


def huber(features: np.ndarray, ln_loss: np.ndarray, theta: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Objective and gradient at theta = (ln A', ln B', ln E, alpha, beta), as a careful NumPy user would write it."""
    model = np.exp(theta[0] - theta[3] * features[0])
    data = np.exp(theta[1] - theta[4] * features[1])
    floor = np.exp(theta[2])
    total = model + data + floor
    residual = np.log(total) - ln_loss
    size = np.abs(residual)
    inner = np.minimum(size, DELTA)
    pull = weight * np.clip(residual, -DELTA, DELTA) / total
    a, b = pull * model, pull * data
    gradient = np.array([a.sum(), b.sum(), pull.sum() * floor, -(a @ features[0]), -(b @ features[1])])
    return float(weight @ (inner * (size - inner / 2))), gradient


def run_scipy(features, ln_loss, start, weights, seconds: float, cores: int) -> dict:
    """SciPy on resamples core, core + cores, …, one process a core; {"objective": {lane: value}, …}."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    jobs = [(features, ln_loss, start, weights[core::cores], seconds) for core in range(cores)]
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        results = pool.map(scipy_worker, jobs, chunksize=1)
    lanes = {core + cores * i: v for core, (values, _) in enumerate(results) for i, v in enumerate(values.tolist())}
    rate = sum(len(values) / taken for values, taken in results)
    return {"objective": lanes, "fits_per_s": rate}


def run_ours(law, features, ln_loss, start, weights, seconds: float) -> dict:
    """Our solver on all resamples, repeated until the time is up after one call to warm up; the best repeat counts."""
    from sweep.fit.solver import solve

    theta = np.tile(start, (len(weights), 1))
    began, took = time.perf_counter(), []
    lanes = solve(law, features, ln_loss, theta, weights, delta=DELTA)
    while not took or (time.perf_counter() - began < seconds and len(took) < 20):
        start_of = time.perf_counter()
        lanes = solve(law, features, ln_loss, theta, weights, delta=DELTA)
        took.append(time.perf_counter() - start_of)
    return {"lanes": lanes, "fits_per_s": len(weights) / min(took)}


def run_command(params: np.ndarray, tokens: np.ndarray, loss: np.ndarray) -> dict | None:
    """Seconds of `sweep fit` on the table: the first time ever, again, and with many resamples; None without tyro."""
    if importlib.util.find_spec("tyro") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        rows = [f"{n},{d},{x}" for n, d, x in zip(params, tokens, loss, strict=True)]
        file.write_text("\n".join(["params,tokens,loss", *rows]))
        words = [sys.executable, "-m", "sweep", "fit", str(file), "--json"]
        own = os.environ | {"XDG_CACHE_HOME": folder}  # nothing is compiled yet

        def timed(*more: str) -> float:
            began = time.perf_counter()
            subprocess.run([*words, *more], check=True, stdout=subprocess.DEVNULL, cwd=record.ROOT, env=own)
            return time.perf_counter() - began

        many = ("--bootstrap", str(COMMAND_RESAMPLES))
        cold, warm = timed(), min(timed() for _ in range(3))
        timed("--bootstrap", "10000")  # compiles what many resamples need besides
        seconds = timed(*many)
    rate = COMMAND_RESAMPLES / seconds
    return {"first_s": cold, "warm_s": warm, "resamples": COMMAND_RESAMPLES, "resamples_s": seconds, "per_s": rate}


def main() -> None:
    """Run both, compare lane by lane, print and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each side")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))

    import jax

    record.one_device_a_core()
    from sweep import laws
    from sweep.fit.bootstrap import draw
    from sweep.fit.solver import solve
    from sweep.fit.starts import grid_starts

    law = laws.get("additive")
    params, tokens, loss, source = table()
    features, _ = law.features(params, tokens)
    ln_loss = np.log(loss)
    began = time.perf_counter()
    full = solve(law, features, ln_loss, grid_starts(law, features, loss, delta=DELTA), np.ones(len(loss)), delta=DELTA)
    compile_s = time.perf_counter() - began
    start = full.theta[np.argmin(full.objective)]
    weights = draw(np.arange(len(loss)), OUR_LANES[jax.local_devices()[0].platform], seed=0)

    ours = run_ours(law, features, ln_loss, start, weights, args.seconds)
    theirs = run_scipy(features, ln_loss, start, weights, args.seconds, cores)
    command = run_command(params, tokens, loss)
    if command:
        command["ratio_to_one_scipy_process"] = command["per_s"] / (theirs["fits_per_s"] / cores)
    checked = np.array(list(theirs["objective"]))
    reference = np.array(list(theirs["objective"].values()))
    lanes = ours["lanes"]
    gap = lanes.objective[checked] / reference - 1
    steps = float(lanes.steps.mean())
    result = {
        "benchmark": "approach-3 Huber fits of bootstrap resamples",
        **record.environment(),
        "table": {"source": source, "rows": len(loss), "objective": float(full.objective.min())},
        "ours": {
            "fits_per_s": ours["fits_per_s"],
            "lanes": len(weights),
            "compile_s": compile_s,
            "steps_mean": steps,
            "certified_share": float(lanes.converged.mean()),
        },
        "scipy": {"fits_per_s": theirs["fits_per_s"], "processes": cores, "lanes": len(checked)},
        "ratio": ours["fits_per_s"] / theirs["fits_per_s"],
        "command": command,
        "agreement": {
            "lanes_checked": len(checked),
            "ours_worse_by_more_than_1e-9": int((gap > 1e-9).sum()),
            "largest_relative_excess_of_ours": float(gap.max()),
            "scipy_worse_by_more_than_1e-9": int((gap < -1e-9).sum()),
        },
        "floor_per_lane": {
            "flops": FLOPS_PER_ROW_STEP * len(loss) * steps,
            "bytes": 8 * len(loss) + 72,
            "flops_per_s_reached": FLOPS_PER_ROW_STEP * len(loss) * steps * ours["fits_per_s"],
        },
    }
    record.write(args.out, f"fit-{record.device_name()}", result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
