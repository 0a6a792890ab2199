"""What a sweep spends outside the device program: compiling, planning, writing, and devices that wait.

python -m benchmarks.overhead [--out DIR]     a sweep of about five minutes on 2 CPU cores, without a compile cache
"""

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from benchmarks import record
from sweep.config import Architecture, Data, Prior, Recipe, Sweep
from sweep.train.data.build import open_data
from sweep.train.launch import train_sweep
from sweep.train.log import Log

COMPILING = "/jax/core/compile/backend_compile_duration"
FIVE_MINUTES = Sweep(
    name="five-minutes",
    budgets=(4e11, 1.2e12, 3.6e12),
    target_compute=1.2e13,
    sizes=6,
    span=3.0,
    data=Data(path="python:stdlib", tokenizer="byte", allow_repeat=True),
    architecture=Architecture(seq_len=128),
    recipe=Recipe(width_step=4, aspect=32.0, min_depth=2, min_heads=2, head_dim=32, batch_tokens=256, lr=0.03),
    prior=Prior(E=1.208, A=61.5, B=45.75, alpha=0.532, beta=0.354, noise=0.015, source="configs/laptop.py"),
)


@dataclass
class Watch:
    """Wall-clock and compile seconds of a block; compiles of cohorts side by side add up."""

    wall_s: float = 0.0
    compile_s: float = 0.0


@contextmanager
def watching() -> Iterator[Watch]:
    """Measures a block of training."""
    watch, began = Watch(), time.perf_counter()

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event == COMPILING:
            watch.compile_s += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield watch
    finally:
        watch.wall_s = time.perf_counter() - began
        jax.monitoring.unregister_event_duration_listener(listen)


def of_run(out: Path, watch: Watch) -> dict[str, Any]:
    """Shares of the devices' time in the run directory `out`, from its cohorts' logs.

    A chunk's seconds count for every device of its cohort's mesh; devices x wall is the time there was. The rest holds
    tracing, the first transfers, checkpoints, tables, and devices that wait: for a cohort, or for the last one to end.
    """
    folders = [folder for folder in (out / "cohorts").iterdir() if folder.is_dir()]
    device_s = sum(device_seconds(Log(folder / "log.jsonl")) for folder in folders)
    devices = len(jax.local_devices())
    there_was = devices * watch.wall_s
    return {
        "wall_s": watch.wall_s,
        "devices": devices,
        "cohorts": len(folders),
        "device_s": device_s,
        "compile_s": watch.compile_s,
        "share_outside_device": 1 - device_s / there_was,
        "share_outside_device_and_compiler": 1 - (device_s + watch.compile_s) / there_was,
    }


def device_seconds(log: Log) -> float:
    """Seconds of the chunks of one cohort, times the devices of the mesh that each ran on."""
    total, size = 0.0, 1
    for event in log.events():
        size = math.prod(event["mesh"].values()) if "mesh" in event else size
        total += size * event.get("seconds", 0.0)
    return total


def measure(sweep: Sweep, folder: Path) -> dict[str, Any]:
    """Train a whole small sweep on real text into `folder` and take its time apart."""
    corpus = open_data(sweep.data)
    with watching() as watch:
        losses = train_sweep(sweep, corpus, folder)
    return {"sweep": sweep.name, "trials": losses.num_rows, **of_run(folder, watch)}


def main() -> None:
    """Measure the sweep of five minutes, print its shares and write them down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    record.one_device_a_core()
    jax.config.update("jax_enable_compilation_cache", False)
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(FIVE_MINUTES, Path(folder) / "run")
    record.write(args.out, "overhead-cpu", {"benchmark": "overhead", **record.environment(), **measured})
    print(
        f"{measured['trials']} trials, {measured['wall_s']:.0f} s on {measured['devices']} devices; "
        f"outside the device program {measured['share_outside_device']:.1%}, "
        f"of it without compiling {measured['share_outside_device_and_compiler']:.1%}"
    )


if __name__ == "__main__":
    main()
