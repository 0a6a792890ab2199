"""What a device is, and what it could do at best."""

import os
from typing import Any

import jax

Device = Any  # a jax.Device, which type checkers see as a variable

PEAK_FLOPS = {  # dense bfloat16 FLOP/s of one device, by the vendors' datasheets (the sparse figures are twice these)
    "NVIDIA H200": 989e12,
    "NVIDIA H100": 989e12,
    "NVIDIA A100": 312e12,
    "NVIDIA L4": 121e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5p": 459e12,
    "TPU v5": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
}


def peak_flops(device: Device) -> float | None:
    """Dense bfloat16 peak of one device in FLOP/s, or None where it is unknown (every CPU)."""
    names = [name for name in PEAK_FLOPS if device.device_kind.startswith(name)]
    return PEAK_FLOPS[max(names, key=len)] if names else None


def memory_bytes(device: Device) -> int:
    """Memory that arrays on `device` may take: the allocator's limit, or this process's share of the host's memory."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // max(1, len(jax.local_devices()))


def platform() -> str:
    """cpu, gpu or tpu."""
    return jax.default_backend()
