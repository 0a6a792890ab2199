"""From `v5p:4x4x4`, `h100:8` or `local` to devices that programs can be compiled for, and what they could do at best.

A TPU slice or a host of GPUs need not be here: libtpu and jax's CUDA plugin describe them to the compiler by name.
Nothing can run on such devices, and nothing of the real ones is touched.
"""

import contextlib
import importlib.metadata
import importlib.util
import itertools
import math
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sweep.design.room import JAX_TAKES
from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.train import devices
from sweep.train.ahead.gpus import GPUS, pretend_cudnn
from sweep.train.devices import Device, Kind
from sweep.train.topology import by_host

PLANES = ((1, 1), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16))
SMALL = ((2, 2, 1), (2, 2, 2), (2, 2, 4), (2, 4, 4))  # larger ones are tori: every side a multiple of 4
SLICES = {  # generation -> what Google Cloud rents, in its own words for it: v5e and v6e planes, v5p and tpu7x solids
    "v5e": PLANES,
    "v6e": PLANES,
    "v5p": (*SMALL, *(s for s in itertools.combinations_with_replacement(range(4, 25, 4), 3) if math.prod(s) <= 6144)),
    "tpu7x": (
        *SMALL,
        *(s for s in itertools.combinations_with_replacement(range(4, 25, 4), 3) if math.prod(s) <= 9216),
    ),
}
WHOLE_HOSTS = ((1, 1), (2, 4))  # planes that are one machine, as they are usually rented; all others have 4 chips each
USUAL_SLICES = {
    2: ((2, 2), (2, 4), (4, 4), (8, 8), (16, 16)),
    3: ((2, 2, 1), (2, 2, 2), (4, 4, 4), (4, 4, 8), (8, 8, 8)),
}
OLDER = ("v2", "v3", "v4")
USUAL = "v5e:2x4, v6e:8x8, v5p:4x4x4, tpu7x:2x2x2, h100:8, local"
HOST_GPUS = 8
LIBTPU_ENV = {
    "TPU_SKIP_MDS_QUERY": "1",  # ask no cloud's metadata server what machine this is: it is not the one in question
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # no chip is taken, so neither is the lock that guards it
    "TPU_WORKER_HOSTNAMES": "localhost",
}


@dataclass(frozen=True)
class Target:
    """Devices to compile for."""

    name: str  # as typed
    platform: str  # cpu, gpu, tpu
    kind: str  # of a device
    devices: tuple[Device, ...]  # in the order in which a run counts them
    hosts: int
    limit: int | None  # bytes of a device that a program may use; None where nobody says
    facts: Kind | None  # peaks of a device; None for a CPU


def target(name: str) -> Target:
    """The devices called `name`: a TPU slice (`v5p:4x4x4`), GPUs (`h100:8`), or `local`.

    Raises:
        InputError: no such devices, or their compiler is not installed.
    """
    kind, _, size = name.partition(":")
    if name == "local":
        return local()
    if kind in SLICES:
        return tpu(name, kind, sides_of(name, kind, size))
    if kind in GPUS:
        return gpus(name, kind, size)
    if kind in OLDER:
        raise InputError(
            f"--compile {name}: older than v5e, of which libtpu describes cores and not chips; try {USUAL}"
        )
    raise InputError(f"--compile {name}: no such target{nearest(kind, [*SLICES, *GPUS])}; usual ones: {USUAL}")


def usable(kind: str) -> int | None:
    """Bytes of a device, by its name in devices.KINDS, that a program may use: of a GPU the share that jax takes."""
    memory = devices.KINDS[kind].memory
    share = mem_fraction() if kind.startswith("NVIDIA") else 1.0
    return None if memory is None else int(share * memory)


def mem_fraction() -> float:
    """The share of a GPU's memory that jax takes. Raises InputError where the environment has no number for it."""
    asked = os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", str(JAX_TAKES["gpu"]))
    try:
        return float(asked)
    except ValueError as error:
        raise InputError(f"XLA_PYTHON_CLIENT_MEM_FRACTION={asked}: it must be a share, such as 0.9") from error


def roomy(size: int) -> list[str]:
    """Targets whose devices hold a program of `size` bytes, the smallest first."""
    kinds = {"v5e": "TPU v5e", "v6e": "TPU v6e", "v5p": "TPU v5p", "tpu7x": "TPU7x"}
    limits = {
        name: usable(kind) or 0 for name, kind in (kinds | {name: gpu.kind for name, gpu in GPUS.items()}).items()
    }
    return sorted((name for name, limit in limits.items() if limit >= size), key=lambda name: limits[name])


def local() -> Target:
    """The devices of this machine: the one target that initialises jax's own backend."""
    import jax

    found = tuple(jax.local_devices())
    facts = devices.kind_of(found[0])
    return Target("local", found[0].platform, found[0].device_kind, found, 1, devices.memory_bytes(found[0]), facts)


# TPU


