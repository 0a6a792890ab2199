"""The probe runs the real program."""

import dataclasses
import time
from types import SimpleNamespace

import pytest

from sweep.train import probe
from tests.train.tiny import TINY


def test_a_shape_is_probed_on_the_fewest_devices_that_hold_it(monkeypatch):
    """As on a host of eight GPUs: the weights and moments of a model that 1 GB does not hold are shared by more."""
    gpus = [SimpleNamespace(platform="gpu")] * 8
    monkeypatch.setattr(probe.jax, "local_devices", lambda: gpus)
    large = dataclasses.replace(
        TINY, width=1024, heads=8, kv_heads=8, head_dim=128, ffn=4096, depth=8, batch=64, seq_len=512, attention="cudnn"
    )
    for memory, devices in ((10**12, 1), (10**9, 4)):
        monkeypatch.setattr(probe.devices, "memory_bytes", lambda device, memory=memory: memory)
        assert len(probe.group_for(large)) == devices
    assert len(probe.group_for(TINY)) == 1


@pytest.mark.slow
def test_speed_of_a_shape():
    began = time.monotonic()
    speed = probe.flops_per_second(TINY, 0.2)
    assert 1e4 < speed < 1e12
    assert time.monotonic() - began < 120
