"""What a device is, and what it could do at best."""

import os
from typing import Any, NamedTuple

import jax

from sweep.errors import InputError

Device = Any  # a jax.Device, which type checkers see as a variable


class Kind(NamedTuple):
    """What one kind of device could do at best. A device is what jax calls one: half a chip of a TPU7x, else a chip."""

    flops: float  # dense bfloat16 FLOP/s (the sparse figures of datasheets are twice these)
    bandwidth: float  # bytes/s of its memory
    memory: float | None  # bytes: what libtpu lets a program use of a TPU, all that a GPU has; None: not known


GIB = 2**30
KINDS = {
    # FLOP/s and bytes/s: NVIDIA's datasheets, SXM parts, and Google Cloud's pages of TPU versions, read 2026-11.
    # Memory of TPUs: "exceeds available HBM (15.75G)", what libtpu 0.0.42.1 says of a program too large for them; of
    # GPUs: device_memory_size in XLA's own descriptions of them (openxla/xla, gpu/target_config/specs).
    "NVIDIA H200": Kind(989e12, 4.8e12, 151_397_597_184),
    "NVIDIA H100": Kind(989e12, 3.35e12, 84_942_979_072),
    "NVIDIA A100": Kind(312e12, 2.039e12, 85_100_068_864),  # of 80 GB; that of 40 GB is told by the device itself
    "NVIDIA L4": Kind(121e12, 300e9, None),
    "TPU v4": Kind(275e12, 1.2e12, None),
    "TPU v5 lite": Kind(197e12, 819e9, 15.75 * GIB),
    "TPU v5e": Kind(197e12, 819e9, 15.75 * GIB),
    "TPU v5p": Kind(459e12, 2.765e12, 95.74 * GIB),
    "TPU v5": Kind(459e12, 2.765e12, 95.74 * GIB),
    "TPU v6 lite": Kind(918e12, 1.64e12, 31.25 * GIB),
    "TPU v6e": Kind(918e12, 1.64e12, 31.25 * GIB),
    "TPU7x": Kind(2307e12 / 2, 7.38e12 / 2, 94.75 * GIB),
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
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // max(1, len(jax.local_devices()))


def platform() -> str:
    """cpu, gpu or tpu. Raises InputError where JAX_PLATFORMS names an accelerator and JAX found none."""
    asked, found = os.environ.get("JAX_PLATFORMS", ""), jax.default_backend()
    if found == "cpu" and asked and "cpu" not in asked.split(","):
        raise InputError(f"JAX_PLATFORMS={asked}: no such device could be started; `sweep doctor` says what is here")
    return found
