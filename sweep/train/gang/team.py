"""Processes that do one thing together: those of a cohort, or all of a gang.

Every member makes the same calls in the same order; each call gives all of them the same answer. What a process decides
from its own clock, its own signals or its own files goes through here, or the members come to run different programs,
and wait for one another without end.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import jax

from sweep.errors import SweepError, as_values, of_values
from sweep.train.gang.service import Service, service
from sweep.train.gang.watch import Watch

T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """The members of a team, as one of them sees it.

    Attributes:
        name: unlike that of any other team of this run.
        members: process numbers, increasing; the first one leads: it alone writes what the team leaves behind.
        me: this process.
        service: None where the team is one process.
        watch: that of this process, over all others of the gang.
    """

    name: str
    members: tuple[int, ...] = (0,)
    me: int = 0
    service: Service | None = None
    watch: Watch = field(default_factory=Watch, compare=False)
    calls: "itertools.count[int]" = field(default_factory=itertools.count, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.me == self.members[0]

    @property
    def alone(self) -> bool:
        """Whether there is nobody to agree with."""
        return len(self.members) == 1

    def share(self, make: Callable[[], T]) -> T:
        """What `make` gives the leader, which alone calls it: JSON types (a tuple comes back as a list).

        Raises what `make` raises, where it is a SweepError: in all members.
        """
        if self.alone:
            return make()
        key = self.key()
        if not self.leads:
            got = json.loads(self.wait(key))
            if "error" in got:
                raise of_values(got["error"])
            return got["made"]
        try:
            made = make()
        except SweepError as error:
            self.put(key, {"error": as_values(error)})
            raise
        self.put(key, {"made": made})
        return made

    def gather(self, value: T) -> list[T]:
        """The value of each member, in their order: JSON types. No member goes on before all have come."""
        if self.alone:
            return [value]
        key = self.key()
        self.put(f"{key}/{self.me}", value)
        return [json.loads(self.wait(f"{key}/{member}")) for member in self.members]

    def most(self, value: int) -> int:
        """The largest value of any member. No member goes on before all have come."""
        return max(self.gather(value))

    def meet(self) -> None:
        """Wait until all members are here."""
        self.gather(None)

    def part(self, name: str, members: Sequence[int]) -> "Team":
        """A team of some of the members, of which this process is one."""
        return Team(f"{self.name}/{name}", tuple(sorted(members)), self.me, self.service, self.watch)

    def key(self) -> str:
        return f"{self.name}/{next(self.calls)}"

    def put(self, key: str, value: object) -> None:
        assert self.service is not None
        self.service.put(key, json.dumps(value))

    def wait(self, key: str) -> str:
        assert self.service is not None
        with self.watch.waiting():
            return self.service.wait(key)


ALONE = Team("alone")


def everyone(watch: Watch | None = None) -> Team:
    """All processes of this run. To be called once in a process: its members count their calls."""
    return Team("all", tuple(range(jax.process_count())), jax.process_index(), service(), watch or Watch())
