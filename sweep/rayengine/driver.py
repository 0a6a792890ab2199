"""The driver of a sweep on Ray: starts a task for each cohort, starts those anew whose node or worker was lost, waits.

It trains nothing and takes no accelerator. It may be killed: its tasks end with it, and the same command continues from
what they have saved.
"""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep import storage
from sweep.design.cohorts import Cohort
from sweep.errors import Partial, Refusal, SweepError, of_values
from sweep.rayengine import cluster
from sweep.rayengine.needs import Need
from sweep.rayengine.task import train
from sweep.storage import Location
from sweep.train.claims import Standing
from sweep.train.outcome import left_of
from sweep.train.watch import STOPPED
from sweep.worker.left import stand_of

LOOK = 1.0  # seconds that a wait for tasks takes at most, so that signals are seen
CLAIMS = 5.0  # seconds between looks at claims that others hold, and at the nodes
SAVE = 120.0  # seconds that tasks have to save, once they are asked to stop
LOST = 3  # tasks of a cohort in a row that were lost and saved nothing new, after which it is given up
EVERYWHERE = ("unseen", "another_code", "another_platform", "gang")  # refusals that other cohorts would meet as well
TOKEN = ".ray-"  # how the name begins of the file that shows a node that it sees the run directory


@dataclass
class Job:
    """A cohort on its way.

    Attributes:
        share: of its work that was left when its last task was started.
        lost: tasks in a row that were lost and saved nothing new.
    """

    cohort: Cohort
    need: Need
    share: float = 1.0
    lost: int = 0


@dataclass
class Driver:
    """Tasks of one run directory.

    Attributes:
        patience: seconds in which a node must join that has what a cohort needs.
        shown: called every few seconds, to show how far it is.
        say: tells the user a line.
        running: jobs by the reference of their task, which may still wait for a node.
        aside: jobs without a task: somebody holds a claim on the cohort, maybe a task that was lost.
    """

    out: Location
    jobs: Sequence[Job]
    patience: float
    shown: Callable[[], None]
    say: Callable[[str], None]
    running: dict[Any, Job] = field(default_factory=dict)
    aside: list[Job] = field(default_factory=list)
    problems: list[SweepError] = field(default_factory=list)
    fitting: float = field(default_factory=time.monotonic)  # when every need was last seen on some node
    looked: float = 0.0

    def work(self, stop: threading.Event) -> list[SweepError]:
        """Train all; returns what went wrong. `stop` asks the tasks to save and end."""
        import ray

        remote = ray.remote(max_calls=1, max_retries=0)(train)
        with self.token() as token:
            for job in self.jobs:
                self.start(remote, token, job)
            while self.running or self.aside:
                if stop.is_set() or self.over:
                    self.end(ray)
                    return [*self.problems, *([Partial(STOPPED)] if stop.is_set() else [])]
                ended, _ = ray.wait(list(self.running), timeout=LOOK) if self.running else ([], stop.wait(LOOK))
                for task in ended:
                    self.ended(ray, task)
                if time.monotonic() - self.looked >= CLAIMS:
                    self.shown()
                    self.look(remote, token)
                    self.require_nodes(ray)
                    self.looked = time.monotonic()
        return self.problems

    @property
    def over(self) -> bool:
        """Whether something is wrong that every other cohort would meet as well."""
        return any(isinstance(error, Refusal) and error.code in EVERYWHERE for error in self.problems)

    @contextlib.contextmanager
    def token(self) -> Iterator[str]:
        """The name of a file in the run directory, which tasks look for before they begin."""
        name = f"{TOKEN}{uuid.uuid4().hex}"
        storage.put(self.out / name, b"sweep asks whether nodes see this directory; this may be deleted")
        try:
            yield name
        finally:
            storage.remove(self.out / name)

    def start(self, remote: Any, token: str, job: Job) -> None:
        """A task for a job. Ray gives devices in the order of the calls, and also those of nodes that join later."""
        named = remote.options(name=f"sweep {job.cohort.hash}", **job.need.options)
        words = (str(self.out), job.cohort.hash, token, (job.need.platform, job.need.devices), os.getcwd())
        self.running[named.remote(*words)] = job

    def ended(self, ray: Any, task: Any) -> None:
        """Judge how a task has ended."""
        job = self.running.pop(task)
        try:
            told = ray.get(task)
        except ray.exceptions.RayError as error:
            if not cluster.is_lost(error):
                raise
            self.lost(job, error)
            return
        stand = stand_of(self.out, job.cohort.hash)
        if isinstance(stand, Standing) and stand.state == "done":
            return
        if isinstance(stand, Standing) and stand.state == "held" and (not told or told["kind"] == "Partial"):
            self.aside.append(job)
            return
        self.problems.append(of_values(told) if told else Partial(f"cohort {job.cohort.hash} was left unfinished"))
        self.say(f"cohort {job.cohort.hash}: {self.problems[-1]}")

    def lost(self, job: Job, error: Exception) -> None:
        """Keep a job for another task, unless it loses them again and again."""
        share = left_of(self.out, [job.cohort]).get(job.cohort.hash, 0.0)
        job.lost = 1 if share < job.share else job.lost + 1
        job.share = share
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        if job.lost >= LOST:
            told = f"cohort {job.cohort.hash} lost {LOST} tasks in a row and saved nothing new; the last by {why}"
            self.problems.append(Partial(told))
        else:
            told = f"cohort {job.cohort.hash} lost its task, it is started anew: {why}"
            self.aside.append(job)
        self.say(told)

    def look(self, remote: Any, token: str) -> None:
        """Start jobs anew whose claims have ended."""
        waiting, self.aside = self.aside, []
        for job in waiting:
            stand = stand_of(self.out, job.cohort.hash)
            if isinstance(stand, str) or stand.state == "free":  # a task says what is wrong with a damaged claim
                self.start(remote, token, job)
            elif stand.state == "held":
                self.aside.append(job)

    def require_nodes(self, ray: Any) -> None:
        """Give up what no node has been able to train for a while: Ray would wait for ever."""
        there = cluster.nodes()
        every = [*self.running.values(), *self.aside]
        missing = {job.need for job in every if not any(job.need.fits(node) for node in there)}
        if not missing:
            self.fitting = time.monotonic()
        elif time.monotonic() - self.fitting >= self.patience:
            for task in [task for task, job in self.running.items() if job.need in missing]:
                ray.cancel(task)
                del self.running[task]
            self.aside = [job for job in self.aside if job.need not in missing]
            what = ", or ".join(sorted(map(str, missing)))
            self.problems.append(
                Refusal(
                    "no_node",
                    f"no node of the cluster has {what} for one task, and none came in {self.patience:g} s; see `ray "
                    "status`, ask for less with --devices, or wait longer for an autoscaler with --patience",
                )
            )

    def end(self, ray: Any) -> None:
        """Ask every task to save and end, and wait for that.

        Ray calls a task ended as soon as it is asked to; that it has saved shows by its claim.
        """
        for task in self.running:
            ray.cancel(task, force=False)
        left, until = [job.cohort.hash for job in self.running.values()], time.monotonic() + SAVE
        while left and time.monotonic() < until:
            stands = {name: stand_of(self.out, name) for name in left}
            left = [name for name, stand in stands.items() if isinstance(stand, Standing) and stand.state == "held"]
            time.sleep(LOOK if left else 0.0)
