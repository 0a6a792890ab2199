"""Checkpoints: onto any mesh, past a corrupt one, and never silently from nothing."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from sweep.errors import InputError, Refusal
from sweep.train.checkpoint import Checkpoints, enumerate_leaves
from sweep.train.saver import place
from sweep.train.sharding import make_mesh
from sweep.train.state import State


def state(value: float, trial: int = 8, data: int = 0) -> State:
    """A stacked state of 8 rows, and of idle ones to fill the mesh, over (trial, data) devices: all, if not said."""
    mesh = make_mesh(jax.devices()[: trial * (data or 8 // trial)], trial)
    idle = -8 % trial

    def put(x, spec):
        filled = jnp.concatenate([x, jnp.zeros((idle, *x.shape[1:]), x.dtype)])
        return jax.device_put(filled, NamedSharding(mesh, spec))

    params = {"w": put(value + jnp.arange(128.0).reshape(8, 16), P("trial", "data"))}
    moments = optax.ScaleByAdamState(put(jnp.full(8, 3, jnp.int32), P("trial")), params, {})
    return State(params, moments, put(jnp.arange(8), P("trial")), put(jnp.zeros(8, bool), P("trial")))


def written(folder: Path, numbers: tuple[int, ...], keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for n in numbers:
        checkpoints.save(n, state(float(n)), {"chunks": n, "results": {"a": {"loss": 0.1 + n}}})
    checkpoints.wait()
    return checkpoints


def reopened(folder: Path, trial: int = 8, data: int = 0, *, expected: bool = True) -> Any:
    """(what is restored, the warnings)."""
    warnings: list[str] = []
    checkpoints = Checkpoints(folder, 2)
    found: Any
    try:
        found = checkpoints.restore(state(0.0, trial, data), expected=expected, warn=warnings.append)
        return found, warnings
    finally:
        checkpoints.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    written(folder, (1, 2, 3)).close()
    return folder


def test_only_the_newest_are_kept(saved: Path):
    assert sorted(p.name for p in saved.iterdir() if p.is_dir()) == ["2", "3"]


@pytest.mark.parametrize("trial", [8, 4, 1])
def test_restores_onto_any_mesh(saved: Path, trial: int):
    (found, cursor), warnings = reopened(saved, trial)
    like = state(3.0, trial)
    jax.tree.map(np.testing.assert_array_equal, found, like)
    assert jax.tree.map(lambda x: x.sharding, found) == jax.tree.map(lambda x: x.sharding, like)
    assert cursor == {"chunks": 3, "results": {"a": {"loss": 3.1}}}
    assert not warnings


def test_rows_that_fill_one_mesh_are_left_behind_on_another_and_back(saved: Path, tmp_path: Path):
    """8 rows on (8, 1), 9 on (3, 1), 8 on (1, 8), 12 on (6, 1), 8 on (2, 4): each saved, then read onto the next."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    for number, (trial, data) in enumerate([(3, 1), (1, 8), (6, 1), (2, 4), (8, 1)], start=4):
        (found, cursor), warnings = reopened(folder, trial, data)
        like = state(3.0, trial, data)
        jax.tree.map(np.testing.assert_array_equal, found, like)
        assert jax.tree.map(lambda x: x.sharding, found) == jax.tree.map(lambda x: x.sharding, like)
        assert not warnings
        checkpoints = Checkpoints(folder, 2)
        checkpoints.save(number, found, {**cursor, "chunks": number})
        checkpoints.wait()
        checkpoints.close()


def test_another_width_is_not_cut_to_fit(saved: Path):
    narrow = jax.tree.map(lambda x: x[:, :8] if x.ndim == 2 else x, state(0.0))
    checkpoints = Checkpoints(saved, 2)
    warnings: list[str] = []
    with pytest.raises(Refusal, match="none can be read"):
        checkpoints.restore(narrow, expected=True, warn=warnings.append)
    checkpoints.close()
    assert len(warnings) == 2


def test_a_save_that_was_broken_off_is_removed_and_never_read(saved: Path, tmp_path: Path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    shutil.copytree(folder / "3", folder / "4")
    (folder / "4" / "commit_success.txt").unlink()
    stamps = folder / "4" / "_CHECKPOINT_METADATA"
    stamps.write_text(json.dumps(json.loads(stamps.read_text()) | {"commit_timestamp_nsecs": None}))
    shutil.copytree(folder / "3", folder / "5.orbax-checkpoint-tmp")  # as Orbax left it before
    (folder / "notes").mkdir()
    (_, cursor), warnings = reopened(folder)
    assert (cursor["chunks"], warnings) == (3, [])
    assert sorted(p.name for p in folder.iterdir()) == ["2", "3", "notes"]


def test_what_older_versions_have_saved_is_read(saved: Path, tmp_path: Path):
    """Orbax before 0.12.3 left no last file; the note did not have the shapes."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    for file in folder.rglob("commit_success.txt"):
        file.unlink()
    note = folder / "3" / "cursor" / "metadata"
    note.write_text(json.dumps({"rows": 8, "cursor": json.loads(note.read_text())["cursor"]}))
    (found, cursor), warnings = reopened(folder, 3, 1)
    jax.tree.map(np.testing.assert_array_equal, found, state(3.0, 3, 1))
    assert (cursor["chunks"], warnings) == (3, [])


def test_no_folder_is_renamed(tmp_path: Path, monkeypatch):
    """A bucket mounted as a folder refuses it, or copies file by file."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Operation not permitted")

    for name in ("rename", "replace", "renames"):
        monkeypatch.setattr(os, name, refused)
    with pytest.raises(PermissionError):
        tmp_path.rename(tmp_path.with_name("other"))
    written(tmp_path / "checkpoints", (1, 2, 3)).close()
    (found, _), warnings = reopened(tmp_path / "checkpoints")
    assert not warnings
    jax.tree.map(np.testing.assert_array_equal, found, state(3.0))


