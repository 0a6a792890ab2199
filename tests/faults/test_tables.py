"""Tables of a run directory that are damaged or deleted."""

from pathlib import Path

import pyarrow as pa
import pytest

from sweep import parquet
from sweep.errors import SweepError
from tests.faults.flips import cut, flip
from tests.faults.register import fault
from tests.faults.tiny import curves, first, losses, train


def harm(file: Path) -> None:
    """Flip a bit that matters: not one of the statistics, which nothing reads."""
    content = file.read_bytes()
    for seed in range(100):
        flip(file, seed)
        try:
            parquet.read(file)
        except (OSError, pa.ArrowException):
            return
        file.write_bytes(content)
    raise AssertionError("no bit mattered")


@fault(
    "files",
    "rows or curves of a cohort are damaged (a flipped bit, half-written) or deleted",
    "every page has a checksum: the merge stops and names the file; no table is written with a wrong number or without "
    "a trial",
    code=1,
    remedy="restore the file, or delete it with `DONE` beside it and repeat `sweep run`, which writes both anew from "
    "the last checkpoint",
    where="the file of a cohort that is done, before the command is repeated",
)
@pytest.mark.parametrize("name", ["rows-001.parquet", "curves-001.parquet"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_table_of_a_cohort_is_damaged(stated, copy, corpus, whole, name, damage):
    out = copy()
    _, folder = first(out)
    before = (out / "losses.parquet").read_bytes()
    {"flip": lambda: harm(folder / name), "cut": lambda: cut(folder / name), "delete": (folder / name).unlink}[damage]()
    with pytest.raises(SweepError) as error:
        train(out, corpus)
    text = stated.ended(error.value)
    assert str(folder / name) in text
    assert "DONE" in text
    assert damage == "delete" or (out / "losses.parquet").read_bytes() == before
    if damage == "cut":
        (folder / name).unlink()
        (folder / "DONE").unlink()
        train(out, corpus)
        assert losses(out) == losses(whole)
        assert curves(out).equals(curves(whole))


@fault(
    "files",
    "`plan.parquet`, `losses.parquet` or `curves.parquet` is damaged or deleted",
    "what reads it stops and names it; `sweep run` writes all three anew",
    code=0,
    remedy="repeat `sweep run`",
    where="each file is cut in half; the sweep is done",
)
def test_merged_tables_and_the_plan_are_written_anew(copy, corpus, whole):
    out = copy()
    for name in ("plan.parquet", "losses.parquet", "curves.parquet"):
        cut(out / name)
    train(out, corpus)
    assert losses(out) == losses(whole)
    assert curves(out).equals(curves(whole))
    assert (out / "plan.parquet").read_bytes() == (whole / "plan.parquet").read_bytes()


def test_no_bit_of_a_table_can_flip_to_another_number(tmp_path):
    """Every bit of a small file."""
    table = pa.table({"trial": ["a", "b", "b"], "loss": [1.5, None, 3.25], "steps": [1, 2, 3]})
    file = tmp_path / "t.parquet"
    with file.open("wb") as sink:
        parquet.write(table, sink)
    content, other = file.read_bytes(), []
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = parquet.read(pa.BufferReader(bytes(flipped)))
        except (OSError, pa.ArrowException):
            continue
        if found.column_names != table.column_names or not found.cast(table.schema).equals(table):
            other.append((bit, found))
    assert not other
