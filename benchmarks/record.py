"""What every benchmark writes down: the result, and where, when and with what it was measured."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "scipy", "torch")


def environment() -> dict[str, Any]:
    """Date, device, versions, commit. CPU devices beyond the cores are fake: one core's work cut into pieces."""
    import jax

    found, cores = jax.local_devices(), len(os.sched_getaffinity(0))
    fake = " (fake)" if found[0].platform == "cpu" and len(found) > cores else ""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": f"{len(found)} x {found[0].device_kind}{fake}",
        "cpu": platform.processor() or platform.machine(),
        "cores": cores,
        "versions": {"python": platform.python_version(), **versions()},
        "commit": commit(),
    }


def versions() -> dict[str, str]:
    """Versions of the packages that decide a speed, those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of this checkout, `-dirty` where files differ; SWEEP_COMMIT names it where there is no git."""
    if given := os.environ.get("SWEEP_COMMIT"):
        return given
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def device_name() -> str:
    """The device in a file name: cpu, nvidia-h200."""
    import jax

    return jax.local_devices()[0].device_kind.lower().replace(" ", "-")


def one_device_a_core() -> None:
    """As the command line does, before any backend starts: a CPU shows a device for each core."""
    import jax

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))


def failure(error: Exception) -> str:
    """What becomes of a figure that could not be measured."""
    first = next(iter(str(error).splitlines()), "")
    return f"failed: {type(error).__name__}: {first[:200]}"


def write(out: Path, name: str, result: dict[str, Any]) -> Path:
    """Write `name`.json whole or not at all, so that a benchmark may write again after each part of it."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}.json"
    beside = file.with_suffix(".partial")
    beside.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    beside.replace(file)
    return file
