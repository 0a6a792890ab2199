"""`sweep run --engine ray`: lay a sweep out, train it on a cluster, merge its tables."""

from collections.abc import Callable

import pyarrow as pa

from sweep.config import Sweep
from sweep.design.cohorts import cohorts
from sweep.errors import Partial, SweepError
from sweep.platforms import Platform
from sweep.rayengine import cluster
from sweep.rayengine.driver import Driver, Job
from sweep.rayengine.needs import in_order, need_of, platform_of
from sweep.storage import Location
from sweep.tables import io
from sweep.train.data.shards import Corpus
from sweep.train.launch import plan_sweep
from sweep.train.outcome import left_of
from sweep.train.stop import interruptible


def train_on_ray(
    sweep: Sweep,
    corpus: Corpus,
    out: Location,
    platform: Platform | None,
    devices: int,
    patience: float,
    shown: Callable[[], None],
    say: Callable[[str], None],
) -> pa.Table:
    """Train every family of a sweep on the cluster that this process is connected to; returns the loss table.

    Args:
        platform: what to train on; None: the best that the cluster has.
        devices: of each cohort; 0: what it needs.
        patience, shown, say: as of Driver.

    Raises:
        Refusal, InputError: as `train_sweep`; a node that does not see `out`.
        Partial: stopped by a signal, or some cohorts failed; the same call continues.
    """
    there = cluster.nodes()
    on = platform or platform_of(there)
    every = cohorts(plan_sweep(sweep, corpus, out, on))
    left = left_of(out, every)
    jobs = [Job(c, need_of(c, on, there, devices), left[c.hash]) for c in in_order(every, left)]
    say(f"{len(jobs)} of {len(every)} cohorts to train on {len(there)} node{'s' * (len(there) != 1)} ({on})")
    problems: list[SweepError] = []
    with interruptible() as stop:
        problems = Driver(out, jobs, patience, shown, say).work(stop)
    losses = io.merge(out)
    for problem in sorted(problems, key=lambda p: isinstance(p, Partial)):
        raise problem
    return losses
