"""What a sweep is made of changes between two commands: its config, its code, its tokens, its record."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sweep import config
from sweep.errors import SweepError
from sweep.tables import io
from sweep.train import launch, store
from sweep.train.data import shards
from sweep.train.data.build import build
from sweep.train.data.shards import as_dict, open_folder
from sweep.train.progress import Quiet
from tests.faults.register import fault
from tests.faults.tiny import SWEEP, first, losses, train
from tests.train import corpora


def edited(out: Path, change: Callable[[dict], None]) -> None:
    """sweep.json with another content, still JSON."""
    record = json.loads((out / "sweep.json").read_text())
    change(record)
    (out / "sweep.json").write_text(json.dumps(record, indent=1))


@fault(
    "changes",
    "the config changes",
    "refused (`another_sweep`): the line names the fields; nothing is trained or overwritten",
    code=2,
    remedy="choose another `--out` for the other sweep",
    where="the command is repeated with another learning rate, a cohort is not done",
)
def test_another_config(stated, copy, corpus):
    out = copy()
    (first(out)[1] / "DONE").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = dataclasses.replace(SWEEP, recipe=dataclasses.replace(SWEEP.recipe, lr=0.5))
    with pytest.raises(SweepError) as error:
        train(out, corpus, other)
    assert "recipe.lr" in stated.ended(error.value)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@fault(
    "changes",
    "how often it saves, its memory, where it reports (`checkpoint`, `memory`, `tensorboard`, `wandb`)",
    "it goes on: they change no result",
    code=0,
    where="the command is repeated with another number of checkpoints, a cohort is not done",
)
def test_another_way_to_run_the_same(copy, corpus, whole):
    out = copy()
    (first(out)[1] / "DONE").unlink()
    train(out, corpus, dataclasses.replace(SWEEP, checkpoint=config.Checkpoint(minutes=1.0, keep=3)))
    assert losses(out) == losses(whole)


@fault(
    "changes",
    "a number in `sweep.json` changes: a flipped bit, or somebody edits it",
    "nothing reads it any more: its config is compared with its hash",
    code=1,
    remedy="restore the file, or choose another `--out`",
    where="a seed, a learning rate, a budget; each leaves valid JSON",
)
@pytest.mark.parametrize("field", ["seeds", "budgets", "recipe"])
def test_a_record_with_another_number(stated, copy, corpus, field):
    out = copy()

    def change(record: dict) -> None:
        if field == "recipe":
            record["config"]["recipe"]["lr"] *= 2
        else:
            record["config"][field][0] += 1

    edited(out, change)
    with pytest.raises(SweepError) as error:
        train(out, corpus)
    assert "sweep.json: damaged or edited" in stated.ended(error.value)
    with pytest.raises(SweepError, match="damaged or edited"):
        store.read(out)  # as status, report and workers do


@fault(
    "changes",
    "the tokens are others: another text, split or tokenizer",
    "refused (`another_sweep`): the line names both fingerprints",
    code=2,
    remedy="choose another `--out`, or give the tokens that it was begun with",
    where="the corpus is written anew from another seed, of equal size",
)
def test_other_tokens(stated, copy, tmp_path):
    out = copy()
    other = open_folder(corpora.write(tmp_path / "other", seed=1))
    with pytest.raises(SweepError) as error:
        train(out, other)
    assert "was trained on other tokens (fingerprint" in stated.ended(error.value)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token shards with a manifest."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "text").mkdir()
    for i in range(40):
        (folder / "text" / f"{i}.txt").write_text(f"document {i} " * 20)
    build([str(folder / "text")], out=folder / "data", val_fraction=0.2)
    return folder / "data"


@fault(
    "changes",
    "a shard of the corpus, training or held-out, is replaced by one of equal size",
    "its SHA-256 is not the manifest's: the line names the file (of shards beyond 2^28 tokens, the size alone)",
    code=1,
    remedy="restore the file, or build the data again in another folder",
    where="one token of the file changes",
)
@pytest.mark.parametrize("name", ["train.bin", "val.bin"])
def test_a_shard_that_was_replaced(stated, built, tmp_path, name):
    data = Path(shutil.copytree(built, tmp_path / "data"))
    tokens = np.fromfile(data / name, np.uint16)
    tokens[len(tokens) // 2] ^= 1
    tokens.tofile(data / name)
    with pytest.raises(SweepError) as error:
        open_folder(data)
    assert f"{name}: its SHA-256 is not the one in manifest.json" in stated.ended(error.value)


@fault(
    "changes",
    "a shard of the corpus shrinks, grows or is deleted",
    "the line names the file and how many tokens it should have",
    code=1,
    remedy="restore the file, or build the data again",
    where="the file loses its last quarter, gains a token, or is removed",
)
@pytest.mark.parametrize("size", [-1, 0, 1])
def test_a_shard_of_another_size(stated, built, tmp_path, size):
    data = Path(shutil.copytree(built, tmp_path / "data"))
    file = data / "train.bin"
    content = file.read_bytes()
    if size == 0:
        file.unlink()
    else:
        file.write_bytes(content + b"\0\0" if size > 0 else content[: len(content) // 8 * 6])
    with pytest.raises(SweepError) as error:
        open_folder(data)
    assert "train.bin" in stated.ended(error.value)


class Notes(Quiet):
    def __init__(self):
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def sweep_of_config(tmp_path, corpus) -> tuple[config.Sweep, Path]:
    """A sweep as its config has it, laid out for workers by this code."""
    folder = corpora.write(tmp_path / "tokens")
    sweep = dataclasses.replace(corpora.sweep_on(str(folder)), budgets=(8e7,), sizes=3)
    launch.plan_sweep(sweep, open_folder(folder), tmp_path / "run", "cpu")
    return sweep, tmp_path / "run"


@fault(
    "changes",
    "the code of sweep, or a package that decides losses, is another one: in a worker",
    "refused (`another_code`): the line names both",
    code=2,
    remedy="give every worker the same code, or lay out another directory",
    where="the hash of the code changes after the directory was laid out",
)
def test_a_worker_of_other_code(stated, sweep_of_config, monkeypatch):
    _, out = sweep_of_config
    monkeypatch.setattr(launch, "code", lambda: "0123456789ab")
    with pytest.raises(SweepError) as error:
        launch.train_planned(out)
    assert "now 0123456789ab" in stated.ended(error.value)
    assert not list(out.glob("cohorts/*/lease-*"))


@fault(
    "changes",
    "the same: in a repeated `sweep run`",
    "it goes on, and a line says so before it trains: a sweep may outlive an update",
    code=0,
    remedy="nothing; or the old code, where all losses must be of one program",
    where="the hash of the code changes before the command is repeated",
)
def test_a_run_of_other_code_goes_on_and_says_so(sweep_of_config, monkeypatch):
    sweep, out = sweep_of_config
    monkeypatch.setattr(launch, "code", lambda: "0123456789ab")
    shown = Notes()
    launch.train_sweep(sweep, open_folder(Path(sweep.data.path)), out, shown)
    (line,) = shown.notes
    assert line.startswith(f"{out} was begun with the code of sweep ")
    assert "now 0123456789ab" in line
    assert set(io.read(out / "losses.parquet")["status"].to_pylist()) == {"done"}
    assert as_dict(shards.open_folder(Path(sweep.data.path)).manifest)["fingerprint"]
