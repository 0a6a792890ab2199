"""The run that decides a forecast: by name, else by its size, and never by a guess."""

import pytest

from sweep.plan.match import decided

FORECAST = {"trial": "big", "params": 1000.0, "tokens": 50_000.0, "repeats": 0}
ROW = {"trial": "x", "params_with_head": 1001, "tokens": 50_000, "status": "done", "loss": 2.0}


def test_by_name_whatever_its_size():
    row = ROW | {"trial": "big", "params_with_head": 7}
    assert decided(FORECAST, [ROW, row]) == (row, "")


def test_by_size_where_no_run_has_the_name():
    assert decided(FORECAST, [ROW | {"params_with_head": 1100}, ROW]) == (ROW, "")
    assert decided(FORECAST | {"trial": None}, [ROW]) == (ROW, "")


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_run_that_failed_has_ended(status):
    row = ROW | {"status": status, "loss": None}
    assert decided(FORECAST, [row]) == (row, "")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "no run of the table"),
        ([ROW | {"tokens": 51_000}], "no run of the table"),
        ([ROW | {"params_with_head": None}], "no run of the table"),
        ([ROW | {"status": "partial"}], "has not ended"),
        ([ROW, ROW | {"trial": "y"}], r"2 runs have its params and tokens (x, y)"),
    ],
)
def test_what_stays_open(rows, why):
    row, reason = decided(FORECAST, rows)
    assert row is None
    assert why in reason


def test_a_size_that_the_fit_had_already_seen_is_not_matched():
    assert decided(FORECAST | {"repeats": 2}, [ROW])[0] is None
    assert decided(FORECAST | {"repeats": 2}, [ROW | {"trial": "big"}])[0] is not None
