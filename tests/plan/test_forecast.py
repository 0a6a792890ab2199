"""The ledger: a forecast is made once, its outcome is scored whatever it says."""

import datetime
import json
import multiprocessing

import pytest

from sweep.errors import InputError, Refusal
from sweep.plan import chain, forecast

PREDICTION = {"params": 1000, "tokens": 50_000, "loss": 2.0, "interval": [1.9, 2.1], "level": 0.9, "law": "additive"}
DONE = {"trial": "t", "status": "done", "loss": 2.05, "loss_se": 0.01}


def foretell(directory, trial: str | None = "t", **changes):
    return forecast.write_forecast(directory, trial=trial, flops=3e8, prediction=PREDICTION | changes)


def test_a_forecast_is_dated_and_hashed(tmp_path):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    line = foretell(tmp_path)
    said = {"kind": "forecast", "id": line["id"], "date": line["date"], "trial": "t", "flops": 3e8} | PREDICTION
    assert line == said | {"previous": chain.ORIGIN, "hash": line["hash"]}
    assert before <= datetime.datetime.fromisoformat(line["date"]) <= datetime.datetime.now(datetime.UTC)
    assert forecast.read(tmp_path) == [line]
    assert len(line["id"]) == 12
    assert foretell(tmp_path, "u")["id"] != line["id"]


def test_the_hash_seals_what_was_said(tmp_path):
    ids = {foretell(tmp_path / name, **said)["id"] for name, said in made(tmp_path).items()}
    assert len(ids) == 3


def made(tmp_path):
    said = {"a": {}, "b": {"loss": 2.0000001}, "c": {"interval": [1.9, 2.2]}}
    for name in said:
        (tmp_path / name).mkdir()
    return said


def test_a_forecast_is_made_once(tmp_path):
    first = foretell(tmp_path)
    assert foretell(tmp_path, loss=1.0) == first
    assert foretell(tmp_path, "another", loss=1.0)["loss"] == 1.0
    assert [line["trial"] for line in forecast.read(tmp_path)] == ["t", "another"]


@pytest.mark.parametrize(("loss", "inside"), [(2.05, True), (1.9, True), (2.11, False), (1.0, False)])
def test_an_outcome_is_scored(tmp_path, loss, inside):
    line = foretell(tmp_path)
    outcome = forecast.write_outcome(tmp_path, line, DONE | {"loss": loss})
    assert outcome["error"] == pytest.approx(loss - 2.0)
    assert (outcome["inside"], outcome["loss"], outcome["loss_se"], outcome["status"]) == (inside, loss, 0.01, "done")
    assert (outcome["forecast"], outcome["trial"]) == (line["id"], "t")
    assert forecast.read(tmp_path) == [line, outcome]


def test_an_outcome_is_written_once(tmp_path):
    line = foretell(tmp_path)
    first = forecast.write_outcome(tmp_path, line, DONE)
    assert forecast.write_outcome(tmp_path, line, DONE | {"loss": 1.0}) == first
    assert len(forecast.read(tmp_path)) == 2


def test_without_an_interval_nothing_is_inside(tmp_path):
    line = foretell(tmp_path, interval=[None, None])
    outcome = forecast.write_outcome(tmp_path, line, DONE)
    assert outcome["inside"] is None
    assert outcome["error"] == pytest.approx(0.05)


def test_a_run_that_diverged_is_an_outcome_without_a_score(tmp_path):
    row = {"trial": "t", "status": "diverged", "loss": None, "loss_se": None}
    outcome = forecast.write_outcome(tmp_path, foretell(tmp_path), row)
    assert outcome["status"] == "diverged"
    assert [outcome[k] for k in ("loss", "loss_se", "error", "inside")] == [None] * 4


def test_the_ledger_is_only_appended_to(tmp_path):
    foretell(tmp_path)
    before = (tmp_path / forecast.FILE).read_text()
    forecast.write_outcome(tmp_path, foretell(tmp_path), DONE)
    assert (tmp_path / forecast.FILE).read_text().startswith(before)
    assert all(json.loads(line) for line in (tmp_path / forecast.FILE).read_text().splitlines())


def test_no_ledger_is_empty(tmp_path):
    assert forecast.read(tmp_path) == []


def test_a_ledger_that_is_not_json_is_one_line(tmp_path):
    (tmp_path / forecast.FILE).write_text('{"kind": "forecast"}\nhello\n')
    with pytest.raises(InputError, match="not a ledger of forecasts") as error:
        forecast.read(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ['{"kind": "forecast"}', '{"kind": "guess"}', '{"loss": NaN}', "[1]", '{"kind": []}'])
def test_a_line_that_is_no_forecast_is_one_line(tmp_path, line):
    (tmp_path / forecast.FILE).write_text(line + "\n")
    for use in (forecast.read, foretell):
        with pytest.raises(InputError, match="line 1: not a ledger of forecasts"):
            use(tmp_path)


def test_without_a_name_the_same_words_are_the_same_forecast(tmp_path):
    first = foretell(tmp_path, None)
    assert foretell(tmp_path, None) == first
    assert foretell(tmp_path, None, loss=1.99) != first
    assert [line["trial"] for line in forecast.read(tmp_path)] == [None, None]


def test_what_is_open(tmp_path):
    lines = [foretell(tmp_path, name) for name in "abc"]
    outcome = forecast.write_outcome(tmp_path, lines[1], DONE | {"trial": "b"})
    records = forecast.read(tmp_path)
    assert forecast.still_open(records) == [lines[0], lines[2]]
    assert forecast.outcomes(records) == {lines[1]["id"]: outcome}


def test_a_ledger_that_was_edited_takes_no_line(tmp_path):
    line = foretell(tmp_path)
    file = tmp_path / forecast.FILE
    file.write_text(file.read_text().replace('"loss": 2.0', '"loss": 2.1'))
    edited = file.read_bytes()
    for use in (lambda: foretell(tmp_path, "u"), lambda: forecast.write_outcome(tmp_path, line, DONE)):
        with pytest.raises(Refusal, match="line 1 was changed after it was written") as refused:
            use()
        assert refused.value.code == "broken_chain"
    assert file.read_bytes() == edited


def test_a_torn_end_gives_way_to_the_next_line(tmp_path):
    first = foretell(tmp_path)
    with (tmp_path / forecast.FILE).open("a") as file:
        file.write('{"kind": "outcome", "forecast": "abc')
    assert forecast.ledger_of(tmp_path).torn == 36
    assert forecast.read(tmp_path) == [first]
    second = foretell(tmp_path, "u")
    assert forecast.read(tmp_path) == [first, second]
    assert forecast.ledger_of(tmp_path).torn == 0
    assert not forecast.ledger_of(tmp_path).broken


def test_a_line_without_its_newline_is_kept(tmp_path):
    first = foretell(tmp_path)
    file = tmp_path / forecast.FILE
    file.write_text(file.read_text().rstrip("\n"))
    assert forecast.read(tmp_path) == [first]
    second = foretell(tmp_path, "u")
    assert forecast.read(tmp_path) == [first, second]
    assert not forecast.ledger_of(tmp_path).broken


def append_many(directory, writer):
    for i in range(20):
        foretell(directory, f"{writer}-{i}")


def test_processes_that_append_together_keep_the_chain(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=append_many, args=(tmp_path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    ledger = forecast.ledger_of(tmp_path)
    assert not ledger.broken
    assert sorted(r["trial"] for r in ledger.records) == sorted(f"{w}-{i}" for w in "ab" for i in range(20))
