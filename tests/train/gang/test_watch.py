"""The death, the silence and the failure of one process end all, by one line."""

import math
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from sweep import cli
from sweep.errors import Fault, InputError, Partial, Refusal, SweepError
from sweep.train.gang import start as start_module
from sweep.train.gang.start import gang, seat_of, unattended
from sweep.train.gang.team import Team
from sweep.train.gang.watch import NOBODY, Times, Watch, packed, unpacked
from sweep.train.watch import leave
from tests.train.gang.processes import Ended, place, run, start

HERE = "the gang is here"  # what each process says on stderr: stdout is for process 0
ENDS = 30.0  # seconds in which all must have ended; the requirement is 60
QUICK = Times(gather=60.0, beat=0.5, silence=4.0, heartbeat=30.0, stuck=4.0)


def tell(error: SweepError) -> int:
    return cli.tell("run", error, as_json=False)


def flags() -> tuple[str, int, int]:
    """Those of `sweep run`; none where a scheduler says them."""
    return ("", 0, -1) if "SLURM_JOB_ID" in os.environ else place()


@contextmanager
def in_gang() -> Iterator[Team]:
    """As the command line does, a gang with short times."""
    code = 0
    try:
        with gang(seat_of(*flags()), QUICK, tell) as team:
            yield team
    except SweepError as error:
        code = tell(error)
    except Exception as error:
        code = tell(Fault(str(error)))
    leave(code)


def waits(victim: int, how: str) -> None:
    """Wait for something that does not come: in Python, or in a collective that `victim` takes no part in."""
    from jax.experimental import multihost_utils

    with in_gang() as team:
        team.watch.doing("training", math.inf)
        multihost_utils.sync_global_devices("all")
        print(HERE, file=sys.stderr, flush=True)
        if how == "collective" and team.me != victim:
            multihost_utils.sync_global_devices("never")
        time.sleep(100)


def dies_early() -> None:
    """Process 1 is killed before its devices have started; process 0 waits for them within JAX."""

    def describe() -> str:
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    if place()[2] == 1:
        start_module.description = describe
    with in_gang():
        pass


def lines_of(ended: Ended) -> list[str]:
    """What a process said about its end."""
    return [line for line in ended.err.splitlines() if line != HERE and "processes x" not in line]


def all_but(victim: int, ended: Sequence[Ended]) -> list[tuple[int, list[str]]]:
    return [(one.code, lines_of(one)) for rank, one in enumerate(ended) if rank != victim]


@pytest.mark.parametrize(("victim", "how"), [(0, "python"), (1, "python"), (0, "collective"), (1, "collective")])
def test_all_end_by_one_line_when_one_is_killed(victim: int, how: str):
    with start(waits, 3, victim, how, joined=False) as started:
        for rank in range(3):
            started.says(rank, HERE, "err", 60)
        started.send(victim, signal.SIGKILL)
        ended = started.wait(ENDS)
    for code, lines in all_but(victim, ended):
        assert code == 3
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"sweep run: stopped: process {victim} of 3 (host ")
        assert "has ended without a word" in lines[0]
        assert "repeat the command on every host" in lines[0]


def test_the_others_end_also_while_they_start_their_devices():
    first, second = run(dies_early, 2, joined=False, timeout=ENDS)
    assert (first.code, second.code) == (3, -signal.SIGKILL)
    (line,) = lines_of(first)
    assert "process 1 of 2" in line
    assert "has ended without a word" in line


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_all_others_end_when_one_is_frozen_and_it_ends_when_it_goes_on(victim: int):
    with start(waits, 3, victim, "collective", joined=False) as started:
        for rank in range(3):
            started.says(rank, HERE, "err", 60)
        started.send(victim, signal.SIGSTOP)
        frozen = started.wait(ENDS, but=[victim])
        started.send(victim, signal.SIGCONT)
        ended = started.wait(ENDS)
    for code, lines in all_but(victim, frozen):
        assert code == 3
        assert len(lines) == 1, lines
        assert f"process {victim} of 3 (host " in lines[0]
        assert re.search(r"has not answered for \d+ s", lines[0])
    assert ended[victim].code == 3
    assert len(lines_of(ended[victim])) == 1


def stuck() -> None:
    """Process 1 does nothing; process 0 waits for it."""
    with in_gang() as team:
        team.watch.doing("reading the corpus")
        if team.me == 1:
            time.sleep(100)
        for _ in range(3):
            team.watch.moved()
        team.meet()


