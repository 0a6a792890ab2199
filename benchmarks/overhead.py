"""What a sweep spends outside the device program: compiling, planning, writing, and devices that wait."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from sweep.config import Sweep
from sweep.train import devices
from sweep.train.cohort import Log
from sweep.train.data.build import open_data
from sweep.train.launch import train_sweep

COMPILING = "/jax/core/compile/backend_compile_duration"


@dataclass
class Watch:
    """Wall-clock and compile seconds of a block; compiles of parallel lanes add up."""

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
    """Shares of the lanes' time in the run directory `out`, from its cohorts' logs.

    A lane is a group of devices that trains one cohort at a time; lanes x wall is the time there was. The rest holds
    tracing, the first transfers, checkpoints, tables, and lanes that ran out of cohorts before the last one ended.
    """
    folders = [folder for folder in (out / "cohorts").iterdir() if folder.is_dir()]
    device_s = sum(event.get("seconds", 0.0) for folder in folders for event in Log(folder / "log.jsonl").events())
    lanes = len(devices.lanes(jax.local_devices(), len(folders)))
    there_was = lanes * watch.wall_s
    return {
        "wall_s": watch.wall_s,
        "lanes": lanes,
        "cohorts": len(folders),
        "device_s": device_s,
        "compile_s": watch.compile_s,
        "share_outside_device": 1 - device_s / there_was,
        "share_outside_device_and_compiler": 1 - (device_s + watch.compile_s) / there_was,
    }


def measure(sweep: Sweep, folder: Path) -> dict[str, Any]:
    """Train a whole small sweep on real text into `folder` and take its time apart."""
    corpus = open_data(sweep.data)
    with watching() as watch:
        losses = train_sweep(sweep, corpus, folder)
    return {"sweep": sweep.name, "trials": losses.num_rows, **of_run(folder, watch)}
