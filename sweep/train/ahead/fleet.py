"""From `v5p:4x4x4` or `h100:8` and a number of hosts to what is known of them, without any compiler for them."""

import math
import re
from dataclasses import dataclass

from sweep.design.room import JAX_TAKES
from sweep.devices import ALIASES, PARTS, Part
from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.train.ahead.targets import HOST_GPUS, OLDER, SLICES, WHOLE_HOSTS, mem_fraction, sides_of, written

A_TPU_HOST = 4  # chips
RENTED = {"v5litepod": ("v5e", 1), "v6e": ("v6e", 1), "v5p": ("v5p", 2), "tpu7x": ("tpu7x", 2)}  # and parts of a chip
USUAL = "v5p:4x4x4, v5e:16x16, v6e:8x8, tpu7x:2x2x2, h100:8, h200:8"


@dataclass(frozen=True)
class Fleet:
    """Hosts of equal devices; a device is what jax calls one, half a chip of a TPU7x."""

    name: str  # as typed
    platform: str  # gpu, tpu
    kind: str  # of a device, in sweep.devices
    hosts: int
    per_host: int
    limit: int  # bytes of a device that jax has for programs
    peak: float  # dense bfloat16 FLOP/s of a device

    @property
    def devices(self) -> int:
        return self.hosts * self.per_host


def fleet(name: str, hosts: int = 0) -> Fleet:
    """The devices called `name` on `hosts` hosts.

    Args:
        hosts: 0 for those that a slice has, or one of GPUs (whole ones of 8 above 8).

    Raises:
        InputError: no such devices, or hosts that they do not divide into.
    """
    if hosts < 0:
        raise InputError(f"--hosts is {hosts}; it must be at least 1, or 0 for those of the slice")
    kind, _, size = name.partition(":")
    if kind in SLICES:
        sides = sides_of(name, kind, size, "--topology")
        chips = math.prod(sides)
        usual = 1 if sides in WHOLE_HOSTS else max(1, chips // A_TPU_HOST)
        return made(name, "tpu", ALIASES.get(kind, kind), chips, hosts or usual, f"{chips} chips on {many(usual)}")
    if (part := ALIASES.get(kind, kind)) in PARTS and not part.startswith("tpu"):
        number = int(size) if re.fullmatch(r"\d+", size) else 0
        if number < 1 or (number > HOST_GPUS and number % HOST_GPUS):
            raise InputError(
                f"--topology {name}: GPUs of a host are counted, {kind}:1 to {kind}:8, or whole hosts of 8: {kind}:16"
            )
        usual = -(-number // HOST_GPUS)
        total = number * hosts if number <= HOST_GPUS and hosts else number
        return made(name, "gpu", part, total, hosts or usual, f"{number} GPUs on {many(usual)}")
    if kind in OLDER:
        raise InputError(f"--topology {name}: older than v5e; try {USUAL}")
    if sides := rented(name):
        raise InputError(f"--topology {name}: the name of an accelerator type; its chips are --topology {sides}")
    known = [*SLICES, *(part for part in PARTS if not part.startswith("tpu"))]
    raise InputError(f"--topology {name}: no such device{nearest(kind, known)}; usual ones: {USUAL}")


def rented(name: str) -> str:
    """`v5p:4x4x4` of `v5p-128`, which counts cores; nothing where no slice is rented by that name."""
    kind, _, number = name.partition("-")
    if kind not in RENTED or not re.fullmatch(r"\d{1,6}", number):
        return ""
    generation, parts = RENTED[kind]
    shapes = [sides for sides in SLICES[generation] if math.prod(sides) * parts == int(number)]
    return written(generation, min(shapes, key=max)) if shapes else ""


def made(name: str, platform: str, kind: str, parts: int, hosts: int, has: str) -> Fleet:
    """`parts` accelerators as they are sold, on `hosts` hosts. Raises InputError where these are not equal."""
    if parts % hosts:
        raise InputError(f"--hosts {hosts}: {name} has {has}, and {hosts} cannot share them")
    part = PARTS[kind]
    return Fleet(
        name,
        platform,
        kind,
        hosts,
        parts * part.halves // hosts,
        limit_of(part, platform),
        part.peaks["bf16"] / part.halves,
    )


def many(hosts: int) -> str:
    return f"{hosts} host{'s' * (hosts > 1)}"


def limit_of(part: Part, platform: str) -> int:
    """Bytes of a jax device that jax has for programs: of a GPU the share that it takes."""
    memory = part.usable or part.memory / part.halves
    return int(memory * (mem_fraction() if platform in JAX_TAKES else 1.0))
