"""What a log tells, by hand-written logs."""

import math

import pytest

from sweep.train.eta import Stand
from sweep.train.history import COMPILING, SILENT, phase, stand_of

GIVEN = {"time": 0.0, "given": 1}
COMPILE = {"time": 1.0, "compiling": "training"}
COMPILED = {"time": 8.0, "compiled": "training", "compile_s": 7.0}
BEGUN = {"time": 10.0, "begun": 1, "left": 100.0}
CHUNK = {"time": 14.0, "chunk": 1, "seconds": 4.0, "left": 60.0}
SAVED = {"time": 15.0, "saved": 1}
STOPPED = {"time": 16.0, "stopped": 1}


@pytest.mark.parametrize(
    ("events", "silence", "said"),
    [
        ([], 0.0, "pending"),
        ([COMPILE, COMPILED], 0.0, "pending"),  # ahead of its turn
        ([GIVEN], 1.0, "compiling"),
        ([GIVEN, COMPILE], SILENT + 1, "compiling"),  # a compiler says nothing for long
        ([GIVEN, COMPILE], COMPILING + 1, "stopped"),
        ([GIVEN, COMPILE, COMPILED], 1.0, "compiling"),
        ([GIVEN, COMPILE, COMPILED, BEGUN], 1.0, "training"),
        ([GIVEN, BEGUN, CHUNK, SAVED], 1.0, "training"),
        ([GIVEN, BEGUN, CHUNK, COMPILE], 1.0, "compiling"),
        ([GIVEN, BEGUN, CHUNK], SILENT + 1, "stopped"),  # killed
        ([GIVEN, BEGUN, CHUNK, STOPPED], 1.0, "stopped"),
        ([GIVEN, BEGUN, CHUNK, STOPPED, GIVEN], 1.0, "compiling"),
        ([BEGUN, CHUNK], 1.0, "stopped"),  # of an older version
    ],
)
def test_phases(events, silence, said):
    assert phase(events, (events[-1]["time"] if events else 0.0) + silence) == said


@pytest.mark.parametrize(
    ("events", "since", "said"),
    [
        ([GIVEN, COMPILE], 1.0, "compiling"),
        ([GIVEN, COMPILE], SILENT + 1, "stopped"),  # killed while it compiled: its owner, not the compiler, is silent
        ([GIVEN, COMPILE], math.inf, "stopped"),
        ([GIVEN, BEGUN, CHUNK], 1.0, "training"),  # a chunk of any length
        ([GIVEN, BEGUN, CHUNK, STOPPED], 1.0, "stopped"),
        ([COMPILE], math.inf, "pending"),
    ],
)
def test_a_sign_of_life_of_its_owner_says_more_than_the_log(events, since, said):
    now = events[-1]["time"] + 10 * SILENT
    assert phase(events, now, now - since) == said


def test_how_far_it_is():
    events = [GIVEN, COMPILE, COMPILED, BEGUN, CHUNK]
    assert stand_of(events, 200.0, done=False, now=14.5) == Stand(60.0, 40.0, 4.0, True, True, 10.0)
    assert stand_of(events, 200.0, done=True, now=9e9) == Stand(0.0, 100.0, 4.0, False, True, 10.0)
    assert stand_of([], 200.0, done=False, now=1.0) == Stand(200.0)


def test_a_cohort_that_continues_counts_its_last_attempt():
    again = [GIVEN | {"time": 20.0}, BEGUN | {"time": 22.0, "left": 60.0}]
    events = [GIVEN, BEGUN, CHUNK, STOPPED, *again]
    assert stand_of(events, 200.0, done=False, now=23.0) == Stand(60.0, 0.0, 0.0, True, True, 2.0)
    assert stand_of(events[:-1], 200.0, done=False, now=23.0) == Stand(60.0, active=True, waited=3.0)
    after = [*events, CHUNK | {"time": 25.0, "left": 30.0, "seconds": 3.0}]
    assert stand_of(after, 200.0, done=False, now=25.0) == Stand(30.0, 30.0, 3.0, True, True, 2.0)
