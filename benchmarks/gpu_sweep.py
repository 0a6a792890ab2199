"""A real sweep in minutes, with its forecast scored: configs/gpu.py scaled to the time that there is.

    python benchmarks/gpu_sweep.py [--seconds 120] [--smallest-budget FLOPS] [--runs DIR] [--out DIR]

Design, train, fit, forecast of a run at three times the largest budget, that run, the score: what `sweep demo` does,
on the sources of all installed packages. Budgets are b, 3b and 9b FLOPs, the forecast's run 27b; b is the largest of
1, 2, 5 x 10^k whose work fits in half of --seconds at the speed that a probe finds, the other half being for compiling.
On a CPU it is configs/smoke.py that is scaled. The record says whatever came out; it is written after each stage.
"""

import argparse
import contextlib
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import record
from sweep.config import Architecture, Data, Sweep
from sweep.errors import Partial, Refusal, SweepError
from sweep.train.data.shards import Corpus

STEPS = (1, 3, 9)  # budgets, in units of the smallest
TARGET = 27
SCALE = [m * 10.0**k for k in range(8, 19) for m in (1, 2, 5)]  # FLOPs that the smallest budget may be
TRAINING = 0.5  # of the seconds


def base(platform: str) -> Sweep:
    """The config that is scaled: of the GPU, with narrower rungs, a smaller vocabulary and less text."""
    from sweep.configs import gpu, smoke

    if platform == "cpu":
        return dataclasses.replace(smoke.SWEEP, name="smoke-scaled")
    return dataclasses.replace(
        gpu.SWEEP,
        name="gpu-minutes",
        sizes=5,
        data=Data("python:site", "bpe:4096", 0.01, max_bytes=100_000_000, val_tokens=262_144, allow_repeat=True),
        architecture=Architecture(seq_len=512),
        recipe=dataclasses.replace(gpu.SWEEP.recipe, width_step=32, ffn_step=32),
    )


def with_budgets(sweep: Sweep, smallest: float) -> Sweep:
    """The same sweep at other budgets."""
    return dataclasses.replace(
        sweep, budgets=tuple(smallest * step for step in STEPS), target_compute=smallest * TARGET
    )


