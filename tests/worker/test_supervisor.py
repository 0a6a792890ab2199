"""The supervisor against processes that end in every way; what they train is a file."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from sweep.errors import InputError, Partial
from sweep.tables.cohorts import write_index
from sweep.train import hold
from sweep.train.claims import Claims, Folder
from sweep.train.owner import owner
from sweep.worker import left as left_module
from sweep.worker.left import left_of
from sweep.worker.supervisor import TRIES, Supervisor, Times

QUICK = Times(look=0.1, pause=0.01, longest=0.02, away=0.3)
CHILD = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from sweep.train.claims import Claims, Folder
from sweep.train.owner import gone, owner
out, but = Path({out!r}), sys.argv[1:]
def claimed():
    for folder in sorted((out / "cohorts").iterdir()):
        if folder.name not in but:
            claim = Claims(Folder(folder), 60.0, gone).take(owner())
            if claim is not None:
                yield folder.name, claim
with open({out!r} + "/starts", "a") as starts:
    starts.write(" ".join(["start", *but]) + "\\n")
for name, claim in claimed():
    {body}
"""
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A sweep of three cohorts."""
    (tmp_path / "sweep.json").write_text("{}")
    for name in "abc":
        (tmp_path / "cohorts" / name).mkdir(parents=True)
    write_index(tmp_path, "abc")
    return tmp_path


@pytest.fixture
def said() -> list[str]:
    return []


def supervisor(out: Path, said: list[str], body: str, times: Times = QUICK) -> Supervisor:
    """One whose process runs `body` for each cohort that it claims."""
    return Supervisor(out, [sys.executable, "-c", CHILD.format(root=ROOT, out=str(out), body=body)], said.append, times)


def starts(out: Path) -> list[str]:
    return (out / "starts").read_text().splitlines()


def test_all_is_trained_by_one_process(out, said):
    assert supervisor(out, said, "claim.finish()").work() == 0
    assert starts(out) == ["start"]
    assert said == []
    assert supervisor(out, said, "claim.finish()").work() == 0  # nothing is left
    assert starts(out) == ["start"]


def test_a_process_that_dies_is_started_anew_and_goes_on(out, said):
    body = "claim.finish() if name != 'b' or claim.attempt > 1 else os.kill(os.getpid(), 9)"
    assert supervisor(out, said, body).work() == 0
    assert starts(out) == ["start", "start"]
    (line,) = said
    assert "by SIGKILL (the system may have run out of memory) while it trained cohort b" in line


def test_a_cohort_that_kills_its_process_is_given_up_and_others_are_trained(out, said):
    body = "claim.finish() if name != 'b' else os.kill(os.getpid(), 11)"
    with pytest.raises(Partial, match="1 of 3 cohorts are left that this worker could not train: b"):
        supervisor(out, said, body).work()
    assert starts(out) == ["start"] * TRIES + ["start --but b"]
    assert left_of(out).free == ["b"]
    assert f"cohort b was begun {TRIES} times and not ended; this worker leaves it alone" in said

    said.clear()  # another worker need not lose processes of its own
    with pytest.raises(Partial, match="1 of 3 cohorts are left that this worker could not train: b"):
        supervisor(out, said, body).work()
    (line,) = said
    assert line.startswith(f"cohort b has ended {TRIES} processes and is left alone; its folder's crash-* say how")
    assert len(starts(out)) == TRIES + 1
    assert json.loads((out / "cohorts" / "b" / "crash-0001").read_text())["ended"] == "by SIGSEGV"
    for mark in (out / "cohorts" / "b").glob("crash-*"):
        mark.unlink()
    assert supervisor(out, said, "claim.finish()").work() == 0


def test_a_process_that_never_begins_ends_the_worker(out, said):
    failing = Supervisor(out, [sys.executable, "-c", "raise SystemExit(70)"], said.append, QUICK)
    with pytest.raises(Partial, match=f"ended {TRIES} times before it began a cohort"):
        failing.work()
    assert len(said) == TRIES


@pytest.mark.parametrize("code", [1, 2])
def test_wrong_input_and_refusals_are_not_tried_again(out, said, code):
    assert Supervisor(out, [sys.executable, "-c", f"raise SystemExit({code})"], said.append, QUICK).work() == code
    assert said == []


def test_it_waits_for_others_and_takes_over_what_they_leave(out, said):
    other = Claims(Folder(out / "cohorts" / "a"), 60.0).take(owner() | {"host": "node-7", "process": None})
    assert other is not None
    timer = threading.Timer(1.5, other.release)
    timer.start()
    assert supervisor(out, said, "claim.finish()").work() == 0
    timer.join()
    assert len(starts(out)) == 2
    assert said == ["waiting for the last cohort, which others train (node-7)"]
    assert json.loads((out / "cohorts" / "a" / "DONE").read_text())["attempt"] == 2


def test_a_damaged_claim_is_named_and_the_others_are_trained(out, said):
    (out / "cohorts" / "c" / "lease-0001").write_text("{half")
    body = "claim.finish()"
    with pytest.raises(Partial, match="1 of 3 cohorts are left that this worker could not train: c"):
        supervisor(out, said, body).work()
    (line,) = said
    assert line.endswith("lease-0001: damaged, not a claim of a worker; delete it when no worker trains this cohort")
    assert starts(out) == ["start --but c"]


def test_a_process_that_does_nothing_does_not_run_for_ever(out, said):
    with pytest.raises(Partial, match=f"ended {TRIES} times before it began a cohort"):
        Supervisor(out, [sys.executable, "-c", ""], said.append, QUICK).work()


def test_cohorts_that_are_left_alone_from_the_start(out, said):
    alone = supervisor(out, said, "claim.finish()")
    with pytest.raises(Partial, match="1 of 3 cohorts are left that this worker could not train: b"):
        Supervisor(out, alone.command, said.append, QUICK, but=["b"]).work()
    assert starts(out) == ["start --but b"]


def test_no_sweep_is_told_in_one_line(tmp_path, said):
    with pytest.raises(InputError, match="holds no sweep; lay one out with"):
        supervisor(tmp_path, said, "pass").work()


def test_a_store_that_is_away_is_asked_again(out, said, monkeypatch):
    real, answers = left_of, iter([True, False, False] + [True] * 100)

    def at_times(place):
        if not next(answers):
            raise InputError("bucket: no answer")
        return real(place)

    monkeypatch.setattr("sweep.worker.supervisor.left_of", at_times)
    assert supervisor(out, said, "claim.finish()", Times(0.05, 0.01, 0.02, 20.0)).work() == 0
    assert said == ["bucket: no answer; asking again"] * 2
    monkeypatch.setattr("sweep.worker.supervisor.left_of", lambda place: at_times(None))
    answers = iter([False] * 1000)
    with pytest.raises(InputError, match="no answer"):
        supervisor(out, said, "pass").work()


def test_expiry_is_that_of_the_process_that_trains():
    assert left_module.EXPIRY == hold.EXPIRY


def test_what_is_left(out):
    claims = {name: Claims(Folder(out / "cohorts" / name), 60.0) for name in "abc"}
    done, held = (claims[name].take(owner()) for name in "ab")
    assert done is not None
    assert held is not None
    done.finish()
    left = left_of(out)
    assert (left.cohorts, sorted(left.stands), left.free) == (3, ["b", "c"], ["c"])
    assert left.stands["b"].owner["pid"] == owner()["pid"]
    time.sleep(0.01)
    held.release()
    assert left_of(out).free == ["b", "c"]
