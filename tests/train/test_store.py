"""The run directory: whole files, one sweep, one text."""

import dataclasses
import errno
import json
from pathlib import Path

import pytest

from sweep import config, files
from sweep.errors import InputError, Refusal
from sweep.hashing import content_hash
from sweep.storage import locate
from sweep.train import store
from sweep.versions import processor
from tests.storage.bucket import Bucket

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
    before["data"] = {k: v for k, v in before["data"].items() if k not in store.READING}
    other = dataclasses.replace(SWEEP, data=dataclasses.replace(SWEEP.data, text_field="content", allow_skips=True))
    assert content_hash(before) == store.identity(SWEEP) == store.identity(other)
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


def kept_in(folder: str) -> config.Sweep:
    return dataclasses.replace(SWEEP, checkpoint=dataclasses.replace(SWEEP.checkpoint, folder=folder))


def test_a_directory_in_a_store_is_claimed_once(store_folder, tmp_path):
    out, sweep = locate("bucket://b/exp"), kept_in(str(tmp_path / "saves"))
    Bucket.late, Bucket.conflicts, Bucket.lost = 10**9, 1, 1
    store.claim(out, sweep, DATA)
    assert store.read(out)["hash"] == store.identity(SWEEP)
    before = (store_folder / "exp" / "sweep.json").read_bytes()
    store.claim(out, sweep, DATA)
    assert (store_folder / "exp" / "sweep.json").read_bytes() == before
    with pytest.raises(Refusal, match="holds another sweep"):
        store.claim(out, dataclasses.replace(sweep, sizes=7), DATA)


def test_of_two_commands_that_begin_at_once_one_is_refused(store_folder, tmp_path, monkeypatch):
    """The second looks before the first has written, and finds out when it writes."""
    out, sweep = locate("bucket://b/exp"), kept_in(str(tmp_path / "saves"))
    store.claim(out, sweep, DATA)
    looks = iter([None])
    real = store.known
    monkeypatch.setattr(store, "known", lambda out: next(looks, ...) and real(out))
    with pytest.raises(Refusal, match=r"holds another sweep .sizes"):
        store.claim(out, dataclasses.replace(sweep, sizes=7), DATA)


def test_checkpoints_that_cannot_be_kept_are_refused_with_the_cure(store_folder, tmp_path):
    out = locate("bucket://b/exp")
    with pytest.raises(
        InputError, match=r"checkpoints cannot be kept at bucket://; say where with --checkpoint.folder"
    ):
        store.ready(out, SWEEP)
    assert Bucket.calls == []
    store.ready(out, kept_in(str(tmp_path / "saves")))
    assert [p for p in store_folder.rglob("*") if p.is_file()] == []
    assert list((tmp_path / "saves").iterdir()) == []
    assert store.checkpoints_of(locate("gcs://b/exp"), SWEEP, "a") == "gs://b/exp/cohorts/a/checkpoints"
    assert store.checkpoints_of(out, kept_in("/mnt/x"), "a") == "/mnt/x/a"
    assert store.checkpoints_of(tmp_path, SWEEP, "a") == str(tmp_path / "cohorts" / "a" / "checkpoints")


@pytest.mark.parametrize(
    "error", [PermissionError("Access Denied"), FileNotFoundError("no bucket"), OSError(28, "full")]
)
def test_a_store_that_does_not_take_a_file_is_one_line_before_any_work(store_folder, tmp_path, monkeypatch, error):
    def refuse(self: Bucket, path: str, value: bytes, **kwargs: str) -> None:
        raise error

    monkeypatch.setattr(Bucket, "pipe_file", refuse)
    with pytest.raises(InputError, match=r"^bucket://b/exp: ") as caught:
        store.ready(locate("bucket://b/exp"), kept_in(str(tmp_path / "saves")))
    assert "\n" not in str(caught.value)


def test_an_account_that_may_create_and_not_write_over_is_refused(store_folder, tmp_path, monkeypatch):
    real = Bucket.pipe_file

    def once(self: Bucket, path: str, value: bytes, **kwargs: str) -> None:
        if (store_folder.parent / path.partition("://")[2]).exists():
            raise PermissionError("storage.objects.delete is needed")
        real(self, path, value)

    monkeypatch.setattr(Bucket, "pipe_file", once)
    with pytest.raises(InputError, match=r"storage\.objects\.delete is needed"):
        store.ready(locate("bucket://b/exp"), kept_in(str(tmp_path / "saves")))


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_what_writes_to_a_folder_alone_is_refused_in_a_store(store_folder, tmp_path, name):
    sweep = dataclasses.replace(kept_in(str(tmp_path)), **{name: True if name == "tensorboard" else "project"})
    with pytest.raises(InputError, match=f"{name} writes to a folder alone"):
        store.ready(locate("bucket://b/exp"), sweep)


def test_a_folder_of_checkpoints_is_of_one_run(tmp_path):
    sweep = kept_in(str(tmp_path / "saves"))
    store.claim(tmp_path / "one", sweep, DATA)
    store.claim(tmp_path / "one", sweep, DATA)
    (tmp_path / "one").rename(tmp_path / "moved")
    store.claim(tmp_path / "moved", sweep, DATA)
    with pytest.raises(Refusal, match=r"holds the checkpoints of another run .*one\); choose another --checkpoint"):
        store.claim(tmp_path / "two", dataclasses.replace(sweep, sizes=7), DATA)
    with pytest.raises(InputError, match=r"^checkpoint.folder: .*cannot be written.*--checkpoint.folder"):
        store.ready(tmp_path / "moved", kept_in("/proc/saves"))


def test_another_sweep_is_refused_before_any_work(tmp_path):
    store.claim(tmp_path / "run", SWEEP, DATA)
    store.ready(tmp_path / "run", SWEEP)
    with pytest.raises(Refusal, match="holds another sweep"):
        store.ready(tmp_path / "run", dataclasses.replace(SWEEP, sizes=7))
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "thesis.tex").write_text("x")
    with pytest.raises(Refusal, match="not empty and holds no sweep"):
        store.ready(tmp_path / "filled", SWEEP)
