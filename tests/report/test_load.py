"""Reading a run directory: one clear line for what cannot be read, absence for what is not there."""

import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError
from sweep.plan import chain
from sweep.report.load import load
from tests.report.simulated import build, losses


def message(path) -> str:
    with pytest.raises(InputError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_no_such_directory(tmp_path):
    assert "no such directory" in message(tmp_path / "nowhere")


def test_a_folder_or_a_file_that_is_no_run_directory(tmp_path):
    assert "not a run directory" in message(tmp_path)
    (tmp_path / "table.csv").write_text("params,tokens,loss\n")
    assert "not a run directory" in message(tmp_path / "table.csv")


@pytest.mark.parametrize("pending", [False, True])
def test_nothing_trained_yet(tmp_path, pending):
    (tmp_path / "sweep.json").write_text("{}")
    if pending:
        pq.write_table(pa.Table.from_pylist([{"trial": "a", "status": "pending"}]), tmp_path / "losses.parquet")
    assert "nothing trained yet" in message(tmp_path)


@pytest.mark.parametrize("name", ["sweep.json", "fit/fit.json", "forecast.jsonl", "losses.parquet", "curves.parquet"])
def test_a_broken_file_is_named(tmp_path, name):
    path = build(tmp_path / "run")
    (path / name).write_text("{broken")
    assert name in message(path)


def test_json_that_is_no_object_is_refused(tmp_path):
    path = build(tmp_path / "run")
    (path / "fit" / "fit.json").write_text("[1]")
    assert "not a JSON object" in message(path)


def test_the_fit_of_a_learning_rate_is_no_fit_to_report(tmp_path):
    path = build(tmp_path / "run")
    (path / "fit" / "fit.json").write_text('{"law": "step_law"}')
    assert "a fit of peak learning rate, not of losses" in message(path)


def test_what_is_not_there_is_empty(tmp_path):
    run = load(build(tmp_path / "run", ("fit/fit.json", "fit/lanes.parquet", "curves.parquet", "forecast.jsonl")))
    assert (run.fit, run.lanes, run.curves, run.ledger) == ({}, [], [], [])
    assert len(run.losses) == len(losses())


def test_numbers_that_are_not_finite_are_unknown(tmp_path):
    path = build(tmp_path / "run")
    (path / "fit" / "fit.json").write_text(json.dumps({"params": {"E": math.nan}, "points": [{"loss": math.inf}]}))
    assert load(path).fit == {"params": {"E": None}, "points": [{"loss": None}]}


def test_name_comes_from_the_config_or_else_the_folder(tmp_path):
    path = build(tmp_path / "folder")
    assert load(path).name == "simulated <law>"
    (path / "sweep.json").write_text("{}")
    assert load(path).name == "folder"


def test_an_edited_and_a_torn_ledger(tmp_path):
    path = build(tmp_path / "run")
    sealed = chain.seal({"kind": "forecast", "id": "f3", "loss": 2.0}, chain.read(path / "forecast.jsonl").head)
    with (path / "forecast.jsonl").open("a") as file:
        file.write(chain.text(sealed | {"loss": 3.0}) + '\n{"kind": "outco')
    run = load(path)
    assert (len(run.ledger), run.edited) == (4, [4])


def test_the_fit_of_a_sweep_is_reported_with_its_sweep(tmp_path):
    build(tmp_path)
    for path in (tmp_path, tmp_path / "fit", tmp_path / "fit" / "fit.json"):
        run = load(path)
        assert run.trained
        assert run.path == tmp_path
