"""Training speed: a cohort against its trials one by one and a plain loop, tokens/s and MFU by size, and overhead.

    python benchmarks/train.py [--seconds 120] [--devices 1 8] [--parts cohort overhead speed peer] [--out DIR]

cohort    16 small trials: in one program, one after another, and in a plain Flax loop; taking turns, best of several
overhead  configs/smoke.py trained for real: the share of its time not spent in the device program
speed     tokens/s and MFU (causal attention at half) of models from 2M to 235M parameters, and of tiny ones on a CPU
peer      one trial against a PyTorch loop on the same model, eager and compiled (needs the extra `bench`)

Compile seconds are told everywhere and are in no other figure. The record is written again after each part, so that
a run that is cut short leaves what it has. On a CPU every count of --devices runs in a process of its own; devices
beyond the cores are fake: they show that the program is right, and what dispatch costs, not how it scales.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import record

PARTS = ("cohort", "overhead", "speed", "peer")
SHARE = {"cohort": 0.2, "overhead": 0.2, "speed": 0.3, "peer": 0.3}  # of the time, where all parts run
TRIALS = 16
STEPS = {"cpu": 8, "accelerator": 64}


def measure(parts: list[str], seconds: float, out: Path) -> dict[str, Any]:
    """Run the parts on the devices of this process; returns the record as it was written."""
    import jax

    from benchmarks import cohort, overhead, peer, shapes, speed
    from sweep.configs import smoke

    jax.config.update("jax_enable_compilation_cache", False)  # a compile must be a compile
    group, platform = jax.local_devices(), jax.default_backend()
    many = f"-{len(group)}-devices" if platform == "cpu" else ""
    name, began = f"train-{record.device_name()}{many}", time.perf_counter()
    whole = sum(SHARE[part] for part in parts)
    result: dict[str, Any] = {"benchmark": "training", **record.environment(), "complete": False}

    def say(part: str) -> None:
        print(f"{result['device']}: {part}", file=sys.stderr, flush=True)

    if "cohort" in parts:
        say("cohort")
        steps = STEPS["cpu" if platform == "cpu" else "accelerator"]
        share = seconds * SHARE["cohort"] / whole
        shape = shapes.small_trial(platform)
        result["cohort"] = attempt(lambda: cohort.measure(shape, group, trials=TRIALS, steps=steps, seconds=share))
        record.write(out, name, result)
    if "overhead" in parts:
        say("overhead")
        with tempfile.TemporaryDirectory() as folder:
            result["overhead"] = attempt(lambda: overhead.measure(smoke.SWEEP, Path(folder)))
        record.write(out, name, result)
    listed = {"speed": (speed.measure, shapes.ladder), "peer": (peer.measure, shapes.peers)}
    for part in (name for name in listed if name in parts):
        say(part)
        result[part] = []
        measure_all, models = listed[part]
        later = sum(SHARE[name] for name in parts if PARTS.index(name) > PARTS.index(part))
        share = SHARE[part] / (SHARE[part] + later)
        left = max(share * (seconds - (time.perf_counter() - began)), seconds * SHARE[part] / whole)
        for one in measure_all(models(platform), group, seconds=left):
            result[part].append(one)
            record.write(out, name, result)
    result |= {"complete": True, "took_s": time.perf_counter() - began}
    record.write(out, name, result)
    return result


def attempt(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `call` found, or why it found nothing: the other parts still run."""
    try:
        return {"status": "done", **call()}
    except Exception as error:
        traceback.print_exc()
        return {"status": record.failure(error)}


def failed(result: dict[str, Any]) -> bool:
    """Whether anything of the record could not be measured."""
    found = [result[part] for part in PARTS[:2] if part in result]
    found += [one for part in PARTS[2:] for one in result.get(part, [])]
    return any(one["status"].startswith("failed") for one in found)


def table(result: dict[str, Any]) -> str:
    """The record as a short table."""
    lines = [f"{result['device']}, {result['cores']} cores, jax {result['versions']['jax']}, {result['date']}"]
    for part, write in (("cohort", cohort_lines), ("overhead", overhead_lines)):
        if found := result.get(part):
            lines += write(found) if found["status"] == "done" else [f"{part} {found['status']}"]
    if found := result.get("speed"):
        lines.append(f"  {'params':>12s} {'rows':>4s} {'tokens/s':>12s} {'step ms':>9s} {'MFU':>6s} {'compile':>8s}")
        for one in found:
            head = f"  {one['params']:>12,} {one['rows']:>4d} "
            lines.append(head + (speed_cells(one) if one["status"] == "done" else one["status"]))
    if found := result.get("peer"):
        lines.append(f"  {'params':>12s} {'ours':>12s} {'torch':>12s} {'compiled':>12s}   tokens/s, one trial")
        for one in found:
            lines.append(f"  {one['params']:>12,} " + (peer_cells(one) if one["status"] == "done" else one["status"]))
    return "\n".join(lines)


def cohort_lines(found: dict[str, Any]) -> list[str]:
    """The four contestants."""
    lines = [
        f"cohort of {found['trials']} x {found['params']:,} params, {found['tokens_per_step']:,} tokens a step each, "
        f"{found['mode']} on {'x'.join(map(str, found['mesh'].values()))}"
    ]
    for name, one in found["contestants"].items():
        ratio = found["ratio_of_cohort"].get(name)
        speed = f"  {name:18s}{one['tokens_per_s']:>14,.0f} tokens/s  MFU {percent(one['mfu'])}"
        lines.append(speed + (f"   cohort {ratio:.2f} x as fast" if ratio else ""))
    return [*lines, "  compile " + ", ".join(f"{name} {s:.1f} s" for name, s in found["compile_s"].items())]


def overhead_lines(found: dict[str, Any]) -> list[str]:
    """Where the time of a sweep went."""
    return [
        f"overhead of a sweep of {found['trials']} trials, {found['wall_s']:.0f} s on {found['devices']} devices: "
        f"{found['share_outside_device']:.1%} outside the device program, "
        f"{found['share_outside_device_and_compiler']:.1%} without compiling"
    ]


def speed_cells(one: dict[str, Any]) -> str:
    """Figures of one program."""
    return f"{one['tokens_per_s']:>12,.0f} {1e3 * one['step_s']:>9.2f} {percent(one['mfu'])} {one['compile_s']:>6.1f} s"


def peer_cells(one: dict[str, Any]) -> str:
    """Speeds of one shape, ours first, and what we are of the faster PyTorch loop."""
    speeds = (f"{found['tokens_per_s']:>12,.0f}" for found in one["contestants"].values())
    return f"{' '.join(speeds)}   {one['ratio']:.2f} x {one['peer']}"


def percent(share: float | None) -> str:
    """Six characters; a dash where the peak is unknown."""
    return "     -" if share is None else f"{share:6.1%}"


def with_devices(count: int, words: list[str]) -> int:
    """This script again, in a process with `count` CPU devices; returns its exit code."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
    command = [sys.executable, __file__, *words, "--devices", str(count)]
    return subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}).returncode


def main() -> int:
    """Measure, write the JSON, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of measuring, compiles not counted exactly")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8], help="counts of CPU devices, fake or not")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()

    import jax

    if jax.default_backend() == "cpu" and args.devices != [jax.local_device_count()]:
        words = ["--seconds", str(args.seconds / len(args.devices)), "--out", str(args.out), "--parts", *args.parts]
        return max(with_devices(count, words) for count in args.devices)
    result = measure(args.parts, args.seconds, args.out)
    print(table(result))
    return 3 if failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
