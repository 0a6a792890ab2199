"""What a device is, and what it could do at best."""

import os
from typing import Any, NamedTuple

import jax

from sweep import platforms
from sweep.devices import PARTS
from sweep.errors import InputError

Device = Any  # a jax.Device, which type checkers see as a variable


class Kind(NamedTuple):
    """What one kind of device could do at best. A device is what jax calls one: half a chip of a TPU7x, else a chip."""

    flops: float  # dense bfloat16 FLOP/s (the sparse figures of datasheets are twice these)
    bandwidth: float  # bytes/s of its memory
    memory: float | None  # bytes: what libtpu lets a program use of a TPU, all that a GPU has; None: nobody has said


KINDS = {
    kind: Kind(part.peaks["bf16"] / part.halves, part.bandwidth / part.halves, part.usable)
    for part in PARTS.values()
    for kind in part.kinds
}


def kind_of(device: Device) -> Kind | None:
    """Facts of a device by the longest name that begins its kind, or None where it is unknown (every CPU)."""
    names = [name for name in KINDS if device.device_kind.startswith(name)]
    return KINDS[max(names, key=len)] if names else None


def peak_flops(device: Device) -> float | None:
    """Dense bfloat16 peak of one device in FLOP/s, or None where it is unknown."""
    kind = kind_of(device)
    return kind.flops if kind else None


def memory_bytes(device: Device) -> int:
    """Memory that arrays on `device` may take: the allocator's limit, or this process's share of the host's memory."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"]
    return platforms.host_memory() // max(1, len(jax.local_devices()))


def platform() -> str:
    """cpu, gpu or tpu. Raises InputError where JAX_PLATFORMS names an accelerator and JAX found none."""
    asked, found = os.environ.get("JAX_PLATFORMS", ""), jax.default_backend()
    if found == "cpu" and asked and "cpu" not in asked.split(","):
        raise InputError(f"JAX_PLATFORMS={asked}: no such device could be started; `sweep doctor` says what is here")
    return found
