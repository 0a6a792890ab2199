"""Two run directories side by side: what must be equal, what may be off by rounding, and what is named."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.resume.compare import compared, relative
from sweep.tables.schema import COLUMNS, CURVES, SCHEMA

Row = dict[str, Any]
POINTS = [
    {"trial": "t", "step": step, "tokens": 10 * step, "flops_exact": 1.0, "loss": 2.5 - step / 100, "train_loss": 2.5}
    for step in (4, 8, 12)
]
ROW: Row = dict.fromkeys(COLUMNS) | {
    "trial": "t", "status": "done", "steps": 12, "tokens": 120, "loss": 2.38, "train_loss": 2.5, "mesh": "1x1",
    "attempts": 1, "wall_s": 3.0, "lr": 0.1,
}  # fmt: skip
MESH = {"trial": 1, "data": 1}


def write(folder: Path, row: Row = ROW, points: list[Row] = POINTS, chunks: tuple[int, ...] = (4, 8, 12)) -> Path:
    """A run directory of one cohort and one trial."""
    cohort = folder / "cohorts" / "c"
    cohort.mkdir(parents=True)
    (cohort / "spec.json").write_text("{}")
    lines: list[Row] = [{"begun": 1, "chunk": 0, "mesh": MESH}]
    before = (0, *chunks)
    lines += [{"rows": {"t": end}, "steps": end - start} for start, end in zip(before, chunks, strict=False)]
    (cohort / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), folder / "losses.parquet")
    pq.write_table(pa.Table.from_pylist(points, schema=CURVES), folder / "curves.parquet")
    return folder


@pytest.fixture
def reference(tmp_path) -> Path:
    return write(tmp_path / "reference")


def said(folder: Path, reference: Path, exactly: bool = True) -> list[str]:
    return [str(difference) for difference in compared("it", folder, reference, exactly=exactly).differences]


def test_times_and_attempts_may_differ(reference, tmp_path):
    other = write(tmp_path / "other", ROW | {"attempts": 5, "wall_s": 9.0, "mfu": 0.1, "tokens_per_s": 4.0})
    one = compared("it", other, reference, exactly=True)
    assert (one.equal, one.largest, one.trials, one.points, one.steps) == (True, 0.0, 1, 3, 12)
    assert (one.meshes, one.moves) == (["1x1"], [])


def test_the_last_bit_of_a_loss_counts_on_the_same_mesh(reference, tmp_path):
    points = [POINTS[0], POINTS[1] | {"loss": POINTS[1]["loss"] * (1 + 2e-16)}, POINTS[2]]
    other = write(tmp_path / "other", points=points)
    assert points[1] != POINTS[1]
    assert said(other, reference) == [
        f"trial t differs at step 8: loss {POINTS[1]['loss']!r} uninterrupted, {points[1]['loss']!r} after the kills"
    ]
    one = compared("it", other, reference, exactly=False)
    assert one.differences == []
    assert 0 < one.largest < 1e-15
    assert not one.equal


def test_on_another_mesh_rounding_is_allowed_and_no_more(reference, tmp_path):
    near = write(tmp_path / "near", ROW | {"loss": 2.38 * (1 + 9e-6), "mesh": "2x1"})
    assert said(near, reference, exactly=False) == []
    far = write(tmp_path / "far", ROW | {"loss": 2.38 * (1 + 2e-5)})
    assert [text.partition(": ")[0] for text in said(far, reference, exactly=False)] == ["trial t differs at step 12"]


@pytest.mark.parametrize("change", [{"status": "diverged"}, {"tokens": 130}, {"seed": 4}, {"loss": None}])
@pytest.mark.parametrize("exactly", [True, False])
def test_what_no_rounding_reaches_must_be_equal(reference, tmp_path, change, exactly):
    assert said(write(tmp_path / "other", ROW | change), reference, exactly)


def test_points_that_one_lacks_count_on_the_same_mesh_alone(reference, tmp_path):
    other = write(tmp_path / "other", points=[POINTS[0] | {"train_loss": 9.0, "step": 5}, *POINTS[1:]])
    assert said(other, reference)
    one = compared("it", other, reference, exactly=False)
    assert one.points == 2
    assert one.differences == []  # the training loss at step 8 is a mean over other steps there


def test_steps_are_compared_too(reference, tmp_path):
    assert said(write(tmp_path / "other", chunks=(4, 8)), reference, exactly=False)
    assert said(write(tmp_path / "finer", chunks=(2, 4, 8, 12)), reference, exactly=False) == []


def test_relative_differences():
    assert relative(float("nan"), float("nan")) == relative(None, None) == relative("a", "a") == 0
    assert relative(2.0, 1.0) == 0.5
    assert relative(None, 1.0) == relative(float("inf"), 1.0) == relative("a", "b") == float("inf")
