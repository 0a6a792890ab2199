"""No answer depends on how a table lists its rows, nor on how often it lists all of them."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweep.fit import fit
from sweep.fit.look import look
from sweep.fit.order import in_order, once
from sweep.tables.curves import Curves
from sweep.tables.load import load

FIELD = Path(__file__).parents[1] / "field"
OF_ROWS = ("timing", "source", "row", "rows", "points", "warnings", "units")  # what names rows, or the file


def table(name="rows_one_order"):
    with (FIELD / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


def answers(value):
    """A record without what names rows or says how it was asked for."""
    if isinstance(value, dict):
        return {key: answers(x) for key, x in value.items() if key not in (*OF_ROWS, "request")}
    return [answers(x) for x in value] if isinstance(value, list) else value


def messages(found):
    """Warnings, without the numbers of rows."""
    return [w["message"].split(" N* at")[-1] for w in found.record["warnings"]]


@pytest.fixture(scope="module")
def one():
    return fit(FIELD / "rows_one_order.csv", bootstrap=200)


def test_rows_in_another_order_give_the_same_answer_to_the_last_bit(one):
    other = fit(FIELD / "rows_other_order.csv", bootstrap=200)
    assert answers(one.record) == answers(other.record)
    assert messages(one) == messages(other)
    assert [p["loss"] for p in other.record["points"]] == table("rows_other_order")["loss"].tolist()  # as listed


def test_trends_have_the_sign_of_the_data(one):
    """Published runs whose residuals rise with compute, and lie highest in the middle (polynomials by NumPy)."""
    found = one.record["diagnostics"]["residuals"]
    assert found["flops"]["slope_t"] == pytest.approx(5.4, abs=0.05)
    assert found["flops"]["bend_t"] == pytest.approx(-10.2, abs=0.05)
    assert found["tokens_per_param"]["slope_t"] == pytest.approx(2.9, abs=0.05)
    assert found["tokens_per_param"]["bend_t"] == pytest.approx(10.7, abs=0.05)


def test_a_table_twice_is_no_more_evidence(one):
    twice = fit({name: np.concatenate([x, x[::-1]]) for name, x in table().items()}, bootstrap=200)
    assert answers(twice.record) == answers(one.record)
    assert [w["code"] for w in twice.record["warnings"]][-1] == "duplicated_table"
    assert twice.record["n"] == 45


def test_check_names_a_doubled_table_in_one_line():
    found = look({name: np.concatenate([x, x]) for name, x in table().items()})
    named = [p for p in found["problems"] if p["code"].startswith("duplicate")]
    assert [p["code"] for p in named] == ["duplicated_table"]
    assert "every row is there 2 times" in named[0]["message"]
    assert found["rows"] == 90
    assert found["groups"] == 45


def test_some_rows_twice_are_left_alone():
    runs = load({name: np.append(x, x[:5]) for name, x in table().items()})
    assert once(runs) is runs


def test_groups_and_curves_follow_their_runs():
    runs = load(table())
    rng = np.random.default_rng(0)
    n = len(runs)
    run = np.repeat(np.arange(n), 3)
    curves = Curves(run, *(np.repeat(x, 3) for x in (runs.tokens, runs.flops, runs.loss)))
    runs = replace(runs, group=np.arange(n) // 5, curves=curves)
    shuffled = rng.permutation(n)
    place = np.argsort(shuffled)
    other = replace(runs.take(shuffled), curves=replace(curves, run=place[run]))
    first, second = in_order(runs), in_order(other)
    for name in ("params", "tokens", "loss", "flops", "group"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for found in (first, second):
        assert found.curves is not None
        np.testing.assert_array_equal(found.curves.loss, found.loss[found.curves.run])
        np.testing.assert_array_equal(found.curves.tokens, found.tokens[found.curves.run])
