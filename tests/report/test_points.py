"""What the charts draw, against the simulated rows and brute force."""

import dataclasses

import numpy as np
import pytest

from sweep.report import points as p
from tests.report.simulated import LAW, TARGET, best_of_cells, law_loss, losses


def test_every_tried_trial_is_a_point_and_only_fitted_ones_are_used(run):
    found = p.points(run)
    assert len(found) == len(losses())
    assert {q.trial for q in found if q.used} == {r["trial"] for r in best_of_cells(losses())}
    assert {q.status for q in found if not q.used} == {"done", "diverged", "failed", "partial"}


def test_waiting_trials_are_no_points(run):
    rows = [{**row, "status": "pending"} if i == 0 else row for i, row in enumerate(run.losses)]
    assert len(p.points(dataclasses.replace(run, losses=rows))) == len(rows) - 1


def test_without_a_fit_every_finished_trial_is_filled(run):
    found = p.points(dataclasses.replace(run, fit={}))
    assert all(q.used is (q.status == "done") for q in found)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"params": "with_head", "flops": "exact"}, ("with_head", "exact")),
        ({"params": "column params_non_embedding", "flops": "6nd"}, ("non_embedding", "6nd")),
        ("total", ("total", "exact")),
        (None, ("with_head", "exact")),
    ],
)
def test_conventions_of_the_fit(stated, expected):
    assert p.conventions({"convention": stated}) == expected


def trunk_run(run):
    """Two horizons of one trunk and a trial alone: (run, id of the short, of the long, of the lone one)."""
    rows = [{**row, "trunk": None} for row in run.losses[:3]]
    for row, steps, trunk in zip(rows, (100, 200, 50), ("t", "t", "alone"), strict=True):
        row.update(status="done", loss=2.0, steps=steps, trunk=trunk)
    short, long, lone = (row["trial"] for row in rows)
    at = [("t", s) for s in (50, 80, 90, 150, 160)] + [(short, 100), (long, 200), (lone, 25), (lone, 50)]
    curves = [{"trial": key, "step": step, "loss": 3.0, "flops_exact": 1e6 * step} for key, step in at]
    sweep = {**run.sweep, "config": {**run.config, "recipe": {"cooldown": 0.2}}}
    return dataclasses.replace(run, sweep=sweep, losses=rows, curves=curves), short, long, lone


def test_a_branch_has_the_points_of_its_trunk_up_to_its_cooldown(run):
    tree, short, long, lone = trunk_run(run)
    found = p.learning_curves(tree)
    steps = {key: [row["step"] for row in found if row["trial"] == key] for key in (short, long, lone)}
    assert steps == {short: [50, 80, 100], long: [50, 80, 90, 150, 160, 200], lone: [25, 50]}
    assert len(found) == 11


def test_params_are_counted_as_the_fit_counts(run):
    other = dataclasses.replace(run, fit={**run.fit, "convention": {"params": "total", "flops": "6nd"}})
    rows = {row["trial"]: row for row in run.losses}
    for q in p.points(other):
        assert (q.params, q.flops) == (rows[q.trial]["params_total"], rows[q.trial]["flops_6nd"])


def test_residual_is_observed_over_predicted(run):
    stored = run.fit["points"][0]
    assert p.residuals(run)[0]["excess"] == pytest.approx(100 * np.expm1(stored["residual"]))


def test_optimum_of_a_lane_is_the_minimum_found_by_brute_force(run):
    lane = {**LAW, "A": LAW["A"] * 1.3, "beta": 0.37}
    (found,) = p.optima(dataclasses.replace(run, lanes=[lane]))
    grid = np.exp(np.linspace(np.log(1e3), np.log(1e6), 200_001))
    loss = lane["A"] * grid ** -lane["alpha"] + lane["B"] * (TARGET / 6 / grid) ** -lane["beta"]
    assert found == pytest.approx(grid[loss.argmin()], rel=1e-4)


def test_lanes_without_an_optimum_are_left_out(run):
    bad = [{**LAW, "alpha": 0.0}, {**LAW, "B": None}, {**LAW, "status": "at_bound"}]
    assert p.optima(dataclasses.replace(run, lanes=bad)) == []


def test_cells_tell_an_edge_from_an_interior_best(run):
    cells = p.cells(run)
    assert len(cells) == 24
    smallest = min(cells, key=lambda cell: cell.trials[0].params)
    assert not smallest.inside  # simulated to want 2.6 times the recipe's rate
    assert sorted(smallest.factors.values()) == [0.5, 1.0, 2.0]
    middle = [cell for cell in cells if cell.trials[0].params > 3e3 and all(t.status == "done" for t in cell.trials)]
    assert sum(cell.inside for cell in middle) > 0.7 * len(middle)


def test_a_failed_neighbour_makes_an_edge(run):
    cell = next(c for c in p.cells(run) if any(t.status == "failed" for t in c.trials))
    assert cell.best is not None
    assert min(t.lr for t in cell.trials if t.lr and t.status == "done") == cell.best.lr
    assert not cell.inside


def test_a_sweep_without_a_bracket_has_no_cells(run):
    one = [row for i, row in enumerate(run.losses) if i % 3 == 1]
    assert p.cells(dataclasses.replace(run, losses=one)) == []


def test_forecasts_find_their_outcomes(run):
    first, second = p.forecasts(run)
    assert first.outcome is not None
    assert first.outcome["loss"] == losses()[-1]["loss"]
    assert second.outcome is None
    assert first.line["loss"] == pytest.approx(float(law_loss(first.line["params"], first.line["tokens"])))
