"""How a cohort is set up on its devices: what its chunks are, how they fit the memory, and what is compiled."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sweep.config import Memory
from sweep.design.cohorts import Cohort
from sweep.design.cost import Mode, mode_of
from sweep.storage import Location
from sweep.train import devices, effort
from sweep.train.capacity import settle
from sweep.train.cursor import Work
from sweep.train.devices import Device
from sweep.train.gang.team import Team
from sweep.train.log import LOG, Log
from sweep.train.machine import Machine, chunk_steps, feeds
from sweep.train.program import Execution
from sweep.train.rows import rows_of
from sweep.train.sharding import make_mesh

RAN_OUT = "out_of_memory"  # an event of the log


@dataclass(frozen=True)
class Settings:
    """How to train a cohort; none of it changes a loss but by rounding."""

    folder: Location  # the cohort's own
    curve_points: int = 10
    checkpoint_minutes: float = 5.0
    keep: int = 2
    memory: Memory = Memory()  # noqa: RUF009 (frozen)
    mode: Mode | None = None  # None: chosen by size
    steps: int | None = None  # of a chunk; None: chosen by size
    fed: bool | None = None  # training tokens come with each chunk; None: where they are too large for the device
    limit: int | None = None  # bytes of a device, the least of all processes; None: those of this process's
    checkpoints: str = ""  # where they are kept; empty: in the folder

    @property
    def saves(self) -> str:
        """The folder of the checkpoints."""
        return self.checkpoints or str(self.folder / "checkpoints")


class Setup:
    """One cohort on one group of devices. In a team of several every member comes to the same choices."""

    def __init__(
        self,
        cohort: Cohort,
        group: list[Device],
        trial: int,
        data: tuple[np.ndarray, np.ndarray],
        settings: Settings,
        team: Team,
    ):
        """Nothing is compiled or put on a device yet. Arguments as those of `CohortRun`."""
        self.settings, self.team = settings, team
        self.rows = rows_of(cohort)
        self.mesh = make_mesh(group, trial)
        self.slots = -(-len(self.rows) // trial) * trial  # the rows and, to fill the mesh, idle ones
        shape, (train, windows) = cohort.shape, data
        mode = settings.mode or mode_of(shape, group[0].platform)
        steps = settings.steps or chunk_steps(shape, len(self.rows), group)
        fed = settings.fed
        if fed is None:
            memory = settings.limit or devices.memory_bytes(self.mesh.local_devices[0])
            fed = feeds(len(train), train.dtype.itemsize, memory)
        quick = effort.brief(cohort.flops, group)
        self.machine = Machine(shape, self.mesh, Execution(mode), steps, train, windows, fed, quick)
        self.log = Log(settings.folder / LOG)
        self.machine.watch.tell = self.tell
        self.machine.watch.interruptible = team.service is None
        self.at_once = 0  # rows of a chunk, once compiled

    @property
    def mode(self) -> Mode:
        """How rows share a device."""
        return self.machine.execution.mode

    def tell(self, **event: Any) -> None:
        """An event for the log, which the leader writes."""
        if self.team.leads:
            self.log.write(**event)

    def compile(self) -> None:
        """Choose how to run within the device's memory, and compile it.

        Raises:
            Refusal: nothing fits.
            Partial: a stop was asked for meanwhile.
        """
        if not self.at_once:
            known = self.team.share(self.ran_out)
            self.settle(Execution(**known) if known else None)

    def settle(self, after: Execution | None) -> None:
        memory, limit = self.settings.memory, self.settings.limit
        self.at_once = settle(self.machine, memory, self.slots, after=after, limit=limit, team=self.team)

    def ran_out(self) -> dict[str, Any] | None:
        """The execution that ran out of memory on such a mesh and so ended an earlier command, as the log has it."""
        mesh = dict(self.mesh.shape)
        return next((e[RAN_OUT] for e in reversed(self.log.events()) if RAN_OUT in e and e["mesh"] == mesh), None)

    def out_of_memory(self) -> dict[str, Any]:
        """The event that `ran_out` looks for."""
        return {RAN_OUT: dataclasses.asdict(self.machine.execution), "mesh": dict(self.mesh.shape)}

    def warm(self) -> None:
        """Compile what the first chunks need, so that no device waits for it later. Raises as `compile`."""
        self.compile()
        count = self.rows_for(sum(row.source is None for row in self.rows))
        self.machine.chunk(count)
        self.machine.validation(count)
        if not self.machine.fed:
            self.machine.cutting(count)
        if any(row.source is not None for row in self.rows):
            self.machine.branching(self.slots)
        self.team.meet()  # so that the first program that all run waits for nobody's compiler

    def rows_for(self, active: int) -> int:
        """Rows of the program that trains `active` of them."""
        return self.slots if self.mode == "map" else self.machine.rows_for(min(active, self.at_once))

    def missing(self, work: Work) -> list[Callable[[], Any]]:
        """What must be compiled before `work` can be sent."""
        count = self.rows_for(len(work.active))
        needs = [("chunk", count)] + [("cutting", count)] * (not self.machine.fed)
        needs += [("validation", count)] * bool(work.wanted.any())
        needs += [("branching", self.slots)] * (work.source is not None)
        machine = self.machine
        made = {"chunk": machine.chunk, "cutting": machine.cutting, "validation": machine.validation}
        made["branching"] = machine.branching
        return [partial(made[name], rows) for name, rows in needs if (name, rows) not in machine.compiled]
