"""The probe runs the real program."""

import time

import pytest

from sweep.train import probe
from tests.train.tiny import TINY


@pytest.mark.slow
def test_speed_of_a_shape():
    began = time.monotonic()
    speed = probe.flops_per_second(TINY, 0.2)
    assert 1e4 < speed < 1e12
    assert time.monotonic() - began < 120
