"""Peaks and memory."""

from types import SimpleNamespace

import jax
import pytest

from sweep.errors import InputError
from sweep.train import devices


@pytest.mark.parametrize(
    ("kind", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("TPU v5 lite", 197e12),  # not v5
        ("TPU v5p", 459e12),
        ("TPU v5", 459e12),
        ("TPU7x", 1153.5e12),  # of half a chip: jax gives each its own device
        ("cpu", None),
        ("NVIDIA Unheard Of", None),
    ],
)
def test_peak_of_the_longest_name(kind, peak):
    assert devices.peak_flops(SimpleNamespace(device_kind=kind)) == peak


def test_facts_are_of_one_order_of_magnitude():
    """A byte takes 110 to 560 FLOPs to pay for itself on every part sold since 2020: a slip of units would show."""
    for name, kind in devices.KINDS.items():
        assert 110 < kind.flops / kind.bandwidth < 600, name
        assert kind.memory is None or 14e9 < kind.memory < 200e9, name


def test_memory_is_the_allocators_limit_or_a_share_of_the_host():
    gpu = SimpleNamespace(platform="gpu", memory_stats=lambda: {"bytes_limit": 123})
    assert devices.memory_bytes(gpu) == 123
    with open("/proc/meminfo") as file:
        host = 1024 * int(file.readline().split()[1])
    assert devices.memory_bytes(jax.devices()[0]) == pytest.approx(host / 8, rel=0.01)


def test_platform(monkeypatch):
    for asked in ("", "cpu", "cuda,cpu"):
        monkeypatch.setenv("JAX_PLATFORMS", asked)
        assert devices.platform() == "cpu"
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(InputError, match="JAX_PLATFORMS=cuda: no such device"):
        devices.platform()
