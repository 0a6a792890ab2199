"""`sweep doctor`: what works on this machine, what is missing and how to get it."""

import dataclasses
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from sweep import platforms
from sweep.files import cache, local
from sweep.train import devices, store
from sweep.train.sharding import make_mesh
from sweep.verbs.output import Output

OPTIONAL = {
    "gcsfs": "pip install 'isoflop[gcs]'",
    "s3fs": "pip install 'isoflop[s3]'",
    "tensorboardX": "pip install 'isoflop[tensorboard]'",
    "ray": "pip install 'isoflop[ray]'",
    "wandb": "pip install 'isoflop[wandb]'",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMAND = 80  # characters of a command that are shown
FREE_GB = 2.0  # below it a sweep's checkpoints may not fit


@dataclass(frozen=True)
class Args:
    """Check devices, arithmetic, collectives, versions and disk, and say what is missing.

    It uses the CPU alone, so that it takes nothing from a training run, and shows which accelerator there is and which
    processes hold it. With --on-device it starts the accelerator, and checks arithmetic and collectives on that.

    Example: sweep doctor --json
    """

    out: str = "."
    """Where run directories will be: its free space is reported."""
    on_device: bool = False
    """Start the accelerator and check it. Not beside a training run: a TPU serves one process."""


def device(args: Args) -> platforms.Device:
    """The CPU, unless the accelerator is what is to be checked."""
    return "any" if args.on_device else "cpu"


def run(args: Args) -> Output:
    """Every check, a line each; exit 2 when one that training needs fails."""
    out = local(args.out).resolve()
    free = shutil.disk_usage(next(p for p in (out, *out.parents) if p.exists())).free / 1e9
    checks = {
        "python": (sys.version_info >= (3, 11), platform.python_version(), "Python 3.11 or later"),
        **of_devices(),
        "cache": (writable(cache()), str(cache()), "set SWEEP_CACHE to a writable folder"),
        "disk": (free > FREE_GB, f"{free:.1f} GB free at {args.out}", f"free {FREE_GB:.0f} GB or choose another --out"),
    }
    held, closed = platforms.holders()
    notes = {
        "accelerator": accelerator(),
        "holders": held_by(held, closed),
        **(about_device() if checks["devices"][0] else {}),
        "attention": attention_of(platforms.here()),
        "browser": next((b for b in BROWSERS if shutil.which(b)), "none: the page's browser test is skipped"),
        **{name: "yes" if importlib.util.find_spec(name) else f"no: {get}" for name, get in OPTIONAL.items()},
    }
    lines = [
        f"{'ok ' if good else 'BAD'} {name:12s} {text}{'' if good else f'  -> {cure}'}"
        for name, (good, text, cure) in checks.items()
    ]
    lines += [f"    {name:12s} {text}" for name, text in notes.items()]
    lines += [f"    {name:12s} {version}" for name, version in store.versions().items() if name != "python"]
    good = all(ok for ok, _, _ in checks.values())
    data = {
        "ok": good,
        "checks": {name: {"ok": ok, "found": text} for name, (ok, text, _) in checks.items()},
        "notes": notes,
        "versions": store.versions(),
        "nodes": platforms.nodes(),
        "plugins": platforms.plugins(),
        "holders": [dataclasses.asdict(holder) | {"nodes": list(holder.nodes)} for holder in held],
    }
    return Output(data, "\n".join(lines), 0 if good else 2)


# Devices


def of_devices() -> dict[str, tuple[bool, str, str]]:
    """The checks that start JAX's default platform; the CPU alone unless --on-device let others start."""
    try:
        found = jax.devices()
    except RuntimeError as error:  # held by another process, or its driver does not answer
        why = str(error).splitlines()[0]
        left = dict.fromkeys(("matmul", "collectives"), (False, "not run: no device", "see devices"))
        return {"devices": (False, why, "see holders below; JAX_PLATFORMS=cpu trains on the CPU"), **left}
    return {
        "devices": (True, f"{len(found)} x {found[0].device_kind} ({found[0].platform})", ""),
        "matmul": (*matmul(), "reinstall jax for this device"),
        "collectives": (*collectives(), "check the interconnect; a single device still works"),
    }


def about_device() -> dict[str, str]:
    """Memory and peak of the device that was started."""
    first = jax.devices()[0]
    peak = devices.peak_flops(first)
    return {
        "memory": f"{devices.memory_bytes(first) / 1e9:.1f} GB a device",
        "peak": f"{peak / 1e12:.0f} TFLOP/s dense bfloat16" if peak else "unknown: MFU is left empty",
    }


def accelerator() -> str:
    """Which accelerator is here, whether JAX can use it, and how to get what is missing."""
    there, found = platforms.nodes(), platforms.plugins()
    parts = []
    for name, paths in there.items():
        if paths and name in found:
            parts.append(f"{', '.join(paths)} ({found[name]}): sweep doctor --on-device checks it")
        elif paths:
            parts.append(f"{', '.join(paths)}, but not JAX's plugin for it: {platforms.EXTRAS[name]}")
    return "; ".join(parts) or f"none: no device in {platforms.DEV}"


def held_by(held: list[platforms.Holder], closed: int) -> str:
    """Processes with their devices; those of other users cannot be looked into without being root."""
    told = [f"{h.pid} {h.command[:COMMAND]} ({', '.join(h.nodes)})" for h in held]
    if not told and not any(platforms.nodes().values()):
        return "nobody"
    unseen = [f"{closed} processes of other users were not looked into"] if closed else []
    return "; ".join((told or ["nobody"]) + unseen)


def matmul() -> tuple[bool, str]:
    """A matrix product in each compute dtype, against NumPy."""
    a, b = np.random.default_rng(0).normal(size=(2, 256, 256)).astype(np.float32)
    errors = {}
    for dtype in ("float32", "bfloat16"):
        product = np.asarray(jnp.asarray(a, dtype) @ jnp.asarray(b, dtype), np.float32)
        errors[dtype] = float(np.linalg.norm(product - a @ b) / np.linalg.norm(a @ b))
    good = errors["float32"] < 1e-2 and errors["bfloat16"] < 2e-2  # accelerators may use tf32 for float32
    return good, ", ".join(f"{name} off by {error:.0e}" for name, error in errors.items())


def collectives() -> tuple[bool, str]:
    """A sum over all devices through the mesh that training uses."""
    group = jax.local_devices()
    mesh = make_mesh(group, 1)
    add = jax.shard_map(lambda x: jax.lax.psum(x, "data"), mesh=mesh, in_specs=P("data"), out_specs=P())
    total = float(np.asarray(jax.jit(add)(jnp.arange(1.0, len(group) + 1)))[0])
    return total == len(group) * (len(group) + 1) / 2, f"sum over {len(group)} devices"


def attention_of(kind: str) -> str:
    """The implementation chosen for a common shape."""
    from sweep.models.attention import choose

    return choose(kind, "float32" if kind == "cpu" else "bfloat16", 8, 128, 1024).implementation


def writable(folder: Path) -> bool:
    """Whether files can be made there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
