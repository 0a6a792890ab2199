"""What a bundle holds, and what it must never hold."""

import hashlib
import io as streams
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sweep import storage
from sweep.bundle import pack
from sweep.bundle.contents import LEFT_OUT, contents, without_text
from sweep.config import Sweep
from sweep.errors import InputError
from sweep.fit import fit
from sweep.plan import forecast
from sweep.storage import locate
from sweep.tables import io
from sweep.train import store


def everything(folder: Path) -> dict[str, str]:
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}


def test_a_sweep_with_its_fit_and_nothing_of_the_run_is_touched(trained: Path):
    before = everything(trained)
    made = contents(trained)
    assert everything(trained) == before
    assert set(made.files) == {
        "sweep.json", "plan.parquet", "losses.parquet", "curves.parquet", "fit/fit.json", "fit/lanes.parquet",
        "environment.json", "checklist.json", "checklist.md",
    }  # fmt: skip
    assert made.manifest["of"] == "sweep"
    assert [(f["path"], f["table"]) for f in made.manifest["fits"]] == [("fit", ".")]
    for name, entry in made.manifest["files"].items():
        assert entry["sha256"] == hashlib.sha256(made.files[name]).hexdigest()
    table = pq.read_table(streams.BytesIO(made.files["losses.parquet"]))
    assert table.equals(io.merged(trained))
    environment = json.loads(made.files["environment.json"])
    assert environment["trained"]["versions"] == environment["fitted"]["fit"] == environment["bundled"]["versions"]
    assert len(environment["bundled"]["source"]) == 64


def test_the_run_of_a_forecast_and_the_ledger_go_with_it(trained: Path, tmp_path: Path):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    shutil.copytree(trained, out / "forecast")
    said = {"params": 1e6, "tokens": 2e7, "loss": 2.0, "interval": [1.9, 2.1], "level": 0.9}
    forecast.write_forecast(out, trial="big", flops=1e14, prediction=said)
    (out / "plan.json").write_text("{}")
    (out / "notes.json").write_text("{}")
    names = set(contents(out).files)
    assert {"forecast/losses.parquet", "forecast/sweep.json", "forecast.jsonl", "plan.json"} <= names
    assert "notes.json" not in names


def test_text_of_the_data_never_goes_with_it(tmp_path: Path, trained: Path):
    text = "            except Secret as words:\n"
    note = f"3.1% of 90 held-out windows occur word for word in the training text, the first: {text!r}; so and so"
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    record = json.loads((out / "sweep.json").read_text())
    record["data"] |= {"overlap": {"window": 64, "checked": 90, "found": 3, "example": text, "share": 0.03},
                       "notes": [note]}  # fmt: skip
    (out / "sweep.json").write_text(json.dumps(record))
    made = contents(out)
    assert not any(b"Secret" in data for data in made.files.values())
    kept = json.loads(made.files["sweep.json"])["data"]
    assert kept["overlap"]["found"] == 3
    assert LEFT_OUT in kept["notes"][0]
    assert without_text({"fingerprint": "f", "overlap": None}) == {"fingerprint": "f", "overlap": None}


def test_the_table_of_a_fit_goes_with_it(fitted: Path, monkeypatch):
    made = contents(fitted)
    (entry,) = made.manifest["fits"]
    assert (made.manifest["of"], entry["path"], entry["table"]) == ("fit", ".", "tables/fit-losses.csv")
    assert made.files["tables/fit-losses.csv"] == (fitted.parent / "losses.csv").read_bytes()
    (fitted.parent / "losses.csv").unlink()
    with pytest.raises(InputError, match=r"losses\.csv is not here"):
        contents(fitted)


def test_a_fit_that_cannot_be_repeated_says_why(fitted: Path, tmp_path: Path):
    rng = np.random.default_rng(0)
    params, tokens = np.exp(rng.uniform(14, 18, 12)), np.exp(rng.uniform(18, 22, 12))
    loss = 1.7 + 400 / params**0.34 + 2000 / tokens**0.37
    fit({"params": params, "tokens": tokens, "loss": loss}, bootstrap=0, diagnostics=False).save(tmp_path / "memory")
    (entry,) = contents(tmp_path / "memory").manifest["fits"]
    assert entry["table"] is None
    assert "in memory" in entry["why"]
    record = json.loads((fitted / "fit.json").read_text())
    del record["request"]
    (fitted / "fit.json").write_text(json.dumps(record))
    assert "did not record" in contents(fitted).manifest["fits"][0]["why"]


def test_what_is_no_result_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="neither a sweep"):
        contents(tmp_path)
    store.claim(tmp_path / "run", Sweep(name="t", budgets=(1e9,)), {"fingerprint": "f"})
    with pytest.raises(InputError, match="nothing trained yet"):
        contents(tmp_path / "run")


def test_a_sweep_in_a_store_is_bundled_where_it_lies(trained: Path, store_folder: Path, tmp_path: Path):
    place = locate("bucket://b/sweeps/tiny")
    for file in filter(Path.is_file, trained.rglob("*")):
        storage.put(place / str(file.relative_to(trained)), file.read_bytes())
    said = {"params": 1e6, "tokens": 1e8, "loss": 3.0, "interval": [2.9, 3.1], "level": 0.9}
    line = forecast.write_forecast(place, trial="big", flops=1e14, prediction=said)
    made = contents(place)
    assert json.loads(made.files[forecast.FILE]) == line  # although it is an object of its own there
    assert (made.manifest["name"], made.manifest["fits"][0]["path"]) == ("tiny", "fit")
    assert made.manifest["fits"][0]["table"] == "."  # although it was fitted elsewhere
    assert made.files["losses.parquet"] == contents(trained).files["losses.parquet"]
    out = locate("bucket://b/bundles/tiny.tar.gz")
    pack.write(made, out)
    (tmp_path / "copy.tar.gz").write_bytes(out.read_bytes())
    with pack.opened(tmp_path / "copy.tar.gz") as (_, manifest):
        assert manifest == made.manifest
