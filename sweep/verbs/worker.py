"""`sweep worker`: train what is left of a sweep, beside any number of other workers."""

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

import tyro

from sweep import platforms
from sweep.errors import InputError, Partial, Refusal, SweepError
from sweep.storage import Location, locate
from sweep.verbs.output import Output
from sweep.worker.supervisor import PART, SUPERVISED, Supervisor, tell

PARENT_DIES = 1  # PR_SET_PDEATHSIG of Linux


@dataclass(frozen=True)
class Args:
    """Train what is left of a sweep, as one of any number of workers: tasks of a SLURM array, pods, shells.

    Lay the sweep out first: `sweep run CONFIG --out DIR --engine none`. A worker claims cohorts that nobody trains,
    goes on where another has left one, and ends when all are done. It may be killed at any moment.

    Exit code 0: every cohort is done; 3: stopped, or some could not be trained; 1 and 2 as of `sweep run`.

    Example: sweep worker runs/gpu
    """

    dir: tyro.conf.Positional[str]
    """Run directory, on a disk that all workers see or in a store."""
    supervise: bool = True
    """Train in a process of its own, which is started anew when it dies. --no-supervise trains in this one."""
    but: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Hash of a cohort to leave alone; repeatable."""
    only: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """With --no-supervise: hash of a cohort to train, and no other; repeatable."""


def without_jax(args: Args) -> bool:
    """A supervisor starts no device, and does not even load JAX."""
    return args.supervise


def device(args: Args) -> platforms.Device:
    """Whatever JAX finds, to train on."""
    return "any"


def run(args: Args) -> Output:
    """Supervise, or train, and say what came out.

    Raises:
        InputError, Refusal, Partial: as `sweep run`.
    """
    out = locate(args.dir)
    if not args.supervise:
        return train(out, args)
    words = [sys.executable, "-m", "sweep", "worker", args.dir, "--no-supervise"]
    if args.only:
        raise InputError("--only goes with --no-supervise: a worker trains all that is left")
    code = Supervisor(out, words, tell, but=args.but).work()
    if code:
        return Output({"dir": str(out)}, "", code)
    from sweep.tables import io  # it loads JAX, which nothing needs any more

    losses = io.merge(out)  # whoever ended last may have been killed before it did
    statuses: dict[str, int] = {}
    for status in losses["status"].to_pylist():
        statuses[status] = statuses.get(status, 0) + 1
    counted = ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))
    return Output({"dir": str(out), "statuses": statuses}, f"{out}: {counted}\nnext: sweep fit {out}")


def train(out: Location, args: Args) -> Output:
    """Train what is free in this process."""
    from rich.console import Console

    from sweep.train.gang.start import unattended
    from sweep.train.launch import train_planned
    from sweep.train.progress import Progress
    from sweep.verbs.data import progress

    end_with_parent()
    own_devices()
    try:
        with unattended(tell=stuck) as alone, progress() as shown:
            train_planned(out, Progress(Console(stderr=True)), args.but, args.only, shown, alone)
    except Partial:
        if SUPERVISED not in os.environ:
            raise
        return Output({"dir": str(out)}, "", PART)
    return Output({"dir": str(out)}, "")


def stuck(error: SweepError) -> int:
    """Say why this process ends itself."""
    tell(str(error))
    return error.exit_code


def end_with_parent() -> None:
    """On Linux: save and stop when the supervisor is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PARENT_DIES, signal.SIGTERM)


def own_devices() -> None:
    """Of a node's GPUs the part of this task, where SLURM has given all of them to each of several tasks.

    Raises:
        Refusal: `gang`, a host of a TPU slice with others: its chips start on all hosts together or not at all.
        InputError: as `cluster.local_gpus`.
    """
    from sweep.train.gang import cluster

    slice_of_hosts: Any = cluster.tpu()
    if slice_of_hosts is not None and slice_of_hosts.get_process_count() > 1:
        raise Refusal(
            "gang",
            "this host is one of several of a TPU slice, which train together: start `sweep run CONFIG --out DIR` on "
            "every host of it; several slices may share one directory",
        )
    if cluster.on_slurm(os.environ):
        visible = cluster.visible(os.environ)
        mine = cluster.local_gpus(os.environ, len(visible))
        if mine is not None:
            named = [n for n in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if n]
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(named[i] if named else str(i) for i in mine)
