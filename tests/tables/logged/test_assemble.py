"""Histories to a loss table and its curves, with everything that was left out counted."""

import math
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.tables.logged import exported
from sweep.tables.logged.assemble import assemble
from sweep.tables.logged.history import History, by_step
from sweep.tables.logged.inputs import add_named
from sweep.tables.logged.sources import histories, runs_in


def run(name: str, losses: dict[int, float], state: str = "finished", **config) -> History:
    points, _ = by_step((step, {"eval/loss": loss, "lr": 0.1}) for step, loss in losses.items())
    return History(name, config, points, state)


GIVEN = {"params": "size", "tokens": "step*512", "loss": "eval/loss"}


def test_a_row_is_the_last_step_with_a_loss():
    made = assemble([run("a", {10: 4.0, 20: 3.5}, size=1e6, seed=1), run("b", {10: 3.8}, size=2e6, seed=2)], GIVEN)
    assert made.losses.select(["trial", "status", "params", "tokens", "loss", "steps", "seed"]).to_pylist() == [
        {"trial": "a", "status": "done", "params": 1_000_000, "tokens": 10_240, "loss": 3.5, "steps": 20, "seed": 1},
        {"trial": "b", "status": "done", "params": 2_000_000, "tokens": 5_120, "loss": 3.8, "steps": 10, "seed": 2},
    ]
    assert [(p["trial"], p["tokens"], p["loss"]) for p in made.curves.to_pylist()] == [
        ("a", 5120, 4.0), ("a", 10_240, 3.5), ("b", 5120, 3.8),
    ]  # fmt: skip
    assert made.curves["flops"].to_pylist() == [6 * n * d for n, d in ((1e6, 5120), (1e6, 10_240), (2e6, 5120))]
    assert [(one.what, one.n, one.why) for one in made.lost] == [("metrics", 1, "not asked for: lr")]


def test_states_are_statuses_and_a_broken_run_is_not_finished():
    runs = [
        run("a", {10: 4.0}, size=1e6),
        run("b", {10: 4.0}, "running", size=1e6),
        run("c", {10: 4.0}, "killed", size=1e6),
        run("d", {10: 4.0, 20: math.nan}, size=1e6),
    ]
    made = assemble(runs, GIVEN).losses
    assert made["status"].to_pylist() == ["done", "partial", "failed", "diverged"]
    assert made["reason"].to_pylist()[2] == "its logger says killed"


def test_a_logger_without_states_makes_no_status():
    assert "status" not in assemble([run("a", {10: 4.0}, "", size=1e6)], GIVEN).losses.column_names


def test_what_is_left_out_is_counted_with_its_reason():
    points, _ = by_step([(10, {"eval/loss": 4.0}), (20, {"eval/loss": 3.9, "seen": 9.0}), (30, {"other": 1.0})])
    runs = [History("a", {"size": 1e6}, points), run("b", {10: 4.0}), run("c", {10: math.nan}, size=1e6)]
    made = assemble(runs, GIVEN | {"tokens": "seen"})
    told = {(one.what, one.why): (one.n, one.where) for one in made.lost}
    assert made.losses["trial"].to_pylist() == ["a"]
    assert told["points", "no tokens at that step (seen)"] == (1, "a")
    assert told["points", "no loss at that step"] == (2, "a, c")
    assert told["runs", "no params (size)"] == (1, "b")
    assert told["runs", "no step with tokens and a loss (eval/loss)"] == (1, "c")


def test_names_hold_settings():
    runs = [run("gpt-1.5M-s1", {10: 4.0}), run("gpt-3M-s2", {10: 3.9})]
    add_named(runs, "gpt-{params}-s{seed}")
    made = assemble(runs, {"tokens": "step*512"})  # params by its name, the loss by a usual one
    assert made.losses["params"].to_pylist() == [1_500_000, 3_000_000]
    assert made.losses["seed"].to_pylist() == ["1", "2"]
    with pytest.raises(InputError, match="is not called so"):
        add_named([run("other", {})], "gpt-{params}")
    with pytest.raises(InputError, match="names in braces"):
        add_named(runs, "gpt")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"params": "size", "loss": "eval/loss"}, "tokens: nothing that was logged"),
        (GIVEN | {"params": "sise"}, "nothing is called 'sise'.*did you mean 'size'"),
        (GIVEN | {"tokens": "steps*512"}, "nothing is called 'steps'.*did you mean 'step'"),
        (GIVEN | {"wisdom": "lr"}, "--columns wisdom"),
        (GIVEN | {"params": "lr"}, "none of 1 runs|not a"),
    ],
)
def test_what_nothing_holds_is_one_line_with_what_there_is(columns, message):
    runs = [run("a", {10: 4.0}, size=1e6)]
    if columns["params"] == "lr":
        runs = [History("a", {}, [{"step": 1, "lr": 0.1, "eval/loss": 4.0}, {"step": 2, "lr": 0.2}])]
    with pytest.raises(InputError, match=message) as told:
        assemble(runs, columns)
    assert "\n" not in str(told.value)


def test_exported_histories_and_sources(tmp_path: Path):
    (tmp_path / "gpt-a.csv").write_text("_step,train/loss,eval/loss\n10,4.5,\n20,4.0,3.9\n20,,3.8\n,1,1\n")
    found = exported.run_of(tmp_path / "gpt-a.csv")
    assert found.name == "gpt-a"
    assert [(p["step"], p["_step"], p.get("train/loss"), p.get("eval/loss")) for p in found.points] == [
        (10, 10, 4.5, None), (20, 20, 4.0, 3.8),
    ]  # fmt: skip
    assert {one.what: one.n for one in found.lost} == {"points": 1, "values": 1}
    (tmp_path / "table.csv").write_text("N,D,loss\n1,2,3\n")
    with pytest.raises(InputError, match="no history of one run"):
        exported.run_of(tmp_path / "table.csv")
    (tmp_path / "table.csv").unlink()
    assert [r.name for r in histories([str(tmp_path), str(tmp_path / "gpt-a.csv")])] == ["gpt-a", "gpt-a (2)"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no runs here"):
        runs_in(tmp_path / "empty")
    with pytest.raises(InputError, match="no such file"):
        runs_in(tmp_path / "nothing")
