"""Peaks and memory."""

from types import SimpleNamespace

import jax
import pytest

from sweep.train import devices


@pytest.mark.parametrize(
    ("kind", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("TPU v5 lite", 197e12),  # not v5
        ("TPU v5p", 459e12),
        ("TPU v5", 459e12),
        ("cpu", None),
        ("NVIDIA Unheard Of", None),
    ],
)
def test_peak_of_the_longest_name(kind, peak):
    assert devices.peak_flops(SimpleNamespace(device_kind=kind)) == peak


def test_memory_is_the_allocators_limit_or_a_share_of_the_host():
    gpu = SimpleNamespace(platform="gpu", memory_stats=lambda: {"bytes_limit": 123})
    assert devices.memory_bytes(gpu) == 123
    with open("/proc/meminfo") as file:
        host = 1024 * int(file.readline().split()[1])
    assert devices.memory_bytes(jax.devices()[0]) == pytest.approx(host / 8, rel=0.01)


def test_platform():
    assert devices.platform() == "cpu"
