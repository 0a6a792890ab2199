"""Who trains: a process by its host, its number and its start, so that others can name it and see that it has ended."""

import datetime
import os
import socket
from typing import Any

from sweep.platforms import PROC


def owner() -> dict[str, Any]:
    """This process, for other processes to read."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process": life(os.getpid()),
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def gone(other: dict[str, Any]) -> bool:
    """Whether a process of this machine has ended; False for those of other machines, of which nothing is known."""
    mine = life(os.getpid())
    theirs = other.get("process")
    if not mine or not isinstance(theirs, list) or theirs[:2] != mine[:2]:
        return False
    return life(int(other["pid"])) != theirs


def life(pid: int) -> list[str]:
    """What no two processes share: the machine's boot, the namespace of process numbers, and when the process started.

    Empty where the process does not exist, or the system does not say (Linux does).
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink(PROC / "self/ns/pid")
        state, *rest = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return []
    return [] if state == "Z" else [boot, space, rest[18]]  # ended, but nobody has asked how


def described(other: dict[str, Any]) -> str:
    """`process 4711 on host tpu-3, since 2026-11-30T21:31:06+00:00`."""
    return f"process {other.get('pid', '?')} on host {other.get('host', '?')}, since {other.get('since', '?')}"
