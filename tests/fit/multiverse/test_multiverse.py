"""The whole multiverse: equal to fits made one at a time, indifferent to order, honest about what it cannot say."""

import dataclasses

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.fit import fit
from sweep.fit.multiverse import multiverse
from sweep.fit.multiverse.axes import AXES as NAMES
from tests.fit.multiverse.conftest import AXES, BUDGETS

LAW = laws.get("additive")


def key(row):
    return tuple(row[axis] for axis in NAMES)


def test_numbers_are_those_of_single_fits(table, small):
    target = small.record["target"]
    assert target == pytest.approx(10 * table["flops"].max())
    rows = {(r["objective"], r["subset"]): r for r in small.record["curve"]}
    for kind in ("huber", "log_mse"):
        for subset, where in (("all", None), ("without_1e+18", "budget > 1.5e18")):
            one = fit(table, objective=kind, where=where, bootstrap=0, diagnostics=False).optimum(target)
            row = rows["huber 0.001" if kind == "huber" else kind, subset]
            assert [row["params"], row["tokens"], row["loss"]] == pytest.approx(
                [one.params, one.tokens, one.loss], rel=1e-4
            )


def test_the_contract_of_the_command_line(small):
    record = small.record
    assert record["specifications"] == len(record["curve"]) == 2 * 11
    assert record["passed"] + sum(f["n"] for f in record["failed"]) == record["specifications"]
    for name in ("params", "tokens", "loss"):
        low, high = record[name]["interval"]
        assert low <= record[name]["median"] <= high
    assert [row["params"] for row in record["curve"]] == sorted(row["params"] for row in record["curve"])
    assert record["compiled"]["programs"] <= record["compiled"]["at_most"] == 4
    assert sum(row["params"] for row in record["drivers"]) == pytest.approx(1)
    assert record["verdict"].startswith("N* at ")


def test_the_order_of_rows_changes_nothing(table, small):
    mixed = np.random.default_rng(0).permutation(35)
    other = multiverse({name: v[mixed] for name, v in table.items()}, axes=AXES).record
    assert other["curve"] == small.record["curve"]
    assert other["drivers"] == small.record["drivers"]


def test_a_cut_changes_only_its_axis(table, small):
    cut = multiverse(table, axes=dataclasses.replace(AXES, subsets=("late", "all"))).record
    known = {key(row): row for row in small.record["curve"]}
    assert cut["axes"] == {**small.record["axes"], "subset": ["late", "all"]}
    assert len(cut["curve"]) == 4
    for row in cut["curve"]:
        assert row["params"] == pytest.approx(known[key(row)]["params"], rel=1e-6)
        assert row["params_interval"] == pytest.approx(known[key(row)]["params_interval"], rel=1e-3)


def test_the_choice_that_moves_the_answer_is_named(simulate):
    """FLOPs that are five times 6 N D: what a budget buys depends on how it is counted."""
    table = simulate(BUDGETS, noise=0.001, seed=1)
    table["flops"] = 30 * table["params"] * table["tokens"]
    axes = dataclasses.replace(AXES, subsets=("all", "late", "early"))
    record = multiverse(table, axes=axes, target_compute=1e23).record
    assert record["drivers"][0]["axis"] == "flops"
    assert record["drivers"][0]["params"] > 0.8
    assert "the convention of counting FLOPs moves it most" in record["verdict"]


def test_nothing_passes(table):
    """Larger models do worse: no law of the kind has an optimum."""
    loss = 2 + 2100 * table["tokens"] ** -0.37 + 1e-3 * table["params"] ** 0.2
    axes = dataclasses.replace(AXES, subsets=("all",), resamples=0)
    with pytest.raises(Refusal, match=r"none of 2 specifications passes.*2 at_bound \(a coefficient is at its bound"):
        multiverse({**table, "loss": loss}, axes=axes)


def test_refusals_of_a_fit_are_refusals_here(table):
    ladder = {**table, "tokens": 20 * table["params"]}
    with pytest.raises(Refusal) as caught:
        multiverse(ladder, axes=AXES)
    assert caught.value.code == "collinear"


@pytest.mark.parametrize("options", [{"level": 1.0}, {"target_compute": -1.0}, {"target_compute": np.inf}])
def test_bad_numbers(table, options):
    with pytest.raises(InputError, match=r"within|it must be a number"):
        multiverse(table, axes=AXES, **options)


def interrupted(table, after: int):
    """A multiverse that is stopped once so many lanes are done."""

    def stop(done, of):
        assert done <= of
        if done >= after:
            raise KeyboardInterrupt

    return multiverse(table, axes=AXES, progress=stop).record


def test_an_interrupt_keeps_what_is_finished(table, small):
    lanes = small.record["timing"]["lanes"]
    full = lanes - 20 * 2 * 11
    record = interrupted(table, full + 1)
    assert record["warnings"][0]["code"] == "partial"
    assert "lanes are finished" in record["warnings"][0]["message"]
    known = {key(row): row["params"] for row in small.record["curve"]}
    assert {key(row): row["params"] for row in record["curve"]} == known
    assert record["params"]["resampled_interval"] == [None, None]
    with pytest.raises(KeyboardInterrupt):
        interrupted(table, 1)  # nothing is finished: nothing to keep
