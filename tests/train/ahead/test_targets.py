"""Names of devices: which exist, what is told of them, and what is said where their compiler is missing."""

import importlib.metadata
import importlib.util
import os
import platform
import sys

import jax
import pytest

from sweep.errors import InputError
from sweep.train.ahead import targets
from sweep.train.ahead.gpus import GPUS, pretend_cudnn
from sweep.train.ahead.targets import target
from sweep.train.devices import KINDS
from tests.tpu import needs_libtpu


@pytest.fixture
def x86_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("v5p:3x3x3", "v5p:2x4x4"),  # 27 chips: 32 are nearer than 16
        ("v5p:4x4", "v5p:2x2x4"),
        ("v5p:64", "v5p:4x4x4"),
        ("v5e:16x20", "v5e:16x16"),
        ("v5e:4x2", "v5e:2x4"),
        ("v5e:2x2x2", "v5e:2x4"),
        ("v6e:9x9", "v6e:8x8"),
        ("tpu7x:2x2", "tpu7x:2x2x1"),
    ],
)
def test_a_slice_that_cannot_be_rented_names_the_nearest(name, nearest):
    with pytest.raises(InputError, match=f"{name}: no such slice of .*; the nearest is {nearest}; usual ones: "):
        target(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("v5p", "no such slice of v5p; usual ones: v5p:2x2x1"),
        ("v5e:", "no such slice of v5e; usual ones: v5e:2x2"),
        ("v5e:0x4", "no such slice of v5e; usual ones"),
        ("v5e:2by4", "no such slice of v5e; usual ones"),
        ("v6:8x8", "no such target; did you mean 'v6e'"),
        ("h10:8", "no such target; did you mean 'h100'"),
        ("abacus", "no such target; usual ones: v5e:2x4"),
        ("v4:2x2x1", "older than v5e"),
        ("h100", "GPUs are counted, h100:1"),
        ("h100:0", "GPUs are counted"),
        ("h100:12", "whole hosts of 8"),
    ],
)
def test_names_that_mean_nothing_are_told_in_one_line(name, why):
    with pytest.raises(InputError, match=why) as error:
        target(name)
    assert "\n" not in str(error.value)


def test_slices_are_those_that_are_rented():
    assert {(2, 2, 1), (4, 4, 4), (8, 8, 16), (16, 16, 24)} <= set(targets.SLICES["v5p"])
    assert not {(4, 4, 2), (8, 4, 4), (16, 24, 24), (6, 6, 6)} & set(targets.SLICES["v5p"])
    assert (16, 24, 24) in targets.SLICES["tpu7x"]  # 9216 chips: a whole pod
    assert {len(s) for s in targets.SLICES["v5e"]} == {2}


def test_without_libtpu_one_line_says_how_to_get_it(monkeypatch, x86_linux):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "libtpu" else find_spec(name))
    with pytest.raises(InputError, match=r"not installed: pip install 'isoflop\[tpu\]'"):
        target("v5e:2x4")


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64")])
def test_libtpu_is_for_x86_linux(monkeypatch, system, machine):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(InputError, match="x86 Linux only"):
        target("v5e:2x4")


def versions(monkeypatch, libtpu: str) -> None:
    known = {"libtpu": libtpu, "jax": "0.10.2"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=2.0", 'libtpu==0.0.42.*; extra == "tpu"'])
    monkeypatch.setattr(importlib.metadata, "version", known.__getitem__)


def test_another_libtpu_than_jax_asks_for_is_refused(monkeypatch, x86_linux):
    versions(monkeypatch, "0.0.41")
    with pytest.raises(InputError, match=r"jax 0\.10\.2 wants libtpu 0\.0\.42, here is 0\.0\.41: pip install"):
        targets.check_libtpu("v5e:2x4")
    versions(monkeypatch, "0.0.421")
    with pytest.raises(InputError, match="wants libtpu"):
        targets.check_libtpu("v5e:2x4")
    versions(monkeypatch, "0.0.42.1")
    targets.check_libtpu("v5e:2x4")


def test_jax_itself_says_which_libtpu():
    pin = targets.libtpu_pin(importlib.metadata.requires("jax") or [])
    assert pin.startswith("0.0.")
    assert targets.libtpu_pin(["libtpu==0.0.50; extra == 'tpu'"]) == "0.0.50"
    assert targets.libtpu_pin(["numpy"]) == ""


def test_without_the_cuda_plugin_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"plugin is not installed: pip install 'isoflop\[cuda12\]'"):
        target("h200:8")


