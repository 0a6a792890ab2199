"""The last resort: an exception that nobody foresaw becomes one line for the user and a file for who mends it."""

import os
import platform
import shlex
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata

RAISE = "SWEEP_RAISE"  # environment: let such an exception through, as tests and debuggers want it
PACKAGES = ("isoflop", "jax", "jaxlib", "numpy", "pyarrow", "flax", "optax", "orbax-checkpoint", "tyro")
LONGEST = 300  # characters of the exception's own message in the line


def passes() -> bool:
    """Whether exceptions are let through."""
    return bool(os.environ.get(RAISE))


def describe(error: Exception, words: Sequence[str]) -> str:
    """One line on an exception, with the file that has the rest.

    Args:
        words: the command line, without the program.
    """
    said = " ".join(str(error).split())[:LONGEST]
    what = f"a fault of sweep itself, not of your input: {type(error).__name__}{f': {said}' if said else ''}"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="sweep-fault-", suffix=".txt", delete=False) as file:
            file.write(report(error, words))
    except OSError as failure:
        return f"{what}; no report could be written ({failure.strerror}); {RAISE}=1 shows the traceback"
    return f"{what}; please report it with {file.name}"


def report(error: Exception, words: Sequence[str]) -> str:
    """What it takes to find the fault: the command, the versions, the traceback. Nothing of the environment."""
    versions = "\n".join(f"{name} {version(name)}" for name in PACKAGES)
    about = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC\nsweep {shlex.join(words)}"
    machine = f"Python {platform.python_version()} on {platform.platform()}"
    return "\n\n".join([about, f"{machine}\n{versions}", "".join(traceback.format_exception(error))])


def version(package: str) -> str:
    """Of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
