"""A whole sweep whose directory is in a store that lists nothing new, renames nothing, and loses answers."""

import json
import shutil

import pytest

from sweep import cli
from sweep.tables import io
from tests.storage.bucket import Bucket
from tests.train import corpora

OUT = "bucket://b/exp"
NEVER = 10**9  # lists before a new object is in one


def sweep(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    """What a verb answers, as JSON."""
    code = cli.main([*words, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


@pytest.mark.slow
def test_a_sweep_is_trained_fitted_forecast_and_reported_in_a_store(capsys, store_folder, tmp_path):
    config, saves = str(corpora.write_config(tmp_path)), tmp_path / "saves"
    Bucket.late, Bucket.conflicts, Bucket.lost = NEVER, 1, 2
    command = ("run", config, "--out", OUT, "--checkpoint.folder", str(saves))
    told = sweep(capsys, *command)
    assert (told["dir"], told["statuses"]) == (OUT, {"done": 6})
    assert sweep(capsys, *command)["families"] == told["families"]
    shutil.copytree(store_folder / "exp", tmp_path / "copy")
    assert io.merged(OUT).equals(io.merged(tmp_path / "copy"))  # whose folders are listed
    assert io.merged_curves(OUT).equals(io.merged_curves(tmp_path / "copy"))
    assert sorted(p.name for p in (store_folder / "exp" / "cohorts").iterdir()) == sorted(
        p.name for p in saves.iterdir() if p.is_dir()
    )
    for place in (OUT, str(tmp_path / "copy")):
        seen = sweep(capsys, "status", place)
        assert [(t["state"], t["attempts"]) for t in seen["trials"]] == [("done", 1)] * 6
    despite = ("--despite", "too_few_rows", "--despite", "few_for_intervals")
    fitted = sweep(capsys, "fit", OUT, "--law", "power_compute", "--bootstrap", "10", "--no-diagnostics", *despite)
    assert (fitted["n"], fitted["source"]) == (6, OUT)
    said = sweep(capsys, "predict", OUT, "--compute", "1e9")
    made = sweep(capsys, "forecast", OUT, "--compute", "1e9", "--trial", "big")
    assert (made["loss"], made["file"]) == (said["loss"], f"{OUT}/ledger")
    sweep(capsys, "forecast", "score", OUT, "--trial", "big", "--loss", "3.0")
    assert sweep(capsys, "forecast", "verify", OUT)["intact"]
    page = sweep(capsys, "report", OUT)
    assert (store_folder / "exp" / "report.html").stat().st_size == page["bytes"]
    assert cli.main(["check", f"{OUT}/losses.parquet"]) in (0, 2)
    assert not [call for call, _ in Bucket.calls if call == "remove"][2:]  # what was removed: the two probes
