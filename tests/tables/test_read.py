"""Files as people save them: what works, and the one line that says what to do about the rest."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.read import in_memory, read

ROWS = "params,tokens,loss\n1e6,2e7,4.0\n2e6,4e7,3.5\n3e6,9e7,3.1\n"


def put(tmp_path, content, name="t.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        "\ufeff" + ROWS,  # a byte order mark, as spreadsheets write it
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\n\n"),
        "params\n1\n2\n3\n",
    ],
)
def test_csv_that_works(tmp_path, content):
    table = read(put(tmp_path, content))
    assert table.column_names[0] == "params"
    assert table.num_rows == 3


def test_tabs_by_their_ending_and_parquet_by_its_bytes(tmp_path):
    assert load(put(tmp_path, ROWS.replace(",", "\t"), "t.tsv")).loss.tolist() == [4.0, 3.5, 3.1]
    pq.write_table(read(put(tmp_path, ROWS)), tmp_path / "table.data")
    assert load(tmp_path / "table.data").loss.tolist() == [4.0, 3.5, 3.1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; a table needs a header and rows"),
        ("params,tokens,loss\n", "a header and no rows; nothing to fit"),
        ("params,tokens,loss", "a header and no rows; nothing to fit"),
        ("\n\n", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ('"params,tokens\n1,2\n', "a quote is not closed"),
        (ROWS.replace(",", ";"), r"separated by ';', not by ','; .*tr ';' ',' < .*t.csv > commas.csv"),
        ("a;b\n1,5;2\n3,1;4\n", r"separated by ';'.*decimal comma.*tr ',;' '.,' < .*t.csv > points.csv"),
        (ROWS.replace(",", "\t"), r"separated by '\\t'.*name the file .tsv"),
        ("params,params,loss\n1,2,3\n", "two columns are named 'params'; rename one"),
        ("a,b\n1,2\n3\n", "row 2 has 1 cells, the header has 2: 3; every row needs a cell for each column"),
        (ROWS.encode("utf-16"), "not a CSV in UTF-8"),
        (b"\x00\x01\x02params", "not a CSV in UTF-8"),
    ],
)
def test_files_that_do_not(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as caught:
        load(put(tmp_path, content))
    assert str(caught.value).startswith(f"{tmp_path}/t.csv: ")
    assert "\n" not in str(caught.value)


def test_cures_work(tmp_path):
    """The commands that the messages name do what they say."""
    file = put(tmp_path, ROWS.replace(",", ";").replace(".", ","))
    with pytest.raises(InputError) as caught:
        read(file)
    command = str(caught.value).rsplit(": ", 1)[1]
    assert os.system(f"cd {tmp_path} && {command}") == 0
    assert load(tmp_path / "points.csv").loss.tolist() == [4.0, 3.5, 3.1]


def test_what_may_not_be_read(tmp_path, monkeypatch):
    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied")

    file = put(tmp_path, ROWS)
    if os.geteuid():  # the superuser may read everything
        file.chmod(0)
    else:
        monkeypatch.setattr(pa, "input_stream", forbid)
    with pytest.raises(InputError, match=r"t.csv: cannot be read: Permission denied"):
        read(file)


def test_no_file_and_a_directory_without_a_table(tmp_path):
    with pytest.raises(InputError, match="no such table; give a CSV, Parquet or JSON file"):
        load(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no loss table here yet"):
        load(tmp_path)


def test_nested_columns_are_named(tmp_path):
    table = pa.table({"params": [{"total": 1e6}] * 3, "tokens": [1e8] * 3, "loss": [3.0] * 3, "extra": [[1, 2]] * 3})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(
        InputError, match=r"no column 'params'; did you mean 'params.total'. .*--columns params=params.total\)"
    ):
        load(tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet", {"params": "params.total"}).params.tolist() == [1e6] * 3
    with pytest.raises(InputError, match=r"row 1, column extra: \[1, 2\] is not a number; it is a nested"):
        load(tmp_path / "t.parquet", {"params": "extra"})
    flat = table.set_column(0, "params", pa.array([1e6, 2e6, 3e6]))
    assert len(load(flat)) == 3  # a nested column that nothing reads does not matter


def test_columns_of_one_name_stop_only_who_reads_them(tmp_path):
    lines = ROWS.splitlines()
    text = "\n".join([lines[0] + ",note,x,note", *(line + ",a,1,2.5" for line in lines[1:])])
    file = put(tmp_path, text)
    assert read(file).column_names == ["params", "tokens", "loss", "note (column 4)", "x", "note (column 6)"]
    assert load(file).loss.tolist() == [4.0, 3.5, 3.1]
    with pytest.raises(
        InputError, match=r"2 columns are named 'note'; say which: --columns \"loss=note \(column 4\)\" or"
    ):
        load(file, {"loss": "note"})
    assert load(file, {"loss": "note (column 6)"}).loss.tolist() == [2.5] * 3
    for name in ("loss", "val_loss", "status", " Tokens"):
        with pytest.raises(InputError, match=f"two columns are named '{name}'; rename one"):
            read(put(tmp_path, text.replace("note", name)))


def test_memory():
    frame = pd.DataFrame([[1e6, 1e8, 3.0]] * 2, columns=["params", "tokens", "params"])
    with pytest.raises(InputError, match="Duplicate column names"):
        in_memory(frame)
    with pytest.raises(InputError, match=r"column a"):
        in_memory(pd.DataFrame({"a": [1, "x"]}))
    with pytest.raises(InputError, match="two columns are named 'N'"):
        in_memory(pa.table([pa.array([1]), pa.array([2])], names=["N", "N"]))
    with pytest.raises(InputError, match="no rows"):
        in_memory({"params": []})
    with pytest.raises(InputError, match="one-dimensional"):
        in_memory({"params": np.ones((2, 2))})
    with pytest.raises(InputError, match="cannot read a table from list"):
        in_memory([1, 2])
    frame = pd.DataFrame({"params": [1e6, 2e6], "tokens": [1e8, 2e8], "loss": [3.0, None]})
    with pytest.raises(InputError, match="table: row 2, column loss: missing"):
        load(frame)
