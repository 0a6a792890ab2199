"""A ledger in a store: entries with numbers, created once, chained by hashes."""

import json
import shutil
import threading

import pytest

from sweep.errors import Refusal
from sweep.plan import chain, entries, forecast
from sweep.storage import locate
from tests.storage.bucket import Bucket

HERE = locate("bucket://b/exp")
PREDICTION = {"params": 1e6, "tokens": 1e8, "loss": 3.0, "interval": [2.9, 3.1], "level": 0.9}


def predict(name: str | None, where=HERE, loss: float = 3.0) -> dict:
    return forecast.write_forecast(where, trial=name, flops=1e15, prediction=PREDICTION | {"loss": loss})


def test_forecasts_and_outcomes_are_entries_of_one_chain(store_folder):
    Bucket.late = 10**9
    made = [predict(f"run{n}") for n in range(20)]
    forecast.write_outcome(HERE, made[3], {"trial": "run3", "status": "done", "loss": 3.05, "loss_se": 0.01})
    found = forecast.ledger_of(HERE)
    assert [line.record["trial"] for line in found.lines] == [*(f"run{n}" for n in range(20)), "run3"]
    assert (found.broken, found.unsealed, found.torn, str(found.file)) == ([], 0, 0, "bucket://b/exp/ledger")
    assert sorted(p.name for p in (store_folder / "exp" / "ledger").iterdir())[:2] == ["000001.json", "000002.json"]
    assert predict("run3", loss=9.0) == made[3]
    assert len(forecast.read(HERE)) == 21


def test_of_writers_at_once_each_is_in_the_chain_once(store_folder):
    start = threading.Barrier(6)

    def write(number: int) -> None:
        start.wait()
        for k in range(3):
            predict(f"run{number}-{k}")

    Bucket.conflicts, Bucket.lost = 2, 2
    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = forecast.ledger_of(HERE)
    assert found.broken == []
    assert sorted(r["trial"] for r in found.records) == sorted(f"run{n}-{k}" for n in range(6) for k in range(3))


def test_an_entry_that_was_changed_or_removed_shows(store_folder):
    for n in range(4):
        predict(f"run{n}")
    folder = store_folder / "exp" / "ledger"
    kept = (folder / "000002.json").read_bytes()
    (folder / "000002.json").write_bytes(kept.replace(b"3.0", b"2.0"))
    with pytest.raises(Refusal, match="line 2 was changed"):
        predict("late")
    (folder / "000002.json").unlink()
    with pytest.raises(Refusal, match="lines were removed"):
        predict("late")
    (folder / "000002.json").write_bytes(kept)
    predict("late")
    assert forecast.ledger_of(HERE).broken == []


def test_a_copy_on_a_disk_reads_alike_and_goes_on_by_entries(store_folder, tmp_path):
    predict("one")
    shutil.copytree(store_folder / "exp", tmp_path / "exp")
    assert forecast.read(tmp_path / "exp") == forecast.read(HERE)
    predict("two", where=tmp_path / "exp")
    assert not (tmp_path / "exp" / forecast.FILE).exists()
    assert [r["trial"] for r in forecast.read(tmp_path / "exp")] == ["one", "two"]


def test_a_ledger_that_was_a_file_goes_on_in_the_store(store_folder, tmp_path):
    predict("one", where=tmp_path / "exp")
    shutil.copytree(tmp_path / "exp", store_folder / "exp")
    predict("two")
    found = forecast.ledger_of(HERE)
    assert ([r["trial"] for r in found.records], found.broken) == (["one", "two"], [])
    assert (
        json.loads((store_folder / "exp" / "ledger" / "000001.json").read_bytes())["previous"]
        == found.records[0]["hash"]
    )
    assert chain.read(HERE / forecast.FILE) == found


def test_an_entry_made_while_the_others_are_read_is_no_gap(store_folder, monkeypatch):
    predict("one")
    real = entries.present
    seen = iter([{1: b"", 3: b""}])
    monkeypatch.setattr(entries, "present", lambda folder: next(seen, None) or real(folder))
    assert list(entries.read(HERE / entries.FOLDER)) == [1]