@pytest.mark.slow
def test_a_process_without_progress_is_named_not_the_one_that_waits_for_it():
    for one in run(stuck, 2, joined=False, timeout=ENDS):
        assert one.code == 3
        (line,) = lines_of(one)
        assert "process 1 of 2 (host " in line
        (seconds,) = re.findall(r"has made no progress for (\d+) s \(reading the corpus\)", line)
        assert 4 <= int(seconds) <= 30  # when it is seen, a busy machine decides


def fails(rank: int, kind: str) -> None:
    """One process cannot go on, while the others wait for it."""
    with in_gang() as team:
        if team.me == rank:
            if kind == "input":
                raise InputError("corpus/: no such folder")
            if kind == "refusal":
                raise Refusal("too_large", "nothing fits")
            if kind == "fault":
                raise ZeroDivisionError("a bug")
            team.watch.fail(InputError("the feeder cannot read train-003.bin"))
        team.meet()


@pytest.mark.parametrize(
    ("rank", "kind", "code", "words"),
    [
        (1, "input", 1, "sweep run: error: process 1 of 2 (host {}): corpus/: no such folder"),
        (0, "refusal", 2, "sweep run: refused (too_large): process 0 of 2 (host {}): nothing fits"),
        (1, "thread", 1, "sweep run: error: process 1 of 2 (host {}): the feeder cannot read train-003.bin"),
    ],
)
def test_a_failure_of_one_is_told_by_all_with_its_exit_code(rank: int, kind: str, code: int, words: str):
    import socket

    ended = run(fails, 2, rank, kind, joined=False, timeout=ENDS)
    assert [one.code for one in ended] == [code, code]
    assert lines_of(ended[1 - rank]) == [words.format(socket.gethostname())]
    assert lines_of(ended[rank]) == [words.format("").replace(f"process {rank} of 2 (host ): ", "")]


@pytest.mark.slow
def test_a_fault_of_one_ends_the_others_as_a_fault():
    ended = run(fails, 2, 1, "fault", joined=False, timeout=ENDS)
    assert ended[0].code == 70
    (line,) = lines_of(ended[0])
    assert "a fault of sweep itself, not of your input: ZeroDivisionError: a bug" in line


def ends_well(part: int) -> None:
    """All come to the end; one of them has finished in part."""
    with in_gang() as team:
        time.sleep(0.5 * team.me)
        print("from", team.me)
        if team.me == part:
            raise Partial("one cohort failed")


@pytest.mark.slow
def test_all_leave_together_with_one_exit_code_and_process_0_alone_speaks():
    ended = run(ends_well, 2, 1, joined=False, timeout=ENDS)
    assert [one.code for one in ended] == [3, 3]
    assert [one.out for one in ended] == ["from 0\n", ""]
    assert "process 1 of 2" in lines_of(ended[0])[0]
    assert "one cohort failed" in lines_of(ended[0])[0]
    ended = run(ends_well, 2, -1, joined=False, timeout=ENDS)
    assert [one.code for one in ended] == [0, 0]
    assert [lines_of(one) for one in ended] == [[], []]


def test_an_error_keeps_its_kind_on_its_way():
    for error in (InputError("a"), Partial("b"), Refusal("code", "c")):
        there = unpacked(packed(error, 2), lambda rank: f"process {rank}")
        assert type(there) is type(error)
        assert str(there) == f"process 2: {error}"
        assert str(unpacked(packed(error, NOBODY))) == str(error)


def test_a_process_that_is_alone_is_watched_by_nobody():
    watch = Watch()
    watch.doing("training", 0.0)
    with watch.waiting():
        watch.moved()
    watch.announce(InputError("a"))
    watch.close()
    assert watch.alone


def alone(kind: str) -> None:
    """A process that nobody looks at, with two threads; one makes progress."""
    with unattended(QUICK, tell) as team:

        def goes_on() -> None:
            team.watch.doing("training cohort a", 1.0)
            for _ in range(40):
                time.sleep(0.1)
                team.watch.moved()

        other = threading.Thread(target=goes_on)
        other.start()
        if kind == "stuck":
            team.watch.doing("training cohort b", 1.5)
            time.sleep(100)
        other.join()
    print("ended well")


def test_a_process_that_is_alone_and_unattended_ends_when_a_thread_of_it_is_stuck():
    (one,) = run(alone, 1, "stuck", joined=False, timeout=ENDS)
    assert one.code == 3
    (line,) = lines_of(one)
    assert re.match(r"sweep run: stopped: process \d+ on host .* for \d+ s \(training cohort b\); it ends", line)


def test_a_process_that_is_alone_goes_on_while_its_threads_do():
    (one,) = run(alone, 1, "well", joined=False, timeout=ENDS)
    assert (one.code, "ended well" in one.out) == (0, True)