def test_of_a_gpu_jax_takes_a_share(monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    assert targets.usable("NVIDIA H100") == int(0.75 * 84_942_979_072)
    assert targets.usable("TPU v6e") == int(31.25 * 2**30)
    assert targets.roomy(61 * 2**30) == ["tpu7x", "v5p", "h200"]
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.9")
    assert targets.roomy(61 * 2**30) == ["h100", "a100", "tpu7x", "v5p", "h200"]
    assert targets.roomy(10**12) == []


def test_gpus_are_described_by_the_table_of_devices():
    for gpu in GPUS.values():
        facts = KINDS[gpu.kind]
        assert f"device_memory_size: {facts.memory} " in gpu.config
        assert gpu.name.startswith(gpu.kind)
        assert gpu.config.count("{") == gpu.config.count("}")


def test_cudnn_is_asked_again_afterwards():
    from jax._src.cudnn import fused_attention_stablehlo as cudnn

    before = cudnn.check_cudnn_version
    with pretend_cudnn("9.0"):
        assert cudnn.check_cudnn_version() == 91_000
        assert cudnn.check_compute_capability("8.0")
        assert not cudnn.check_compute_capability("10.0")
    assert cudnn.check_cudnn_version is before


def test_local_is_this_machine():
    here = target("local")
    assert list(here.devices) == jax.local_devices()
    assert (here.platform, here.facts, here.hosts) == ("cpu", None, 1)
    assert here.limit is not None
    assert here.limit * len(here.devices) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@needs_libtpu
@pytest.mark.parametrize(
    ("name", "devices", "hosts"),
    [
        ("v5e:1x1", 1, 1),
        ("v5e:2x4", 8, 1),
        ("v6e:2x4", 8, 1),
        ("v5e:4x4", 16, 4),
        ("v5p:4x4x4", 64, 16),
        ("v6e:8x8", 64, 16),
        ("tpu7x:2x2x2", 16, 2),
    ],
)
def test_libtpu_knows_the_slices(name, devices, hosts):
    found = target(name)
    assert (len(found.devices), found.hosts, found.platform) == (devices, hosts, "tpu")
    assert found.facts is not None
    assert set(jax._src.xla_bridge._backends) <= {"cpu"}  # pyright: ignore


@needs_libtpu
def test_every_slice_is_one_that_libtpu_describes():
    """Chips by the sides; a TPU7x chip is two devices."""
    for kind in targets.SLICES:
        for sides in (*targets.USUAL_SLICES[len(targets.SLICES[kind][-1])], targets.SLICES[kind][-1]):
            chips, halves = 1, 2 if kind == "tpu7x" else 1
            for side in sides:
                chips *= side
            assert len(target(targets.written(kind, sides)).devices) == chips * halves


@needs_libtpu
def test_what_libtpu_says_of_memory():
    """The limits in the table are those of the compiler: a program of 256 GiB is refused with them."""
    from jax.sharding import SingleDeviceSharding

    for name in ("v5e:2x2", "v6e:2x2", "v5p:2x2x1", "tpu7x:2x2x1"):
        found = target(name)
        x = jax.ShapeDtypeStruct((2**20, 2**16), jax.numpy.float32, sharding=SingleDeviceSharding(found.devices[0]))
        with pytest.raises(jax.errors.JaxRuntimeError, match="available HBM") as error:
            jax.jit(lambda x: x * 2 + jax.numpy.flip(x)).lower(x).compile()
        assert f"({(found.limit or 0) / 2**30:.2f}G)" in str(error.value)


@pytest.mark.parametrize("needs", [["numpy"], ['libtpu==0.0.42.*; extra == "tpu"']])
def test_a_libtpu_of_unknown_version_is_one_line_or_trusted(monkeypatch, needs):
    """A module on the path that no package brought; and a jax that names no version."""

    def version(name: str) -> str:
        if name == "libtpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.10.2"

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: needs)
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    if needs == ["numpy"]:
        targets.check_libtpu("v5e:2x4")
    else:
        with pytest.raises(InputError, match=r"wants libtpu 0\.0\.42, here is unknown"):
            targets.check_libtpu("v5e:2x4")


def test_a_share_of_memory_that_is_no_number_is_one_line(monkeypatch):
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "most")
    with pytest.raises(InputError, match="XLA_PYTHON_CLIENT_MEM_FRACTION=most"):
        targets.usable("NVIDIA H100")
