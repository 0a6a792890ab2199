"""What a sweep spends outside the device program: compiling, planning, writing, and devices that wait."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from sweep.config import Sweep
from sweep.train.data.build import open_data
from sweep.train.launch import train_sweep
from sweep.train.log import Log

COMPILING = "/jax/core/compile/backend_compile_duration"


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
