"""Rows without a finished run: named, or left out and counted when that is asked for."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.read import TableFile

HEAD = "params,tokens,loss,ppl\n"
MARKS = ["diverged", "NaN", "inf", "", "OOM", "-", "—", "diverged"]


def put(tmp_path, cells):
    rows = [f"{(i + 1) * 1e6:g},{(i + 1) * 1e8:g},{cell},{cell}" for i, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path / "t.csv"


def test_every_mark_is_left_out_and_counted(tmp_path):
    file = put(tmp_path, ["3.5", *MARKS, "3.25"])
    with pytest.raises(InputError, match=r"row 2, column loss: 'diverged' is not a number; --drop-unfinished leaves"):
        load(file)
    runs = load(TableFile(file, drop_unfinished=True))
    assert runs.loss.tolist() == [3.5, 3.25]
    assert runs.row.tolist() == [1, 10]
    counts = dict(runs.excluded)
    assert counts == {"diverged": 2, "empty": 3, "infinite": 1, "OOM": 1, "—": 1}
    assert sum(counts.values()) + len(runs) == 10


def test_of_a_column_of_numbers_and_of_an_expression(tmp_path):
    file = put(tmp_path, ["30.5", "NaN", "inf", "20.25"])
    for column in ("loss", "ppl", "log(ppl)"):
        runs = load(TableFile(file, drop_unfinished=True), {"loss": column}, units="nats")
        assert runs.excluded == [("empty", 1), ("infinite", 1)]
        assert len(runs) == 2


def test_tables_in_memory_take_the_same_options():
    """As the messages say it in Python."""
    arrays = {"params": [1e8, 2e8, 3e8], "tokens": [1e9, 2e9, 3e9], "loss": [3.0, np.nan, 2.8]}
    for table in (arrays, pd.DataFrame(arrays), pa.table(arrays)):
        runs = load(TableFile(table, drop_unfinished=True))
        assert (runs.loss.tolist(), runs.excluded) == ([3.0, 2.8], [("empty", 1)])
    wide = pd.DataFrame({"tokens": [1e9, 2e9], "70M": [3.5, None], "160M": [3.2, 3.1]})
    runs = load(TableFile(wide, wide="params=loss"))
    assert (runs.params.tolist(), runs.loss.tolist()) == ([7e7, 1.6e8, 1.6e8], [3.5, 3.2, 3.1])
    assert (runs.excluded, runs.units.how) == ([("empty cells", 1)], "guessed")


def test_what_was_meant_as_a_number_is_named_all_the_same(tmp_path):
    with pytest.raises(InputError, match=r"row 2, column loss: '3,25' is not a number; with a decimal point"):
        load(TableFile(put(tmp_path, ["3.5", '"3,25"', "OOM"]), drop_unfinished=True))
    with pytest.raises(InputError, match=r"row 1, column params: 'many' is not a number; --where"):
        load({"params": ["many"], "tokens": [1e8], "loss": [3.0]})


def test_other_columns_and_losses_of_zero_are_no_marks(tmp_path):
    file = put(tmp_path, ["3.5", "OOM"])
    file.write_text(file.read_text() + ",3e8,3.0,1\n")
    with pytest.raises(InputError, match=r"row 3, column params: missing; it must be a positive finite number; --w"):
        load(TableFile(file, drop_unfinished=True))


def test_many_marks_and_only_marks(tmp_path):
    words = [f"error {letter}" for letter in "abcdefgh"]
    runs = load(TableFile(put(tmp_path, ["3.5", *words]), drop_unfinished=True))
    assert runs.excluded[-1] == ("other marks", 3)
    assert sum(count for _, count in runs.excluded) == 8
    with pytest.raises(InputError, match="no loss in column loss is a number; nothing to fit"):
        load(TableFile(put(tmp_path, MARKS), drop_unfinished=True))


def test_after_the_filter(tmp_path):
    file = put(tmp_path, ["3.5", "OOM", "OOM", "3.25"])
    runs = load(TableFile(file, drop_unfinished=True), where="params > 2.5e6")
    assert (runs.excluded, runs.row.tolist()) == ([("OOM", 1)], [4])
    assert np.isfinite(runs.loss).all()
