"""Files appear whole or not at all; cohort rows merge to one row a trial."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError
from sweep.tables import io
from sweep.tables.schema import CURVES, SCHEMA, table_of


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_round_trip(tmp_path, name):
    table = pa.table({"params": [1.5, 2.25], "note": ["a", "b,c"]})
    io.write(table, tmp_path / "new" / name)
    assert io.read(tmp_path / "new" / name).equals(table)
    assert [f.name for f in (tmp_path / "new").iterdir()] == [name]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path):
    file = tmp_path / "t.csv"
    io.write(pa.table({"x": [1]}), file)
    with pytest.raises(pa.ArrowInvalid):
        io.write(pa.table({"x": [[1, 2]]}), file)  # CSV has no lists
    assert io.read(file)["x"].to_pylist() == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        io.write(pa.table({"x": [1]}), tmp_path / "file" / "t.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("params,tokens,loss\n", "no rows"),
        ("a,b\n1,2\n3\n", "row 2 has 1 cells"),
        ("loss,loss\n1,2\n", "two"),
    ],
)
def test_bad_files(tmp_path, content, message):
    file = tmp_path / "bad.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        io.read(file)
    assert str(file) in str(caught.value)


def test_missing_file_and_garbage_parquet(tmp_path):
    with pytest.raises(InputError, match="no such table"):
        io.read(tmp_path / "none.csv")
    (tmp_path / "x.parquet").write_text("not parquet")
    with pytest.raises(InputError, match="not a readable table"):
        io.read(tmp_path / "x.parquet")


def put(directory, cohort, name, rows, schema=SCHEMA):
    file = directory / "cohorts" / cohort / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table_of(rows, schema), file)


def test_merge_keeps_the_last_attempt_of_each_trial(tmp_path):
    put(tmp_path, "aa", "rows-0.parquet", [{"trial": "1", "status": "failed", "attempts": 1}])
    put(tmp_path, "aa", "rows-1.parquet", [{"trial": "1", "status": "done", "attempts": 2, "loss": 2.0}])
    put(tmp_path, "bb", "rows-0.parquet", [{"trial": "2", "status": "done", "attempts": 3, "loss": 3.0}])
    put(tmp_path, "bb", "rows-1.parquet", [{"trial": "2", "status": "failed", "attempts": 1}])
    put(tmp_path, "bb", "rows-2.parquet", [{"trial": "3", "status": "partial"}, {"trial": "3", "status": "diverged"}])
    merged = {row["trial"]: row["status"] for row in io.merge(tmp_path).to_pylist()}
    assert merged == {"1": "done", "2": "done", "3": "diverged"}
    assert io.read(tmp_path / "losses.parquet").schema.metadata == SCHEMA.metadata


def test_merge_takes_a_curve_from_one_attempt(tmp_path):
    """An attempt on another mesh has its points elsewhere; a trial that only the older one has written stays."""
    put(tmp_path, "aa", "rows-0.parquet", [{"trial": "1", "status": "done"}])
    old = [{"trial": t, "step": s, "loss": 3.0} for t in ("1", "2") for s in (10, 20)]
    put(tmp_path, "aa", "curves-0.parquet", old, CURVES)
    put(tmp_path, "aa", "curves-1.parquet", [{"trial": "1", "step": s, "loss": 2.0} for s in (8, 16, 24)], CURVES)
    io.merge(tmp_path)
    points = [(row["trial"], row["step"], row["loss"]) for row in io.read(tmp_path / "curves.parquet").to_pylist()]
    assert sorted(points) == [("1", 8, 2.0), ("1", 16, 2.0), ("1", 24, 2.0), ("2", 10, 3.0), ("2", 20, 3.0)]


def test_what_an_attempt_that_lost_has_written_does_not_count(tmp_path):
    """A run was taken for dead and ended all the same, while another that had taken over was in the middle."""
    for attempt, loss, steps in ((1, 2.0, (8, 16, 24)), (2, 2.5, (8,))):
        row = {"trial": "1", "status": "done", "attempts": attempt, "loss": loss}
        put(tmp_path, "aa", f"rows-{attempt:03d}.parquet", [row])
        points = [{"trial": "1", "step": s, "loss": loss} for s in steps]
        put(tmp_path, "aa", f"curves-{attempt:03d}.parquet", points, CURVES)
    assert [row["loss"] for row in io.merge(tmp_path).to_pylist()] == [2.5]
    (tmp_path / "cohorts" / "aa" / "DONE").write_text('{"attempt": 1}')
    assert [row["loss"] for row in io.merge(tmp_path).to_pylist()] == [2.0]
    assert [row["step"] for row in io.read(tmp_path / "curves.parquet").to_pylist()] == [8, 16, 24]
    (tmp_path / "cohorts" / "aa" / "DONE").write_text("[]")
    with pytest.raises(InputError, match="DONE: damaged"):
        io.merge(tmp_path)


def test_rows_of_an_older_writer_gain_null_columns(tmp_path):
    file = tmp_path / "cohorts" / "aa" / "rows-0.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"trial": ["1"], "status": ["done"], "tokens": pa.array([5], pa.int32())}), file)
    (row,) = io.merge(tmp_path).to_pylist()
    assert (row["tokens"], row["loss"]) == (5, None)
