"""Hosts by name: what they hold, and what is said of those that nobody rents. No compiler is needed."""

import jax
import pytest

from sweep.errors import InputError
from sweep.train.ahead import fleet as module
from sweep.train.ahead.fleet import fleet
from sweep.train.ahead.targets import SLICES, target
from tests.tpu import needs_libtpu


@pytest.mark.parametrize(
    ("name", "hosts", "found"),
    [
        ("v5p:4x4x4", 0, ("tpu", 16, 4)),
        ("v5p:4x4x4", 16, ("tpu", 16, 4)),
        ("v5e:16x16", 0, ("tpu", 64, 4)),
        ("v6e:8x8", 0, ("tpu", 16, 4)),
        ("v5e:2x4", 0, ("tpu", 1, 8)),
        ("v5e:2x4", 2, ("tpu", 2, 4)),
        ("v5e:1x1", 0, ("tpu", 1, 1)),
        ("v5p:2x2x1", 0, ("tpu", 1, 4)),
        ("tpu7x:4x4x4", 0, ("tpu", 16, 8)),  # a chip is two devices
        ("h100:8", 0, ("gpu", 1, 8)),
        ("h100:8", 4, ("gpu", 4, 8)),
        ("h200:4", 2, ("gpu", 2, 4)),
        ("h100:16", 0, ("gpu", 2, 8)),
        ("b200:8", 2, ("gpu", 2, 8)),  # no compiler's description of it is needed
    ],
)
def test_hosts_and_their_devices(name, hosts, found):
    made = fleet(name, hosts)
    assert (made.platform, made.hosts, made.per_host) == found
    assert made.devices == made.hosts * made.per_host
    assert made.peak > 1e14
    assert made.limit > 10**10


def test_peaks_and_memory_are_of_a_jax_device(monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    assert fleet("v5p:4x4x4").peak == 459e12
    assert fleet("v5p:4x4x4").limit == int(95.74 * 2**30)
    assert fleet("tpu7x:2x2x2").peak == 2307e12 / 2
    assert fleet("tpu7x:2x2x2").limit == int(94.75 * 2**30)
    assert fleet("h100:8").limit == int(0.75 * 84_942_979_072)


@pytest.mark.parametrize(
    ("name", "hosts", "why"),
    [
        ("v5p:4x4x4", 10, r"--hosts 10: v5p:4x4x4 has 64 chips on 16 hosts, and 10 cannot share them"),
        ("v5e:2x4", 3, r"--hosts 3: v5e:2x4 has 8 chips on 1 host, and 3 cannot share them"),
        ("h100:16", 3, r"--hosts 3: h100:16 has 16 GPUs on 2 hosts"),
        ("v5p:4x4x4", -1, r"--hosts is -1; it must be at least 1"),
        ("v5p:4x4x5", 0, r"--topology v5p:4x4x5: no such slice of v5p; the nearest is v5p:4x4x4"),
        ("h100:12", 0, r"--topology h100:12: GPUs of a host are counted"),
        ("h100", 2, r"--topology h100: GPUs of a host are counted"),
        ("v5p-128", 0, r"--topology v5p-128: the name of an accelerator type; its chips are --topology v5p:4x4x4$"),
        ("v5litepod-256", 0, r"its chips are --topology v5e:16x16$"),
        ("v6e-64", 0, r"its chips are --topology v6e:8x8$"),
        ("tpu7x-16", 0, r"its chips are --topology tpu7x:2x2x2$"),
        ("v5p-13", 0, r"--topology v5p-13: no such device"),
        ("h10:8", 0, r"--topology h10:8: no such device; did you mean 'h100'"),
        ("v4:2x2x1", 0, r"older than v5e"),
        ("local", 0, r"--topology local: no such device"),
    ],
)
def test_what_nobody_rents_is_one_line(name, hosts, why):
    with pytest.raises(InputError, match=why) as error:
        fleet(name, hosts)
    assert "\n" not in str(error.value)


@needs_libtpu
@pytest.mark.parametrize("name", ["v5e:1x1", "v5e:2x2", "v5e:2x4", "v6e:4x8", "v5p:2x2x4", "v5p:4x4x8", "tpu7x:2x2x2"])
def test_libtpu_says_the_same(name):
    made, to = fleet(name), target(name)
    assert (made.devices, made.hosts) == (len(to.devices), to.hosts)
    assert made.limit == to.limit
    assert to.facts is not None
    assert made.peak == to.facts.flops


def test_nothing_is_started():
    for kind in SLICES:
        sides = SLICES[kind][-1]
        fleet(f"{kind}:{'x'.join(map(str, sides))}")
    assert module.A_TPU_HOST == 4
    assert set(jax._src.xla_bridge._backends) <= {"cpu"}  # pyright: ignore
