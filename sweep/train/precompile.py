"""Compiling the cohorts to come on a thread of its own, while those before them train."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import jax

from sweep.design.placement import Place
from sweep.train.cohort import CohortRun
from sweep.train.devices import Device

Prepare = Callable[[Place, list[Device]], CohortRun]


class Precompiled:
    """Runs that are compiled before their turn; a program is made for the very devices that it will run on.

    A schedule says on which devices a cohort is expected. Where it then starts on others it is prepared anew.
    """

    def __init__(self, prepare: Prepare, places: Sequence[Place], devices: Sequence[Device]):
        """
        Args:
            prepare: a run that is not compiled yet.
            places: what is compiled ahead, in this order: none on a CPU, whose cores are busy with training.
            devices: those that the places count.
        """
        self.prepare, self.places, self.devices = prepare, places, devices
        self.waiting = threading.Lock()
        self.made: dict[str, Future[CohortRun]] = {}

    def __enter__(self) -> "Precompiled":
        self.pool = ThreadPoolExecutor(1, "compile")
        for place in self.places:
            self.made[place.cohort.hash] = self.pool.submit(self.compiled, place)
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def compiled(self, place: Place) -> CohortRun:
        run = self.prepare(place, list(self.devices[place.first : place.first + place.axes.devices]))
        run.compile()
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # met again, and dealt with, where it trains
            run.warm()
        return run

    def take(self, place: Place, group: list[Device]) -> CohortRun:
        """The run of `place` on `group`: the one that was compiled ahead, or one that has still to compile.

        Raises what compiling raised.
        """
        with self.waiting:
            future = self.made.pop(place.cohort.hash, None)
        if future is None or future.cancel():  # not begun: this thread compiles it sooner than the one behind
            return self.prepare(place, group)
        run = future.result()
        return run if list(run.mesh.devices.flat) == group else self.prepare(place, group)
