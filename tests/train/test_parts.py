"""A log in a store: each writer has parts of its own, a reader puts them together, training does not wait."""

import itertools
import json
import time

import pytest

from sweep import storage
from sweep.errors import InputError
from sweep.storage import locate
from sweep.train import parts
from sweep.train.log import LOG, Log
from tests.storage.bucket import Bucket

FOLDER = locate("bucket://b/exp/cohorts/a")


@pytest.fixture
def log(store_folder):
    yield Log(FOLDER / LOG)
    parts.WRITERS.clear()


def names(events: list[dict]) -> list[str]:
    return [next(name for name in event if name != "time") for event in events]


def puts() -> int:
    return sum(call in ("put", "create") for call, _ in Bucket.calls)


def test_a_writer_has_one_object_that_holds_all_it_wrote(log, store_folder):
    with log:
        log.write(given=1)
        Log(FOLDER / LOG).write(begun=1)  # another object of the same process
        log.write(chunk=1)
        assert names(log.events()) == ["writer", "given", "begun", "chunk"]
    text = (store_folder / "exp" / "cohorts" / "a" / "log-0001.jsonl").read_text()
    assert [json.loads(line) for line in text.splitlines()] == log.events()
    assert (log.count("begun"), log.has("saved")) == (1, False)
    assert parts.WRITERS == {}


@pytest.mark.parametrize("name", ["begun", "out_of_memory"])
def test_what_the_next_command_goes_by_is_there_at_once(log, store_folder, name):
    """The number of an attempt names files; the process may end right behind the others."""
    log.write(**{name: 1})
    assert f'"{name}": 1'.encode() in (store_folder / "exp" / "cohorts" / "a" / "log-0001.jsonl").read_bytes()


def test_many_events_are_few_writings(log):
    log.write(begun=1)
    before = puts()
    for chunk in range(500):
        log.write(chunk=chunk)
    assert puts() - before <= 1
    log.close()
    assert puts() - before <= 2
    assert log.count("chunk") == 500


def test_what_can_wait_is_written_within_seconds(log, monkeypatch, store_folder):
    monkeypatch.setattr(parts, "EVERY", 0.05)
    log.write(chunk=1)
    file = store_folder / "exp" / "cohorts" / "a" / "log-0001.jsonl"
    deadline = time.monotonic() + 20
    while not (file.exists() and b"chunk" in file.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_next_command_writes_the_next_part_although_nothing_is_listed(log):
    Bucket.late = 10**9
    for attempt in (1, 2, 3, 4, 5):
        with log:
            log.write(begun=attempt)
    assert [e["begun"] for e in log.events() if "begun" in e] == [1, 2, 3, 4, 5]
    assert all(storage.read(FOLDER / parts.name_of(n)) for n in range(1, 6))


def test_no_thread_waits_where_nothing_is_to_be_written(log, monkeypatch):
    """Hundreds of cohorts are compiled before their turn: each has a line or two, and then nothing for hours."""
    monkeypatch.setattr(parts, "EVERY", 0.01)
    for attempt in range(3):
        log.write(compiling=f"program {attempt}")
        deadline = time.monotonic() + 20
        while parts.writer_of(FOLDER).thread is not None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert [e["compiling"] for e in log.events() if "compiling" in e] == ["program 0", "program 1", "program 2"]
    before = len(Bucket.calls)
    time.sleep(0.1)
    assert len(Bucket.calls) == before


def test_two_writers_at_once_take_different_parts(log, store_folder):
    one, other = parts.Writer(FOLDER), parts.Writer(FOLDER)
    for number, writer in enumerate((one, other)):
        writer.add(json.dumps({"time": float(number), "chunk": number}), soon=False)
    Bucket.conflicts = 1
    one.flush()
    other.flush()
    one.add(json.dumps({"time": 2.0, "chunk": 2}), soon=False)
    one.close()
    other.close()
    assert sorted(p.name for p in (store_folder / "exp" / "cohorts" / "a").iterdir()) == [
        "log-0001.jsonl",
        "log-0002.jsonl",
    ]
    assert sorted(e["chunk"] for e in log.events() if "chunk" in e) == [0, 1, 2]


def test_a_large_part_is_left_for_the_next(log, monkeypatch):
    monkeypatch.setattr(parts, "LARGEST", 2000)
    with log:
        for attempt in range(60):
            log.write(begun=attempt, text="x" * 100)
        assert [e["begun"] for e in log.events() if "begun" in e] == list(range(60))
    assert [e["begun"] for e in log.events() if "begun" in e] == list(range(60))
    sizes = [len(text) for text in parts.existing(FOLDER)]
    assert len(sizes) > 2
    assert max(sizes) < 2300


def test_a_store_that_is_away_for_a_while_costs_no_event(log):
    log.write(begun=1)
    Bucket.fails = [ConnectionResetError("reset") for _ in range(4)]
    log.write(chunk=1)
    parts.writer_of(FOLDER).wake.set()
    log.write(chunk=2)
    while Bucket.fails:
        time.sleep(0.01)
    log.close()
    assert log.count("chunk") == 2


def test_a_store_that_refuses_is_told_where_it_matters(log):
    Bucket.fails = [PermissionError("Access Denied") for _ in range(50)]
    with pytest.raises(InputError, match="may not do that there"):
        log.write(begun=1)
    Bucket.fails = []
    log.close()


def test_a_log_that_was_copied_to_a_disk_goes_on_there(log, tmp_path, store_folder):
    with log:
        log.write(begun=1)
    folder = store_folder / "exp" / "cohorts" / "a"
    here = Log(folder / LOG)
    here.write(begun=2)
    assert [e["begun"] for e in here.events() if "begun" in e] == [1, 2]
    assert [e["begun"] for e in log.events() if "begun" in e] == [1, 2]  # the file is in the store now
    with log:
        log.write(begun=3)
    assert [e["begun"] for e in log.events() if "begun" in e] == [1, 2, 3]


def test_time_does_not_go_by_a_clock_alone(log, monkeypatch):
    """The clock of the second host is behind: its part still comes after the first."""
    clock = itertools.count(1000.0, -10.0)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    for attempt in (1, 2):
        with log:
            log.write(begun=attempt)
    assert [e["begun"] for e in log.events() if "begun" in e] == [1, 2]
