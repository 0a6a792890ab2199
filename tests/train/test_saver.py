"""Where checkpoints can be written, and who is missing while they are."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

from sweep.errors import InputError
from sweep.storage import locate
from sweep.train.saver import RAISED, hush, missing, place


def test_where_checkpoints_can_be_written(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(place("gs://bucket/runs/one")) == "gs://bucket/runs/one"
    assert str(place(locate("gs://bucket/runs") / "one")) == "gs://bucket/runs/one"
    assert str(place("runs/one")) == str(tmp_path / "runs" / "one")
    with pytest.raises(InputError, match=r"s3://bucket/runs: checkpoints cannot be written to s3://; mount the bucket"):
        place("s3://bucket/runs")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "Some timed out task names:\n/job:jax_worker/replica:0/task:11\n/job:w/replica:0/task:3\n [type.goo",
            "es 3, 11",
        ),
        ("# reached the barrier: 1/2.\nThe first task at the barrier: 0. Some timed out task names:\n1\n [type", " 1"),
        ("INTERNAL: Barrier failed because: task is set to ERROR: UNAVAILABLE: Task 7 heartbeat timeout. This", " 7"),
    ],
)
def test_who_is_missing_at_a_barrier(text: str, names: str):
    error = TimeoutError("Timed out while waiting for async_write_complete barrier.")
    assert missing(error) == ""
    error.__cause__ = jax.errors.JaxRuntimeError(text)
    assert missing(error) == f"process{names}"


def test_what_orbax_raises_is_not_logged_with_a_traceback_as_well():
    def passes(file: str, error: Exception | None) -> bool:
        kind = (type(error), error, None) if error else None
        return RAISED.filter(logging.LogRecord("absl", logging.ERROR, file, 1, "text", None, kind))

    assert not passes("/lib/orbax/checkpoint/async_checkpointer.py", ValueError("full"))
    assert passes("/lib/orbax/checkpoint/async_checkpointer.py", None)
    assert passes("/lib/other.py", ValueError("full"))


def test_threads_of_the_array_store_say_nothing_of_a_closed_loop(monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.append(str(found.exc_value)))
    hush()
    hush()
    for text, thing in (("Event loop is closed", None), ("Event loop is closed", "a task"), ("other", None)):
        found: Any = SimpleNamespace(exc_type=RuntimeError, exc_value=RuntimeError(text), object=thing)
        sys.unraisablehook(found)
    assert told == ["Event loop is closed", "other"]
