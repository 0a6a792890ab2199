"""A cohort is in one run's hands at a time; another run sees in whose, and whether that one still lives."""

import json
import threading
import time

import pytest

from sweep.train import hold
from sweep.train.claims import Claims, Folder, lease
from sweep.train.gang.news import every
from sweep.train.gang.team import ALONE
from sweep.train.hold import holding, settled, sorted_out
from sweep.train.log import LOG, Log

ELSEWHERE = {"host": "tpu-3", "pid": 7, "since": "noon"}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Claims that expire soon, on a machine that may be slow."""
    monkeypatch.setattr(hold, "EXPIRY", 4.0)
    monkeypatch.setattr(hold, "LOOK", 0.05)


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path / LOG)


def test_it_is_held_by_one_and_released_for_the_next(tmp_path, log):
    with holding(tmp_path, log, ALONE) as first:
        assert first is not None
        assert first.attempt == 1
        with holding(tmp_path, log, ALONE) as second:
            assert second is None
    with holding(tmp_path, log, ALONE) as third:
        assert third is not None
        assert third.attempt == 2


def test_what_has_ended_is_marked_with_its_attempt_and_taken_by_nobody(tmp_path, log):
    with holding(tmp_path, log, ALONE) as held:
        assert held is not None
        held.finish()
    assert json.loads((tmp_path / "DONE").read_text())["attempt"] == 1
    with holding(tmp_path, log, ALONE) as again:
        assert again is None


def test_attempts_of_versions_without_claims_keep_their_numbers(tmp_path, log):
    for number in (1, 2):
        log.write(begun=number)
    for expected in (3, 4):
        with holding(tmp_path, log, ALONE) as held:
            assert held is not None
            assert held.attempt == expected
            log.write(begun=expected, owner={})


def test_a_holder_learns_that_another_has_taken_over(tmp_path, log):
    with holding(tmp_path, log, ALONE) as held:
        assert held is not None
        assert held.claim is not None
        assert held.claim.of.store.put_new(lease(2), b'{"attempt": 2}')
        assert held.lost.wait(10)


def test_an_owner_that_beats_is_alive_and_one_that_is_silent_gives_way(tmp_path, log):
    other = Claims(Folder(tmp_path), hold.EXPIRY).take(ELSEWHERE)
    assert other is not None
    with every(0.3, other.renew):
        time.sleep(0.5)
        assert settled(tmp_path, threading.Event()).state == "held"
    began = time.monotonic()
    assert settled(tmp_path, threading.Event()).state == "free"
    assert time.monotonic() - began < 2 * hold.EXPIRY + 10


def test_of_several_cohorts_the_free_are_named_and_the_owners_of_the_others(tmp_path):
    folders = {name: tmp_path / "cohorts" / name for name in ("a", "b", "c", "d")}
    others = {name: Claims(Folder(folders[name]), hold.EXPIRY).take(ELSEWHERE) for name in ("a", "b", "c")}
    assert others["c"] is not None
    others["c"].release()

    def beat() -> None:
        for name in ("a", "b"):
            claim = others[name]
            assert claim is not None
            claim.renew()

    with every(0.3, beat):
        free, line = sorted_out(tmp_path, [["a", "c"], ["b", "d"]], threading.Event())
    assert free == ["c", "d"]
    assert (
        line == "2 cohorts are trained by process 7 on host tpu-3, since noon; repeat the command when that has ended"
    )


def test_nothing_is_waited_for_where_nothing_was_claimed_or_a_stop_is_asked_for(tmp_path):
    stop = threading.Event()
    assert sorted_out(tmp_path, [[], []], stop) == ([], "")
    stop.set()
    assert sorted_out(tmp_path, [["a"]], stop) == ([], "")
