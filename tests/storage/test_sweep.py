"""A whole sweep whose directory is in a store that lists nothing new, renames nothing and loses answers."""

import json

import pytest

from sweep import cli
from tests.storage.bucket import Bucket
from tests.train import corpora

OUT = "bucket://b/exp"


def sweep(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    """What a verb answers, as JSON."""
    code = cli.main([*words, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


@pytest.mark.slow
def test_a_sweep_is_trained_fitted_forecast_and_reported_in_a_store(capsys, store_folder, tmp_path):
    config, saves = str(corpora.write_config(tmp_path)), tmp_path / "saves"
    Bucket.late, Bucket.conflicts, Bucket.lost = 10**9, 1, 2
    told = sweep(capsys, "run", config, "--out", OUT, "--checkpoint.folder", str(saves))
    assert (told["dir"], told["statuses"]) == (OUT, {"done": 6})
    again = sweep(capsys, "run", config, "--out", OUT, "--checkpoint.folder", str(saves))
    assert again["families"] == told["families"]
    seen = sweep(capsys, "status", OUT)
    assert [t["state"] for t in seen["trials"]] == ["done"] * 6
    fitted = sweep(capsys, "fit", OUT, "--bootstrap", "20", "--diagnostics", "False", "--despite", "collinear")
    assert fitted["n"] == 6
