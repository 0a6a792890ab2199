"""The run directory: whole files, one sweep, one text."""

import dataclasses
import errno
import json
from pathlib import Path

import pytest

from sweep import config, files
from sweep.errors import InputError, Refusal
from sweep.train import store
from sweep.versions import processor

SWEEP = config.load("configs/smoke.py")
DATA = {"fingerprint": "f1", "name": "text"}


def test_a_new_directory_is_claimed_and_found_again(tmp_path):
    out = tmp_path / "deep" / "run"
    store.claim(out, SWEEP, DATA)
    record = store.read(out)
    assert config.from_dict(record["config"]) == SWEEP
    assert config.load(str(out / "sweep.json")) == SWEEP
    assert (record["hash"], record["data"]) == (store.identity(SWEEP), DATA)
    assert record["device"] == {"platform": "cpu", "kind": "cpu", "count": 8, "processor": processor()}
    assert {"python", "jax", "flax", "orbax-checkpoint"} <= set(record["versions"])
    before = (out / "sweep.json").read_bytes()
    store.claim(out, SWEEP, DATA)
    assert (out / "sweep.json").read_bytes() == before
    assert [p.name for p in out.iterdir()] == ["sweep.json"]


def test_another_sweep_is_refused_with_what_differs(tmp_path):
    store.claim(tmp_path / "run", SWEEP, DATA)
    values = config.to_dict(SWEEP)
    values |= {"sizes": 7, "recipe": values["recipe"] | {"lr": 0.5}}
    with pytest.raises(Refusal) as refusal:
        store.claim(tmp_path / "run", config.from_dict(values), DATA)
    assert refusal.value.code == "another_sweep"
    assert f"recipe.lr {SWEEP.recipe.lr}, now 0.5; sizes {SWEEP.sizes}, now 7" in str(refusal.value)
    assert "--out" in str(refusal.value)


def test_how_text_is_read_is_no_part_of_a_sweeps_identity():
    """A directory from before these fields goes on; what they change is in the fingerprint of the tokens."""
    before = {name: value for name, value in config.to_dict(SWEEP).items() if name not in store.OPERATIONAL}
    before["data"] = {k: v for k, v in before["data"].items() if k not in ("text_field", "allow_skips")}
    other = dataclasses.replace(SWEEP, data=dataclasses.replace(SWEEP.data, text_field="content", allow_skips=True))
    assert config.content_hash(before) == store.identity(SWEEP) == store.identity(other)
    assert store.differences({"config": before}, other) == ""


def test_differences_are_cut_to_three():
    there = {"config": config.to_dict(SWEEP) | {"name": "x", "sizes": 9, "span": 2.0, "min_steps": 1, "data_seed": 5}}
    text = store.differences(there, SWEEP)
    assert text.count("now") == 3
    assert text.endswith("; and 2 more")


def test_other_data_is_refused(tmp_path):
    store.claim(tmp_path / "run", SWEEP, DATA)
    with pytest.raises(Refusal, match=r"other tokens .fingerprint f1, now f2") as refusal:
        store.claim(tmp_path / "run", SWEEP, {"fingerprint": "f2"})
    assert refusal.value.code == "another_sweep"


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(Refusal, match="not empty and holds no sweep"):
        store.claim(tmp_path, SWEEP, DATA)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("where", ["/proc/run", "a file/run", "a file"])
def test_a_directory_that_cannot_be_made_is_one_line(tmp_path, where):
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match="choose another --out") as error:
        store.claim(tmp_path / where, SWEEP, DATA)
    assert "\n" not in str(error.value)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        store.claim(tmp_path / "run", SWEEP, DATA)
    assert not list((tmp_path / "run").iterdir())


def test_reading_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="not a run directory"):
        store.read(tmp_path)
    with pytest.raises(InputError, match="not a run directory"):
        store.read(tmp_path / "absent")


@pytest.mark.parametrize("text", ["", "{", '{"config": 1}', "[]"])
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(InputError, match=r"sweep\.json"):
        store.read(tmp_path)


def test_the_record_is_json(tmp_path):
    store.claim(tmp_path / "run", SWEEP, DATA)
    assert json.loads((tmp_path / "run" / "sweep.json").read_text())["created"].startswith("20")