def test_a_store_without_empty_folders(tmp_path: Path):
    """Making a folder makes nothing there, and listing it fails until something is in it."""
    with mock.patch.object(type(place(tmp_path)), "mkdir"):
        assert reopened(tmp_path / "none", expected=False) == (None, [])
    assert not (tmp_path / "none").exists()


def test_nothing_saved_is_nothing_found(tmp_path: Path):
    assert reopened(tmp_path / "none", expected=False) == (None, [])


def test_a_lost_checkpoint_stops(tmp_path: Path):
    with pytest.raises(Refusal, match="delete the cohort's folder to start it again") as refusal:
        reopened(tmp_path / "none", expected=True)
    assert refusal.value.code == "checkpoint_missing"


def empty_files(folder: Path):
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")


def garbage(folder: Path):
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xff" * 64)


def torn_arrays(folder: Path):
    """The last half of every large file is gone, as after a full disk."""
    torn = [f for f in (folder / "state").rglob("d/*") if f.is_file()]
    assert torn
    for file in torn:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def lose(part: str):
    return lambda folder: shutil.rmtree(folder / part)


CORRUPTIONS = {
    "empty": empty_files,
    "garbage": garbage,
    "torn": torn_arrays,
    "no state": lose("state"),
    "no cursor": lose("cursor"),
}


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_a_corrupt_newest_falls_back_and_says_so(saved: Path, tmp_path: Path, how: str):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    CORRUPTIONS[how](folder / "3")
    found, warnings = reopened(folder)
    assert found is not None
    assert found[1]["chunks"] == 2
    np.testing.assert_array_equal(found[0].params["w"], state(2.0).params["w"])
    assert len(warnings) == 1
    assert "checkpoint 3" in warnings[0]


def test_what_is_saved_after_a_fallback_is_the_newest(saved: Path, tmp_path: Path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    garbage(folder / "3")
    checkpoints = Checkpoints(folder, 2)
    assert checkpoints.restore(state(0.0), expected=True, warn=lambda _: None) is not None
    checkpoints.save(3, state(7.0), {"chunks": 3})  # as far as the damaged one
    checkpoints.wait()
    checkpoints.close()
    found, warnings = reopened(folder)
    assert not warnings
    np.testing.assert_array_equal(found[0].params["w"], state(7.0).params["w"])


def test_what_a_late_listing_did_not_show_is_written_over(saved: Path, tmp_path: Path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    with mock.patch.object(Checkpoints, "look", return_value=[[2, 1]]):
        checkpoints = Checkpoints(folder, 2)
        found = checkpoints.restore(state(0.0), expected=True, warn=lambda _: None)
    assert found is not None
    assert found[1]["chunks"] == 2
    checkpoints.save(3, state(7.0), {"chunks": 3})
    checkpoints.wait()
    checkpoints.close()
    (found, _), warnings = reopened(folder)
    assert not warnings
    np.testing.assert_array_equal(found.params["w"], state(7.0).params["w"])


def test_all_corrupt_stops(saved: Path, tmp_path: Path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    for number in ("2", "3"):
        garbage(folder / number)
    with pytest.raises(Refusal, match="none can be read"):
        reopened(folder)


@pytest.mark.parametrize("act", ["save", "wait", "close"])
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch, act: str):
    """As the array store words it, on a file system of one megabyte."""

    def full(*_, **__):
        raise ValueError('RESOURCE_EXHAUSTED: Error writing "moments/mu/w/0.0" in OCDBT database at local file "x"')

    checkpoints = Checkpoints(tmp_path, 2)
    name = {"save": "save", "wait": "wait_until_finished", "close": "close"}[act]
    arguments = (1, state(1.0), {}) if act == "save" else ()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.saver.saver, name, full)
        with pytest.raises(InputError, match="cannot be written: RESOURCE_EXHAUSTED; make room") as error:
            getattr(checkpoints, act)(*arguments)
    assert "\n" not in str(error.value)
    checkpoints.close()


def test_leaves_are_named_by_path():
    names = [name for name, _ in enumerate_leaves(state(0.0))]
    assert names == ["params/w", "moments/count", "moments/mu/w", "step", "diverged"]


def test_cohorts_side_by_side_save_at_the_same_moment(tmp_path: Path):
    """Two lanes told to stop save together; Orbax alone mixes their files up."""

    def lane(name: str) -> None:
        checkpoints = Checkpoints(tmp_path / name, 2)
        for n in range(6):
            checkpoints.save(n, state(float(n)), {"chunks": n})
        checkpoints.wait()
        checkpoints.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(lane, name) for name in "abcd"]:
            done.result()
    for name in "abcd":
        (found, cursor), warnings = reopened(tmp_path / name)
        assert (cursor, warnings) == ({"chunks": 5}, [])
        np.testing.assert_array_equal(found.params["w"], state(5.0).params["w"])


def test_a_save_that_failed_is_told_to_its_own_cohort(tmp_path: Path, monkeypatch):
    """Orbax raises once, to whoever waits first: that may be a cohort beside it."""
    one, other = (Checkpoints(tmp_path / name, 2) for name in ("one", "other"))
    one.save(1, state(1.0), {"chunks": 1})
    one.wait()
    errors = [OSError("lost")]
    monkeypatch.setattr(one.saver.saver, "wait_until_finished", lambda: errors and (_ for _ in ()).throw(errors.pop()))
    other.save(1, state(2.0), {"chunks": 1})
    with pytest.raises(OSError, match="lost"):
        one.wait()
    other.wait()
    monkeypatch.undo()
    one.close()
    other.close()
