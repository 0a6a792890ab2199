"""Numbers as people read them."""

import pytest

from sweep.verbs import preview_text


@pytest.mark.parametrize(
    ("number", "text"), [(999, "999"), (1234, "1.23k"), (2.5e6, "2.5M"), (3e9, "3B"), (12.4e12, "12.4T")]
)
def test_short_numbers(number, text):
    assert preview_text.short(number) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (2.25, "2.2 hours"),
        (0.5, "30.0 minutes"),
        (0.005, "18 seconds"),
        (1.5 / 3600, "1.5 seconds"),
        (0.012 / 3600, "12 ms"),
        (4.63e-9, "16.7 µs"),
    ],
)
def test_times(hours, text):
    assert preview_text.clock(hours) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1234.0, "1,234 s"),
        (1.234, "1.23 s"),
        (0.99995, "1 s"),
        (0.0456, "45.6 ms"),
        (7.89e-6, "7.89 µs"),
    ],
)
def test_times_of_a_step(seconds, text):
    assert preview_text.tick(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(1234.4, "1,234"), (19.6, "20"), (2.345, "2.3"), (0.0456, "0.046")])
def test_tokens_a_parameter(number, text):
    assert preview_text.ratio(number) == text
