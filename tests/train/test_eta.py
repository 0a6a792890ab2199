"""The time left, against sweeps whose course is known."""

import pytest

from sweep.train.eta import Stand, seconds_left

DONE = Stand(0.0, 100.0, 10.0, ready=True, waited=4.0)  # 10 FLOP/s after 4 s of compiling
WAITING = Stand(50.0)


def test_nothing_is_known_before_anything_has_trained():
    assert seconds_left([]) is None
    assert seconds_left([WAITING, Stand(50.0, active=True, waited=30.0)]) is None


def test_nothing_is_left():
    assert seconds_left([DONE, DONE]) == 0.0


def test_one_after_another():
    """Each of the two to come compiles for 4 s and trains for 5."""
    assert seconds_left([DONE, WAITING, WAITING]) == pytest.approx(18.0)


def test_what_is_waited_already_is_not_waited_again():
    assert seconds_left([DONE, Stand(50.0, active=True, waited=3.0)]) == pytest.approx(1 + 5)
    assert seconds_left([DONE, Stand(50.0, active=True, waited=9.0)]) == pytest.approx(5)


def test_each_goes_on_at_its_own_speed():
    slow = Stand(50.0, 50.0, 50.0, active=True, ready=True, waited=4.0)
    assert seconds_left([DONE, slow]) == pytest.approx(50.0)


def test_side_by_side():
    """Two at a time: 10 and 30 s of work under way; 20 s that waits for devices, and takes 4 s to get ready."""
    speed = {"trained": 10.0, "seconds": 1.0, "active": True, "ready": True, "waited": 4.0}
    two = [Stand(100.0, **speed), Stand(300.0, **speed)]
    assert seconds_left(two) == pytest.approx(30.0)
    assert seconds_left([*two, Stand(200.0)]) == pytest.approx((10 + 30 + 24) / 2)
