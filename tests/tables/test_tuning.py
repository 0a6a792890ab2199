"""A grid of settings given as runs is asked about, or the best of each configuration kept; repeats are left alone."""

from pathlib import Path

import numpy as np
import pytest

from sweep import laws
from sweep.cli import main
from sweep.errors import InputError, Refusal
from sweep.fit.look import look
from sweep.tables.load import load

GRID = Path(__file__).parents[1] / "field" / "lr_grid.csv"
NAMES = {"params": "N", "tokens": "D"}
ADDITIVE = laws.get("additive")
N, D, LR = (x.ravel() for x in np.meshgrid([1e8, 2e8, 4e8], [1e10, 4e10], [1e-3, 2e-3, 4e-3], indexing="ij"))
TABLE = {"params": N, "tokens": D, "lr": LR, "loss": 2.0 + (1e8 / N) ** 0.3 + np.abs(np.log(LR / 2e-3))}


def test_a_published_grid_is_asked_and_its_best_rows_kept():
    with pytest.raises(Refusal, match=r"65 rows of 15 configurations differ in lr, batch.*--best-of lr,batch ") as why:
        load(GRID, NAMES, law=ADDITIVE)
    assert why.value.code == "several_settings"
    runs = load(GRID, NAMES, law=ADDITIVE, best_of=["lr", "batch"])
    every = load(GRID, NAMES, law=ADDITIVE, despite=["several_settings"])
    least = [
        every.loss[(every.params == n) & (every.tokens == d)].min()
        for n, d in zip(runs.params, runs.tokens, strict=True)
    ]
    assert (len(every), len(runs), len(np.unique(runs.group))) == (65, 15, 15)
    np.testing.assert_array_equal(runs.loss, least)
    assert runs.choice is not None
    assert (runs.choice.left_out, runs.choice.settings, runs.choice.noise) == (50, (4, 5), None)


def test_check_names_settings_and_not_repeats(capsys):
    data = look(GRID, NAMES)
    assert data["verdict"] == "refused"
    assert data["repeats"]["repeated"] == 0
    assert any("no seed repeats" in text for text in data["missing"])
    assert main(["check", str(GRID), "--columns", "params=N", "tokens=D"]) == 2
    text = capsys.readouterr().out
    assert "(several_settings)" in text
    assert "configurations repeated" not in text
    assert main(["check", str(GRID), "--columns", "params=N", "tokens=D", "--best-of", "lr,batch"]) == 0
    text = capsys.readouterr().out
    assert "50 rows left out" in text
    assert "--best-of lr,batch" in text.splitlines()[-1]


def test_seeds_are_no_settings():
    seeds = {**TABLE, "seed": np.tile([0, 1, 2], 6)}
    del seeds["lr"]
    assert len(load(seeds, law=ADDITIVE)) == 18


def test_settings_that_are_left_are_asked_for():
    table = {name: np.tile(x, 2) for name, x in TABLE.items()}
    table |= {"warmup": np.repeat([100, 400], 18), "loss": table["loss"] * np.repeat([1.0, 1.01], 18)}
    with pytest.raises(Refusal, match=r"differ in warmup besides lr.*--best-of lr,warmup"):
        load(table, law=ADDITIVE, best_of=["lr"])
    assert len(load(table, law=ADDITIVE, best_of=["lr", "warmup"])) == 6


def test_repeats_of_the_best_setting_stay_together():
    table = {name: np.repeat(x, 3) for name, x in TABLE.items()}
    table["loss"] = table["loss"] * np.exp(0.002 * np.random.default_rng(0).standard_normal(54))
    runs = load({**table, "seed": np.tile([0, 1, 2], 18)}, law=ADDITIVE, best_of=["lr"])
    assert (len(runs), len(np.unique(runs.group))) == (18, 6)
    assert runs.choice is not None
    assert runs.choice.noise == pytest.approx(0.002, rel=0.3)
    assert runs.choice.optimism == 0  # the settings differ by far more than their noise


def test_arms_and_texts_are_configurations_of_their_own():
    table = {name: np.tile(x, 2) for name, x in TABLE.items()} | {"arch": np.repeat(["a", "b"], 18)}
    assert len(load(table, law=ADDITIVE, by="arch", best_of=["lr"])) == 12
    assert len(load(table, law=ADDITIVE, best_of=["lr"])) == 12  # two rows of equal loss in each configuration
    table = {**table, "dataset": np.repeat(["c4", "rw"], 18)}
    assert len(load(table, where="dataset in ['c4', 'rw']", law=ADDITIVE, by="arch", best_of=["lr"])) == 12


def test_a_law_of_settings_takes_the_best_by_its_loss():
    law = laws.get("step_law")
    with pytest.raises(Refusal):
        load(TABLE, law=law)
    runs = load(TABLE, law=law, best_of=["lr"])
    assert runs.loss.tolist() == [2e-3] * 6


def test_runs_of_curves_keep_those_of_the_best():
    steps = np.array([0.25, 0.5, 1.0])
    points = {name: np.repeat(TABLE[name], 3) for name in ("params", "lr")}
    points["tokens"] = np.outer(D, steps).ravel()
    points["loss"] = np.outer(TABLE["loss"], 1 + 0.1 * (1 - steps)).ravel()
    points["run"] = np.repeat([f"r{i}" for i in range(18)], 3)
    runs = load(points, {"run": "run"}, law=ADDITIVE, best_of=["lr"])
    assert len(runs) == 6
    assert runs.curves is not None
    assert np.bincount(runs.curves.run).tolist() == [3] * 6
    for i in range(6):
        assert runs.curves.loss[runs.curves.run == i].min() == runs.loss[i]


def test_bad_columns():
    with pytest.raises(InputError, match="--best-of lrr: no such column; did you mean 'lr'"):
        load(TABLE, law=ADDITIVE, best_of=["lrr"])
    with pytest.raises(InputError, match="--best-of seed: the best of several seeds is luck"):
        load({**TABLE, "seed": np.arange(18)}, law=ADDITIVE, best_of=["lr", "seed"])
    with pytest.raises(InputError, match="--best-of keeps the setting of least loss; law gadre_error gives"):
        load({"loss": [3.0, 2.5], "error": [0.5, 0.4]}, law=laws.get("gadre_error"), best_of=["error"])
