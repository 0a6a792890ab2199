"""The time left: compiling apart from the lanes, on clocks of known work."""

import pytest

from sweep.fit import effort as module
from sweep.fit.effort import Effort, announce
from sweep.fit.programs import Made


@pytest.fixture
def clock(monkeypatch):
    """Sets what the time is, and how many programs were made in how many seconds."""
    made = Made()
    now = [0.0]
    monkeypatch.setattr(module, "MADE", made)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])

    def at(seconds, units, compiling):
        now[0], made.units, made.seconds = seconds, units, compiling

    return at


def test_a_cold_start_and_a_warm_one_are_foretold_from_their_first_tenth(clock):
    """12,000 lanes of 5 ms with 24 units of programs, of 4 s each where nothing is kept and 0.3 s where they are."""
    for each in (4.0, 0.3):
        clock(0.0, 0.0, 0.0)
        work = Effort(12_000.0, 24.0, began=0.0, before=Made(), mark=Made())
        total = 12_000 * 0.005 + 24 * each
        assert work.left() is None
        for lanes, units in ((300, 3), (1200, 3), (6000, 12), (12_000, 24)):
            seconds = lanes * 0.005 + units * each
            clock(seconds, float(units), units * each)
            work.done = float(lanes)
            assert work.left() == pytest.approx(total - seconds, abs=1e-6)


def test_programs_that_were_there_cost_nothing(clock):
    clock(10.0, 5.0, 8.0)
    work = Effort(1000.0, 6.0, began=10.0, before=Made(5.0, 8.0), mark=Made(5.0, 8.0))
    clock(12.0, 5.0, 8.0)
    work.done = 500.0
    assert work.left() == pytest.approx(2.0)


def test_a_meter_is_told_and_any_other_callable_is_not(clock):
    class Told:
        seconds = None
        calls = ()

        def expect(self, seconds):
            self.seconds = seconds

        def __call__(self, done, of):
            self.calls = (*self.calls, (done, of))

    clock(0.0, 0.0, 0.0)
    work, meter, plain = Effort(100.0, 0.0, began=0.0, before=Made(), mark=Made()), Told(), []
    clock(1.0, 0.0, 0.0)
    work.done = 50.0
    announce(meter, work, 50, 100)
    announce(lambda *done: plain.append(done), work, 50, 100)
    announce(None, work, 50, 100)
    assert meter.seconds == pytest.approx(1.0)
    assert meter.calls == ((50, 100),)
    assert plain == [(50, 100)]


def test_the_easier_kind_is_foretold_by_the_first_and_then_by_itself(clock):
    """100 lanes of 1 s, then 1,000 of 50 ms, which were taken for 100 ms."""
    clock(0.0, 0.0, 0.0)
    work = Effort(100.0, 0.0, later=1000.0, began=0.0, before=Made(), mark=Made())
    clock(50.0, 0.0, 0.0)
    work.done = 50.0
    assert work.left() == pytest.approx(50 + 1000 * 0.1)
    clock(100.0, 0.0, 0.0)
    work.done = 100.0
    work.follow(1000.0)
    assert work.left() == pytest.approx(100.0)
    clock(105.0, 0.0, 0.0)
    work.done = 100.0
    assert work.left() == pytest.approx(900 * 0.05)
