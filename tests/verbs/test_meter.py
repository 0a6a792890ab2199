"""The meter of a long fit: silent at first, then a bar on a terminal or a line now and then."""

import io

from rich.console import Console

from sweep.verbs import meter
from sweep.verbs.meter import Meter


def told(monkeypatch, terminal: bool, seconds: list[float]) -> str:
    """What is written when the meter is called at these times, 100 fits further each time."""
    clock = iter([0.0, *seconds])
    monkeypatch.setattr(meter.time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    with Meter(Console(file=out, force_terminal=terminal, width=80)) as show:
        for i in range(len(seconds)):
            show(100 * (i + 1), 1000)
    return out.getvalue()


def test_a_short_fit_shows_nothing(monkeypatch):
    """Under two seconds a meter would only flicker."""
    assert told(monkeypatch, False, [0.5, 1.9]) == ""
    assert told(monkeypatch, True, [0.5, 1.9]) == ""


def test_lines_where_there_is_no_terminal(monkeypatch):
    """One line in ten seconds, with the time left by the rate so far."""
    lines = told(monkeypatch, False, [5.0, 12.0, 13.0, 20.0, 23.0]).splitlines()
    assert lines == ["fitting: 200 of 1,000 fits, about 48 s to go", "fitting: 500 of 1,000 fits, about 23 s to go"]


def test_no_estimate_before_anything_is_done(monkeypatch):
    """The first call of the device may take long: its time says nothing about the others."""
    monkeypatch.setattr(meter, "LINE_EVERY", 0.0)
    out = io.StringIO()
    show = Meter(Console(file=out, width=80))
    show.began -= 10
    show(0, 3000)
    assert out.getvalue() == "fitting: 0 of 3,000 fits\n"


def test_a_bar_on_a_terminal(monkeypatch):
    """The bar says how much is done and goes away at the end."""
    out = io.StringIO()
    show = Meter(Console(file=out, force_terminal=True, width=80))
    show.began -= 10
    with show:
        show(250, 1000)
        assert show.bar is not None
        show.bar.refresh()
    assert "fitting" in out.getvalue()
    assert "25%" in out.getvalue()


def test_what_is_expected_is_said_instead_of_the_rate(monkeypatch):
    """Compiling comes in lumps: who does the work knows the time left better."""
    monkeypatch.setattr(meter, "LINE_EVERY", 0.0)
    out = io.StringIO()
    show = Meter(Console(file=out, width=80))
    show.began -= 1000
    show.expect(42.4)
    show(10, 3000)
    assert out.getvalue() == "fitting: 10 of 3,000 fits, about 42 s to go\n"