def scaled(sweep: Sweep, corpus: Corpus, seconds: float) -> Sweep:
    """`sweep` at the largest budgets whose training fits in its share of `seconds`, or the smallest it can build.

    Raises:
        Refusal: no budget on the scale can be built.
    """
    import jax

    from sweep.design import families
    from sweep.design.cohorts import trunk_savings
    from sweep.train import probe

    known = {"vocab": corpus.vocab, "data": corpus.fingerprint, "unique_tokens": corpus.unique_tokens}
    plans = {}
    for smallest in SCALE:
        with contextlib.suppress(Refusal):  # sizes on one side only, or a horizon longer than the corpus
            made = families.plan(with_budgets(sweep, smallest), platform=jax.default_backend(), **known)
            plans[smallest] = made.trials
    if not plans:
        raise Refusal("one_sided", f"{sweep.name}: no budget from {SCALE[0]:g} to {SCALE[-1]:g} FLOPs can be built")
    first = plans[min(plans)]
    speed = probe.flops_per_second(first[len(first) // 2].shape, seconds=1.0)
    work = {smallest: trunk_savings(trials).shared + TARGET * smallest for smallest, trials in plans.items()}
    fits = [smallest for smallest, flops in work.items() if flops < TRAINING * seconds * speed]
    return with_budgets(sweep, max(fits, default=min(plans)))


def measure(sweep: Sweep, corpus: Corpus, folder: Path, save) -> dict[str, Any]:
    """Train, fit, foretell, train the decider, score; `save` is given the findings after each stage."""
    from benchmarks.overhead import of_run, watching
    from sweep.fit import Fit, fit
    from sweep.plan import forecast
    from sweep.plan.foretell import foretell
    from sweep.train.devices import platform
    from sweep.train.launch import train_decider, train_sweep
    from sweep.train.progress import Progress

    found: dict[str, Any] = {"budgets": sweep.budgets, "target_compute": sweep.target}
    with watching() as watch:
        losses = train_sweep(sweep, corpus, folder, Progress(Console(stderr=True)))
    found |= {"families": families_of(losses.to_pylist()), "training": of_run(folder, watch)}
    save(found)

    began = time.perf_counter()
    fit(folder, bootstrap=1000, target_compute=sweep.target).save(folder / "fit")
    fitted = Fit.load(folder / "fit")
    keys = ("law", "n", "status", "params", "interval", "allocation", "residual_sd", "target", "warnings")
    found["fit"] = {key: fitted.record[key] for key in keys} | {"took_s": time.perf_counter() - began}
    save(found)

    known = {"vocab": corpus.vocab, "data": corpus.fingerprint, "unique_tokens": corpus.unique_tokens}
    trial, found["forecast"] = foretell(fitted, sweep, folder, platform=platform(), **known)
    save(found)

    with watching() as watch:
        row = train_decider(sweep, trial, corpus, folder, Progress(Console(stderr=True)))
    found["outcome"] = forecast.write_outcome(folder, found["forecast"], row)
    found["decider"] = {key: row[key] for key in ("mode", "tokens_per_s", "mfu", "epochs")}
    found["decider"] |= of_run(folder / "forecast", watch)
    save(found)
    return found


def families_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trials of each budget, smallest model first, failures included."""
    keys = ("params_with_head", "tokens", "steps", "loss", "loss_se", "status", "reason", "tokens_per_s", "mfu")
    rows = sorted(rows, key=lambda row: (row["budget"], row["params_with_head"]))
    return [
        {"budget": budget, "trials": [{key: row[key] for key in keys} for row in rows if row["budget"] == budget]}
        for budget in sorted({row["budget"] for row in rows})
    ]


def table(result: dict[str, Any]) -> str:
    """The record as a short table."""
    lines = [f"{result['sweep']} on {result['device']}: {result['status']}, {result.get('took_s', 0):.0f} s"]
    for family in result.get("families", []):
        cells = (f"{t['params_with_head']:,}: {show(t['loss'])}" for t in family["trials"])
        lines.append(f"  {family['budget']:.0e} FLOPs  " + "  ".join(cells))
    if found := result.get("training"):
        lines.append(
            f"  {found['wall_s']:.0f} s of training, {found['share_outside_device']:.1%} outside the device program, "
            f"{found['share_outside_device_and_compiler']:.1%} without compiling"
        )
    if found := result.get("fit"):
        values = ", ".join(f"{name} {value:.4g}" for name, value in found["params"].items())
        lines.append(f"  fit {found['status']}: {values}")
    if found := result.get("forecast"):
        low, high = found["interval"]
        lines.append(f"  forecast {show(found['loss'])} [{show(low)}, {show(high)}] for {found['params']:,.0f} params")
    if found := result.get("outcome"):
        lines.append(f"  outcome  {show(found['loss'])} ({found['status']}), inside the interval: {found['inside']}")
    return "\n".join(lines)


def show(loss: float | None) -> str:
    """Four decimals, or a dash."""
    return "-" if loss is None else f"{loss:.4f}"


def main() -> int:
    """Scale, run, write the JSON, print the table; the exit code of a problem is that of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of training and compiling, about")
    parser.add_argument("--smallest-budget", type=float, help="FLOPs; instead of the probe")
    parser.add_argument("--runs", type=Path, help="folder to keep the run directory in; a temporary one by default")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()

    import jax

    from sweep.train.data.build import open_data

    record.one_device_a_core()
    began = time.perf_counter()
    sweep = base(jax.default_backend())
    result: dict[str, Any] = {"benchmark": "small real sweep", **record.environment(), "sweep": sweep.name}
    result["status"] = "unfinished"

    def save(found: dict[str, Any]) -> None:
        result.update(found)
        record.write(args.out, f"sweep-{record.device_name()}", result)

    code = 0
    with tempfile.TemporaryDirectory() as temporary:
        try:
            corpus = open_data(sweep.data)
            save({"data": {"name": corpus.manifest.name, "tokens": corpus.unique_tokens, "vocab": corpus.vocab}})
            result["data"]["took_s"] = time.perf_counter() - began
            if args.smallest_budget:
                sweep = with_budgets(sweep, args.smallest_budget)
            else:
                sweep = scaled(sweep, corpus, args.seconds)
            measure(sweep, corpus, (args.runs or Path(temporary)) / sweep.name, save)
            status = "done"
        except SweepError as error:
            status, code = f"{'stopped' if isinstance(error, Partial) else 'refused'}: {error}", error.exit_code
        save({"status": status, "took_s": time.perf_counter() - began})
    print(table(result))
    return code


if __name__ == "__main__":
    sys.exit(main())
