"""Runs that wandb 0.31 left on disk: every point and setting, and what is damaged is told.

`run-abc` logged a train loss at steps 10 to 50, a validation loss at 50 and 60, a text of 40,000 letters and a
histogram, and ended well; `run-def` logged a NaN and ended with exit code 1.
"""

import gzip
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.tables.logged import offline

HERE = Path(__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As wandb lays them out."""
    for name in ("abc", "def"):
        file = tmp_path / "wandb" / f"offline-run-20261130_22274{name[0] == 'd':d}-{name}" / f"run-{name}.wandb"
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.decompress((HERE / f"run-{name}.wandb.gz").read_bytes()))
    return tmp_path / "wandb"


def only(folder: Path, name: str) -> Path:
    return next(folder.glob(f"*/run-{name}.wandb"))


def test_every_point_and_setting(folder: Path):
    first, second = offline.runs_below(folder)
    assert (first.name, first.state) == ("gpt-a", "finished")
    assert (second.name, second.state) == ("gpt-b", "crashed")
    assert first.config == {"n_params": 1_000_000, "batch": 8, "opt.lr": 0.001, "job_type": "train"}
    assert [p["step"] for p in first.points] == [10, 20, 30, 40, 50, 60]
    assert [p.get("train/loss") for p in first.points] == [4.75, 4.5, 4.25, 4.0, 3.75, None]
    assert [p.get("eval/loss") for p in first.points] == [None] * 4 + [3.5, 3.25]
    assert len(first.points[-1]["text"]) == 40_000  # over the edges of blocks
    (lost,) = first.lost
    assert (lost.what, lost.n) == ("settings", 1)
    assert "betas" in lost.why


def test_a_run_that_went_on_is_one(folder: Path):
    again = folder / "offline-run-20261201_000000-abc" / "run-abc.wandb"
    again.parent.mkdir()
    again.write_bytes(only(folder, "abc").read_bytes())
    first, _ = offline.runs_below(folder)
    assert len(first.points) == 6
    assert any("as it went on" in one.why for one in first.lost)


def test_a_file_that_is_cut_gives_what_is_whole(folder: Path):
    file = only(folder, "def")
    data = file.read_bytes()
    for cut in range(len(offline.IDENTITY), len(data), 3):
        file.write_bytes(data[:cut])
        run = offline.run_of(file)
        assert [p["step"] for p in run.points] == [60, 70][: len(run.points)]
        if run.state == "running":
            assert run.lost or len(run.points) < 2 or cut > 900
    file.write_bytes(data[: len(data) // 2])
    assert offline.run_of(file).lost[0].why == offline.CUT


def test_a_damaged_block_is_passed_over(folder: Path):
    file = only(folder, "abc")
    data = bytearray(file.read_bytes())
    data[offline.BLOCK + 100] ^= 1  # inside of the long text
    file.write_bytes(data)
    run = offline.run_of(file)
    assert [p["step"] for p in run.points][:5] == [10, 20, 30, 40, 50]
    assert 60 not in [p["step"] for p in run.points if "eval/loss" not in p]
    assert any("checksum" in one.why for one in run.lost)


def test_another_file_is_one_line(tmp_path: Path):
    (tmp_path / "x.wandb").write_bytes(b"step,loss\n1,2\n")
    with pytest.raises(InputError, match="not a run of W&B that this version can read"):
        offline.runs_below(tmp_path / "x.wandb")