def sides_of(name: str, kind: str, size: str, option: str = "--compile") -> tuple[int, ...]:
    """(4, 4, 4) of `4x4x4`. Raises InputError for a slice that cannot be rented, naming the nearest."""
    known = SLICES[kind]
    sides = tuple(int(n) for n in size.split("x")) if re.fullmatch(r"\d+(x\d+)*", size) else ()
    if sides in known:
        return sides
    usual = ", ".join(written(kind, s) for s in USUAL_SLICES[len(known[-1])])
    near = f"; the nearest is {written(kind, closest(sides, known))}" if math.prod(sides) and sides else ""
    raise InputError(f"{option} {name}: no such slice of {kind}{near}; usual ones: {usual}")


def closest(sides: tuple[int, ...], known: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """The slice of the nearest number of chips, and of those the one of the nearest sides."""

    def distance(other: tuple[int, ...]) -> tuple[float, int]:
        pairs = itertools.zip_longest(sorted(sides, reverse=True), sorted(other, reverse=True), fillvalue=1)
        return abs(math.log(math.prod(other) / math.prod(sides))), sum(abs(a - b) for a, b in pairs)

    return min(known, key=distance)


def written(kind: str, sides: tuple[int, ...]) -> str:
    return f"{kind}:{'x'.join(map(str, sides))}"


def tpu(name: str, kind: str, sides: tuple[int, ...]) -> Target:
    """A slice, wrapped round where real ones are: a torus from 4x4x4 on."""
    check_libtpu(name)
    for key, value in LIBTPU_ENV.items():
        os.environ.setdefault(key, value)
    options: dict[str, Any] = {}
    if len(sides) == 3 and not any(n % 4 for n in sides):
        options["wrap"] = (True, True, True)
    if sides in WHOLE_HOSTS:
        options["chips_per_host_bounds"] = (*sides, 1)
    with unheard():
        found = describe(name, name, "tpu", options)
    facts = devices.kind_of(found[0])
    limit = None if facts is None or facts.memory is None else int(facts.memory)
    return Target(name, "tpu", found[0].device_kind, found, hosts_of(found), limit, facts)


def describe(name: str, topology: str, kind: str, options: dict[str, Any]) -> tuple[Device, ...]:
    """Compile-only devices by the compiler's own description. Raises InputError with its reason, in one line."""
    import jax
    from jax.experimental import topologies

    try:
        return tuple(by_host(topologies.get_topology_desc(topology, platform=kind, **options).devices))
    except (jax.errors.JaxRuntimeError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"--compile {name}: the compiler says: {str(error).strip().splitlines()[0]}") from error


def hosts_of(found: tuple[Device, ...]) -> int:
    return len({device.process_index for device in found})


def check_libtpu(name: str) -> None:
    """Raise InputError unless the libtpu that jax asks for is here."""
    get = "pip install 'isoflop[tpu]'"
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise InputError(f"--compile {name}: the TPU's compiler, libtpu, is there for x86 Linux only; compile there")
    if importlib.util.find_spec("libtpu") is None:
        raise InputError(f"--compile {name}: the TPU's compiler is not installed: {get}")
    wanted = libtpu_pin(importlib.metadata.requires("jax") or [])
    try:
        found = importlib.metadata.version("libtpu")
    except importlib.metadata.PackageNotFoundError:  # a module that no package brought
        found = "unknown"
    if wanted and not (found == wanted or found.startswith(f"{wanted}.")):
        jax_version = importlib.metadata.version("jax")
        raise InputError(f"--compile {name}: jax {jax_version} wants libtpu {wanted}, here is {found}: {get}")


def libtpu_pin(requirements: list[str]) -> str:
    """`0.0.42` of jax's requirement `libtpu==0.0.42.*; extra == "tpu"`; empty where jax names none."""
    found = (re.match(r"libtpu ?==([\d.]+?)(?:\.\*)? *(?:;|$)", text) for text in requirements)
    return next((match[1] for match in found if match), "")


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Drop what libtpu writes to the process's stderr when it starts and finds that this is no TPU host."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# GPU


def gpus(name: str, kind: str, size: str) -> Target:
    """`size` GPUs of one kind, eight a host."""
    number = int(size) if re.fullmatch(r"\d+", size) else 0
    if number < 1 or (number > HOST_GPUS and number % HOST_GPUS):
        raise InputError(f"--compile {name}: GPUs are counted, {kind}:1 to {kind}:8, or whole hosts of 8: {kind}:16")
    if not any(importlib.util.find_spec(f"jax_cuda{n}_plugin") for n in (12, 13)):
        raise InputError(f"--compile {name}: jax's CUDA plugin is not installed: pip install 'isoflop[cuda12]'")
    hosts = -(-number // HOST_GPUS)
    options = {"topology": f"1x{hosts}x{number // hosts}", "target_config": GPUS[kind].config}
    found = describe(name, "", "cuda", options)
    facts = devices.KINDS[GPUS[kind].kind]
    return Target(name, "gpu", GPUS[kind].kind, found, hosts, usable(GPUS[kind].kind), facts)


def compiling(to: Target) -> contextlib.AbstractContextManager[None]:
    """Around tracing and compiling for `to`: jax asks the first GPU of this machine what cuDNN can do, and none is."""
    absent = to.platform == "gpu" and to.name != "local"
    return pretend_cudnn(GPUS[to.name.partition(":")[0]].capability) if absent else contextlib.nullcontext()
