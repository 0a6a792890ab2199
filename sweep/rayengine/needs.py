"""What of a Ray node the task of a cohort needs, which nodes have it, and what is trained first. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.design.cohorts import Cohort
from sweep.design.mesh import options
from sweep.devices import ALIASES, PARTS
from sweep.errors import InputError
from sweep.platforms import Platform

TYPE = "accelerator_type:"  # how Ray names, as a resource, what kind of accelerator a node has
CHIPS = (1, 2, 4, 8)  # of a TPU host that Ray gives to one task
KEYS: dict[Platform, str] = {"cpu": "CPU", "gpu": "GPU", "tpu": "TPU"}  # Ray's names of resources


@dataclass(frozen=True)
class Need:
    """What a task holds of one node while it trains a cohort.

    Attributes:
        devices: CPU cores, GPUs or chips, each of which JAX makes a device of.
    """

    platform: Platform
    devices: int

    @property
    def resources(self) -> dict[str, float]:
        """By Ray's names. Beside an accelerator a task holds one core, for the process that feeds it."""
        return {"CPU": 1.0} | {KEYS[self.platform]: float(self.devices)}

    @property
    def options(self) -> dict[str, Any]:
        """As options of a Ray task."""
        held = self.resources
        chips = {"resources": {"TPU": held["TPU"]}} if "TPU" in held else {}
        return {"num_cpus": held["CPU"], "num_gpus": held.get("GPU", 0.0), **chips}

    def fits(self, there: Mapping[str, float]) -> bool:
        """Whether a node has it, that is not only now free."""
        return all(there.get(name, 0.0) >= amount for name, amount in self.resources.items())

    def __str__(self) -> str:
        return " and ".join(f"{amount:g} {name}" for name, amount in sorted(self.resources.items()))


def platform_of(nodes: Iterable[Mapping[str, float]]) -> Platform:
    """What a cluster trains on: TPUs where it has any, else GPUs, else CPUs."""
    there = {name for node in nodes for name, amount in node.items() if amount > 0}
    return "tpu" if "TPU" in there else "gpu" if "GPU" in there else "cpu"


def need_of(cohort: Cohort, platform: Platform, nodes: Sequence[Mapping[str, float]], asked: int = 0) -> Need:
    """The least devices of one node that a cohort fits on.

    On a CPU that is one: the cores share its work in any case. The memory of an accelerator is known where Ray names
    its kind; where it does not, one device is taken, and a cohort that is too large for it says so when it begins.

    Args:
        nodes: resources of each.
        asked: devices that the user wants each cohort to have; 0: no wish.

    Raises:
        InputError: a number of chips that no task can have.
    """
    if asked and platform == "tpu" and asked not in CHIPS:
        raise InputError(f"--devices {asked}: a task has 1, 2, 4 or 8 chips of a TPU host")
    if asked or platform == "cpu":
        return Need(platform, asked or 1)
    key = KEYS[platform]
    most = max((int(node.get(key, 0)) for node in nodes), default=1)
    least = next(iter(options(cohort, max(most, 1), platform, memory_of(nodes, key)))).devices
    return Need(platform, next((n for n in CHIPS if n >= least), least) if platform == "tpu" else least)


def memory_of(nodes: Iterable[Mapping[str, float]], key: str) -> int | None:
    """Bytes of one accelerator, the least of all nodes that have any; None where the kind of one is not known."""
    kinds = [kind_of(node) for node in nodes if node.get(key, 0) > 0]
    known = [PARTS[kind].most / PARTS[kind].halves for kind in kinds if kind is not None]
    return int(min(known)) if known and len(known) == len(kinds) else None


def kind_of(node: Mapping[str, float]) -> str | None:
    """The name in PARTS of the accelerator of a node by what Ray calls it, or None where that is not known.

    Of `A100`, which may have 40 or 80 GB, the smaller one.
    """
    for name in node:
        if name.startswith(TYPE):
            plain = name.removeprefix(TYPE).lower().replace("v5litepod", "v5e")
            plain = ALIASES.get(plain, plain) if plain.startswith("tpu") else plain
            found = [part for part in PARTS if part == plain or part.startswith(f"{plain}-")]
            return min(found, key=lambda part: PARTS[part].most) if found else None
    return None


def in_order(cohorts: Iterable[Cohort], left: Mapping[str, float]) -> list[Cohort]:
    """The cohorts that are not done, most remaining work first: what takes longest must not begin last.

    Args:
        left: share of its work that a cohort has still to do, by hash.
    """
    waiting = [cohort for cohort in cohorts if left.get(cohort.hash, 0.0) > 0]
    return sorted(waiting, key=lambda c: (-left[c.hash] * c.flops, c.hash))
