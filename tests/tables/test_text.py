"""Text files as spreadsheets, shells and loggers leave them: what is read, and the commands that mend the rest."""

import bz2
import gzip
import lzma
import os
import shlex

import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.read import TableFile, read, read_file

ROWS = "params,tokens,loss\n1e6,2e7,4.0\n2e6,4e7,3.5\n3e6,9e7,3.1\n"
LOSSES = [4.0, 3.5, 3.1]


def put(tmp_path, content, name="t.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def zstd(data):
    return pa.Codec("zstd").compress(data).to_pybytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.gz", gzip.compress(ROWS.encode(), mtime=0)),
        ("t.csv.zst", zstd(ROWS.encode())),
        ("t.csv.bz2", bz2.compress(ROWS.encode())),
        ("t.csv.xz", lzma.compress(ROWS.encode())),
        ("t.csv", gzip.compress(ROWS.encode(), mtime=0)),  # by its first bytes, whatever its name
        (
            "t.csv.gz",
            gzip.compress(ROWS[:31].encode(), mtime=0) + gzip.compress(ROWS[31:].encode(), mtime=0),
        ),  # as pigz and cat write it
        ("t.tsv.gz", gzip.compress(ROWS.replace(",", "\t").encode(), mtime=0)),
        ("t.csv.gz", ROWS.encode()),  # unpacked by a browser, the name kept
    ],
)
def test_packed(tmp_path, name, content):
    assert load(put(tmp_path, content, name)).loss.tolist() == LOSSES


def test_packed_and_cut(tmp_path):
    for blob in (gzip.compress(ROWS.encode())[:-9], zstd(ROWS.encode())[:-3], lzma.compress(ROWS.encode())[:-9]):
        with pytest.raises(InputError, match=r"t.csv.gz: cannot be read: Truncated"):
            load(put(tmp_path, blob, "t.csv.gz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(99), "a ZIP file, as Excel workbooks are.*save the sheet as CSV UTF-8"),
        (b"\x89HDF\r\n", "an HDF5 file"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        load(put(tmp_path, content))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_header_in_another_encoding_and_its_cure(tmp_path, pack):
    file = put(tmp_path, pack(ROWS.replace("loss", "größe").encode("latin-1")), "of mine.csv")
    with pytest.raises(InputError, match=r"the header is not UTF-8.*save it as CSV UTF-8, or: ") as caught:
        load(file)
    command = str(caught.value).rsplit(" or: ", 1)[1]
    assert os.system(f"cd {tmp_path} && {command}") == 0
    assert read(tmp_path / "utf8.csv").column_names == ["params", "tokens", "größe"]
    assert load(tmp_path / "utf8.csv", {"loss": "größe"}).loss.tolist() == LOSSES


def test_utf16_and_its_cure(tmp_path):
    file = put(tmp_path, ROWS.encode("utf-16"))
    with pytest.raises(InputError, match="in UTF-16; save it as CSV UTF-8, or: iconv") as caught:
        load(file)
    assert os.system(f"cd {tmp_path} && {str(caught.value).rsplit(' or: ', 1)[1]}") == 0
    assert load(tmp_path / "utf8.csv").loss.tolist() == LOSSES


def test_a_cell_in_another_encoding_stops_only_who_asks_for_it(tmp_path):
    lines = ROWS.replace("loss", "loss,note").splitlines()
    text = "\n".join([lines[0], *(f"{line},gr{letter}n" for line, letter in zip(lines[1:], "üué", strict=True))])
    file = put(tmp_path, text.encode("latin-1"))
    assert load(file).loss.tolist() == LOSSES
    assert load(file, where="note == 'grun'").loss.tolist() == [3.5]
    with pytest.raises(InputError, match=r"row 1, column note: 'gr\\\\xfcn' is not a number"):
        load(file, {"loss": "note"})


@pytest.mark.parametrize(
    ("above", "commented"),
    [
        ("# swept on v5p, 2026-11\n#\n", 0),
        ("# 5e6,1e8,2.9\n", 0),  # above the header nobody can tell a row from prose
        ("#\n  # note\n", 0),
    ],
)
def test_comments_above(tmp_path, above, commented):
    table, excluded = read_file(TableFile(put(tmp_path, above + ROWS)))
    assert table["loss"].to_pylist() == LOSSES
    assert excluded == [("commented out", commented)] * bool(commented)


def test_rows_that_are_commented_out_are_counted(tmp_path):
    lines = ROWS.splitlines()
    text = "\n".join([lines[0], "#" + lines[1], "# the next one was restarted", *lines[2:], "# 7e6,1e8,2.8"])
    runs = load(put(tmp_path, text))
    assert runs.loss.tolist() == LOSSES[1:]
    assert runs.row.tolist() == [1, 2]
    assert runs.excluded == [("commented out", 2)]


@pytest.mark.parametrize("header", ["# params,tokens,loss", "#params,tokens,loss", "# by hand\n#params, tokens, loss"])
def test_the_header_may_be_a_comment(tmp_path, header):
    rows = ROWS.partition("\n")[2]
    table = read(put(tmp_path, f"{header}\n{rows}"))
    assert [name.strip() for name in table.column_names] == ["params", "tokens", "loss"]
    assert table["params"].to_pylist() == [1e6, 2e6, 3e6]


def test_a_column_of_that_name_and_a_cell_within_quotes_are_no_comments(tmp_path):
    lines = ROWS.splitlines()
    numbered = "\n".join(["#," + lines[0], *(f"{i},{line}" for i, line in enumerate(lines[1:]))])
    assert load(put(tmp_path, numbered)).loss.tolist() == LOSSES
    quoted = lines[0] + ",note\n" + "\n".join(f'{line},"a\n#b,c,d,e"' for line in lines[1:]) + "\n"
    runs = load(put(tmp_path, quoted))
    assert (runs.loss.tolist(), runs.excluded) == (LOSSES, [])


def test_no_header(tmp_path):
    with pytest.raises(InputError, match="the first line holds numbers, not names of columns: write a header"):
        load(put(tmp_path, ROWS.partition("\n")[2]))


def test_commas_at_the_ends_of_lines(tmp_path):
    text = ROWS.replace("\n", ",,\n")
    assert load(put(tmp_path, text)).loss.tolist() == LOSSES


def test_cures_name_the_file_as_it_was_given(tmp_path):
    file = put(tmp_path, ROWS.replace(",", ";"), "it's mine.csv")
    with pytest.raises(InputError) as caught:
        load(file)
    assert shlex.quote(str(file)) in str(caught.value)
    assert os.system(f"cd {tmp_path} && {str(caught.value).rsplit(': ', 1)[1]}") == 0
    assert load(tmp_path / "commas.csv").loss.tolist() == LOSSES
