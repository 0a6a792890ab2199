"""Checkpoints that are damaged or deleted, under a sweep that was stopped."""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sweep.errors import SweepError
from sweep.train.checkpoint import Checkpoints
from tests.faults.flips import change, cut, riddle
from tests.faults.register import fault
from tests.faults.tiny import curves, first, losses, train


def reopened(out: Path) -> Path:
    """Make a cohort one that is not done, with the checkpoints it has; returns the folder of these."""
    _, folder = first(out)
    (folder / "DONE").unlink()
    return folder / "checkpoints"


def saved(folder: Path) -> list[Path]:
    """The checkpoints, oldest first."""
    return sorted((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))


def largest(checkpoint: Path) -> Path:
    """The file that holds most of the arrays."""
    return max((p for p in checkpoint.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def warnings(out: Path) -> list[str]:
    _, folder = first(out)
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [event["warning"] for event in events if "warning" in event]


@fault(
    "files",
    "the newest checkpoint is damaged: flipped bits, a file cut short or deleted",
    "it is recognised by its checksums (bits, where one process saved it); the one before is taken, and a warning in "
    "`log.jsonl` says so",
    code=0,
    remedy="nothing; what was trained since the older checkpoint is trained again, to the same numbers",
    where="the largest file of the newest checkpoint, before the command is repeated",
)
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_the_newest_checkpoint_is_damaged(copy, corpus, whole, damage):
    out = copy()
    there = saved(reopened(out))
    assert len(there) > 1
    file = largest(there[-1])
    {"flip": lambda: riddle(file), "cut": lambda: cut(file), "delete": file.unlink}[damage]()
    train(out, corpus)
    assert f"checkpoint {there[-1].name} in " in warnings(out)[0]
    assert "trying an older one" in warnings(out)[0]
    assert losses(out) == losses(whole)
    assert curves(out).equals(curves(whole))


@fault(
    "files",
    "every checkpoint of a cohort is damaged or deleted",
    "refused (`checkpoint_missing`): the cohort never starts from step 0 without a word; the others are trained",
    code=2,
    remedy="restore the folder, or delete the cohort's folder to train it from the start",
    where="every file of the arrays of every checkpoint is cut in half",
)
def test_every_checkpoint_is_damaged(stated, copy, corpus, whole):
    out = copy()
    folder = reopened(out)
    for one in saved(folder):
        for file in (p for p in (one / "state").rglob("*") if p.is_file()):
            cut(file)
    with pytest.raises(SweepError) as error:
        train(out, corpus)
    assert str(folder) in stated.ended(error.value)
    assert saved(folder), "what may still be mended was deleted"
    shutil.rmtree(folder.parent)
    train(out, corpus)
    assert losses(out) == losses(whole)


def test_a_flipped_bit_never_restores_as_another_number(tmp_path):
    """Every file of a checkpoint, several bits each: the same numbers, or none."""
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    values = np.random.default_rng(0).normal(size=(3, 16, 8))
    state = {
        "a": jax.device_put(values.astype(np.float32), sharding),
        "b": jax.device_put(jnp.asarray(values, jnp.bfloat16), sharding),
        "c": jax.device_put(np.arange(3, dtype=np.int32), sharding),
    }
    cursor = {"step": [1, 2, 3], "loss": 1.25, "se": float("nan")}
    checkpoints = Checkpoints(tmp_path / "saved", 1)
    checkpoints.save(1, state, cursor)
    checkpoints.wait()
    checkpoints.close()
    files = [p.relative_to(tmp_path / "saved") for p in (tmp_path / "saved").rglob("*") if p.is_file()]
    seen: list[str] = []
    for number, file in enumerate(sorted(files, key=lambda p: -(tmp_path / "saved" / p).stat().st_size)):
        size = (tmp_path / "saved" / file).stat().st_size
        for part in range(12 if number == 0 else 3):  # the largest one holds the arrays
            folder = Path(shutil.copytree(tmp_path / "saved", tmp_path / f"{number}-{part}"))
            change(folder / file, size * (2 * part + 1) // (24 if number == 0 else 6), part % 8)
            damaged = Checkpoints(folder, 1)
            found = damaged.restore(state, expected=False, warn=seen.append)
            damaged.close()
            if found is not None:
                assert all(np.array_equal(found[0][name], state[name]) for name in state), file
                assert str(found[1]) == str(cursor), file
    assert any("other numbers than were saved" in text for text in seen)


def test_rows_of_padding_do_not_count(tmp_path):
    """Meshes pad the rows of a cohort to different lengths; a longer state restores as a shorter one."""
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    state = {"a": jax.device_put(np.arange(12, dtype=np.float32).reshape(4, 3), sharding)}
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(1, state, {})
    checkpoints.wait()
    for rows in (3, 6):
        like = {"a": jax.ShapeDtypeStruct((rows, 3), np.float32, sharding=sharding)}
        found = checkpoints.restore(like, expected=True, warn=pytest.fail)
        assert found is not None
        assert np.array_equal(np.asarray(found[0]["a"])[:4], np.asarray(state["a"])[:rows])
    checkpoints.close()
