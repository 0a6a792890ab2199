"""What a result was made with: versions of the packages that decide its digits, and the processor."""

import functools
import hashlib
import importlib.metadata
import platform
from pathlib import Path

PACKAGES = ("isoflop", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pyarrow")
CPUINFO = Path("/proc/cpuinfo")  # Linux


@functools.cache
def installed() -> dict[str, str]:
    """Versions of Python and of the packages that decide a loss or a fit."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
            continue
    return found


@functools.cache
def code() -> str:
    """Hash of this package's modules: a checkout changes without a new version."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def processor() -> str:
    """The model of this machine's processor, as far as the system tells: compilers write other code for another one."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def differing(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """`jax 0.10.2, now 0.11.0` for every package that both name and whose versions differ."""
    return [f"{name} {then[name]}, now {now[name]}" for name in then if name in now and then[name] != now[name]]
