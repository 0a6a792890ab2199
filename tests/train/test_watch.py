"""What is compiled is told, and a stop does not wait for it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sweep.errors import Partial
from sweep.train import watch as watching
from sweep.train.watch import Watch

ROOT = Path(__file__).parents[2]
LEAVES = """
import sys, threading
import jax
from sweep.errors import Partial
from sweep.train.watch import leave, unless

def deep(x):
    for i in range(800):
        x = jax.numpy.sin(x @ x) + i * x
    return x

lowered, stop = jax.jit(deep).lower(jax.ShapeDtypeStruct((64, 64), "float32")), threading.Event()
threading.Timer(0.5, stop.set).start()
try:
    unless(stop, lowered.compile)
except Partial:
    print("left")
    END
"""


def test_what_is_compiled_is_told_with_its_time():
    events: list[dict] = []
    watch = Watch(lambda **event: events.append(event))

    def make() -> str:
        what, since = watch.now or ("", 0.0)
        assert what == "training"
        assert 0 <= time.monotonic() - since < 60
        time.sleep(0.02)
        return "program"

    assert watch.over("training", make) == "program"
    assert watch.now is None
    assert events[0] == {"compiling": "training"}
    assert events[1]["compiled"] == "training"
    assert 0.02 <= events[1]["compile_s"] <= watch.seconds + 1e-3


def test_what_goes_wrong_is_raised():
    watch = Watch()
    with pytest.raises(ZeroDivisionError):
        watch.over("training", lambda: 1 / 0)
    assert watch.now is None


def test_a_stop_is_not_kept_waiting():
    watch, release, ended = Watch(), threading.Event(), threading.Event()
    watch.stop = threading.Event()
    threading.Timer(0.05, watch.stop.set).start()

    def make() -> None:
        release.wait(60)
        ended.set()

    with pytest.raises(Partial, match="the same command continues"):
        watch.over("training", make)
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)
    with pytest.raises(Partial):  # and nothing new is begun
        watch.over("training", lambda: pytest.fail("was begun"))


def test_a_second_interrupt_leaves_the_compiler_behind_too(monkeypatch):
    release, watch = threading.Event(), Watch()
    monkeypatch.setattr(watching, "left_behind", threading.Event())

    def interrupted(made, stop):
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "waited", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch.over("training", lambda: release.wait(60))
    release.set()
    assert watching.left_behind.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["leave(3)", "sys.exit(3)"])
def test_a_process_that_leaves_a_compiler_behind_ends_in_order(end):
    """A thread that is in XLA while Python ends aborts the process: "exception not rethrown", code 134."""
    script = LEAVES.replace("END", end)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (3, "left\n", "")
