"""What is compiled is told, and a stop does not wait for it."""

import threading
import time

import pytest

from sweep.errors import Partial
from sweep.train.watch import Watch


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
