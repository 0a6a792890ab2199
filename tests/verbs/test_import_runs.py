"""`sweep import` and then a fit of what it wrote, curves included."""

import json
from pathlib import Path

import numpy as np
import pytest
from tensorboardX import SummaryWriter

from sweep import cli
from sweep.tables.load import load


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Nine runs of the additive law, ten steps each, named by their sizes."""
    for params in (1e6, 4e6, 1.6e7):
        for ratio in (5, 20, 80):
            with SummaryWriter(str(tmp_path / "logs" / f"gpt-{params:.0f}-r{ratio}")) as writer:
                for step in range(100, 1100, 100):
                    tokens = params * ratio * step / 1000
                    writer.add_scalar("eval/loss", 1.7 + 400 / params**0.34 + 2000 / tokens**0.37, step)
                    writer.add_scalar("num_tokens", tokens, step)
    return tmp_path / "logs"


def test_event_files_become_a_table_with_curves_that_fits(logs: Path, tmp_path: Path, capsys):
    out = tmp_path / "imported"
    words = ["import", str(logs), "--named", "gpt-{params}-r{ratio}", "--out", str(out), "--json"]
    assert cli.main(words) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["rows"], data["points"], data["dropped"]) == (9, 90, [])
    assert json.loads((out / "import.json").read_text()) == data
    runs = load(out)
    assert len(runs) == 9
    assert runs.curves is not None
    assert len(runs.curves.loss) == 90
    assert np.allclose(runs.curves.flops, 6 * runs.params[runs.curves.run] * runs.curves.tokens)
    assert cli.main(["fit", str(out), "--bootstrap", "0", "--no-diagnostics", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["params"]["alpha"] == pytest.approx(0.34, rel=0.01)  # event files hold float32


def test_what_cannot_be_read_is_one_line(logs: Path, tmp_path: Path, capsys):
    assert cli.main(["import", str(logs), "--out", str(tmp_path / "x")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "params: nothing that was logged" in err
    assert not (tmp_path / "x").exists()
