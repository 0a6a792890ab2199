"""The death, the silence and the failure of one process end all, by one line; a request to stop reaches all."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sweep import cli
from sweep.errors import SweepError
from sweep.train.gang.start import gang, seat_of
from sweep.train.gang.team import Team
from sweep.train.gang.watch import Times
from sweep.train.watch import leave
from tests.train.gang.processes import place, start

HERE = "the gang is here"  # what each process says on stderr: stdout is for process 0
ENDS = 20.0  # seconds in which all must have ended; the requirement is 60
QUICK = Times(gather=60.0, beat=0.5, silence=4.0, heartbeat=30.0, stuck=4.0)


def tell(error: SweepError) -> int:
    return cli.tell("run", error, as_json=False)


@contextmanager
def in_gang() -> Iterator[Team]:
    """As the command line does, a gang with short times."""
    code = 0
    try:
        with gang(seat_of(*place()), QUICK, tell) as team:
            yield team
    except SweepError as error:
        code = tell(error)
    except KeyboardInterrupt:
        code = 3
    if code:
        leave(code)


def waits(rank: int, how: str) -> None:
    """Wait for something that does not come, in Python or in a collective that `rank` takes no part in."""
    import jax
    from jax.experimental import multihost_utils

    with in_gang() as team:
        team.watch.doing("training")
        team.meet()
        print(HERE, file=sys.stderr, flush=True)
        if how == "collective" and team.me != rank:
            multihost_utils.sync_global_devices("never")
        while True:
            team.watch.moved()
            time.sleep(0.1)
    jax.devices()


@pytest.mark.parametrize("victim", [0, 1])
def test_all_end_by_one_line_when_one_is_killed(victim: int):
    with start(waits, 3, victim, "python", joined=False) as started:
        for rank in range(3):
            started.says(rank, HERE, "err", 60)
        started.send(victim, signal.SIGKILL)
        ended = started.wait(ENDS)
    for rank, one in enumerate(ended):
        if rank != victim:
            lines = [line for line in one.err.splitlines() if line != HERE and "processes x" not in line]
            assert one.code == 3
            assert len(lines) == 1, one.err
            assert lines[0].startswith(f"sweep run: stopped: process {victim} of 3 (host ")
            assert "has ended without a word" in lines[0]
            assert "repeat the command on every host" in lines[0]
