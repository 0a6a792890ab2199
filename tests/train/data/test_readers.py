"""Texts come out of every format as they went in; a long line, element or row is bounded or said."""

import csv
import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.train.data import readers
from tests.train.data.corpora import PACK, jsonl, lost, parquet, read

AWKWARD = ["plain", "größer – 漢字 🎉", "two\nlines\r\n", 'quotes "and", commas; \t', " ] } , [ {", "\\", "x" * 3000]


def as_csv(texts: list[str], separator: str = ",") -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=separator)
    writer.writerows([["id", "content", "date"], *([i, text, "2020-13-45"] for i, text in enumerate(texts))])
    return sink.getvalue().encode()


FORMATS = {
    "a.jsonl": jsonl(AWKWARD, "content"),
    "a.ndjson": jsonl(AWKWARD, "content"),
    "lines.json": jsonl(AWKWARD, "content"),
    "array.json": json.dumps([{"content": text, "n": [1, {"content": 2}]} for text in AWKWARD]).encode(),
    "pretty.json": b"\xef\xbb\xbf" + json.dumps([{"content": text} for text in AWKWARD], indent=2).encode(),
    "utf8.json": json.dumps([{"content": text} for text in AWKWARD], ensure_ascii=False).encode(),
    "a.csv": as_csv(AWKWARD),
    "a.tsv": as_csv(AWKWARD, "\t"),
    "a.parquet": parquet(content=AWKWARD, n=[[1]] * len(AWKWARD)),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packing", ["", *PACK])
def test_every_format_gives_its_texts_plain_or_compressed(name: str, packing: str, tmp_path: Path):
    data = PACK[packing](FORMATS[name]) if packing else FORMATS[name]
    (tmp_path / (name + packing)).write_bytes(data)
    if packing and name == "a.parquet":
        with pytest.raises(InputError, match="unpack it first"):
            read(tmp_path, field="content")
        return
    found, account = read(tmp_path, field="content")
    assert list(found.values()) == AWKWARD
    assert all(key.startswith(name + ":") for key in found)  # the unpacked file has the same names
    assert lost(account) == ({}, {})


def test_an_array_larger_than_what_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    draw = random.Random(0)
    texts = [f"{i} " + "ä" * draw.randrange(400) for i in range(200)] + ["long " * 2_000]
    monkeypatch.setattr(readers, "CHUNK", 64)
    (tmp_path / "a.json").write_text(json.dumps([{"text": text} for text in texts], ensure_ascii=False))
    assert list(read(tmp_path)[0].values()) == texts


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"text": "a"}, {"text": "b"}', "the array has no end"),
        ('[{"text": "a"} {"text": "b"}]', ":2: not an array of JSON objects"),
        ('[{"text": "a"},]', ":2: not an array of JSON objects"),
        ('[{"text": "a"}, "b"]', ":2: not an array of JSON objects"),
        ('[{"text": "a"}, {"text": "b]', ":2: not a JSON object"),
        ('[{"text": "a"}] {"text": "b"}', "more after the end of the array"),
        ('[{"text": "a"}, {"text": ' + "[" * 100_000 + "]", ":2: nested too deeply"),
        ('{"text": "a"}\n' + '{"text":' * 100_000, ":2: not a JSON object"),
    ],
)
def test_an_array_that_is_not_one_stops_where_it_breaks(tmp_path: Path, content: str, says: str):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=says):
        read(tmp_path)


def test_a_line_without_end_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(readers, "LONG_RECORD", 1 << 20)
    (tmp_path / "a.jsonl.gz").write_bytes(PACK[".gz"](b'{"text": "' + b"a" * (2 << 20)))
    with pytest.raises(InputError, match=r"a\.jsonl\.gz:1: longer than 1 MiB; write one JSON object a line"):
        read(tmp_path)
    (tmp_path / "a.jsonl.gz").unlink()
    (tmp_path / "a.json").write_bytes(b'[{"text": "' + b"a" * (2 << 20))
    assert lost(read(tmp_path)[1])[1] == {"a.json": "not a JSON object"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('text\n"a"\n"b', r"a\.csv:3: not CSV: unexpected end of data"),
        ('text\na\n"b\n' + "c\n" * 40_000, r"a\.csv:\d+: not CSV: field larger than field limit"),
        ("text\na\n" + "b" * 70_000, r"a\.csv: a line longer than 0 MiB"),
        ("text,n\na,1\n\nb, c,2\n", r"a\.csv:4: 3 cells where the header has 2; put text with separators in quotes"),
        ('text\na\n"b"c\n', r"a\.csv:3: not CSV: ',' expected after"),
    ],
)
def test_a_table_that_breaks_stops_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, says: str
):
    monkeypatch.setattr(readers, "LONG_RECORD", 1 << 16)
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=says):
        read(tmp_path)


def test_a_cell_that_is_not_utf8_is_one_bad_record(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbftext,b\ngood,\xff\nbad \xff,1\n,2\n")
    found, account = read(tmp_path)
    assert found == {"a.csv:1": "good"}
    assert account.texts == {"undecodable": 1, "empty": 1}


def test_a_text_of_one_line_is_cut_at_spaces_else_between_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(readers, "LONG_LINE", 1 << 15)
    words = " ".join(f"word{i}" for i in range(60_000))
    for name, text in (("words.txt", words), ("letters.txt", "漢字ä🎉".join(map(str, range(30_000))))):
        (tmp_path / name).write_text(text)
        found, account = read(tmp_path / name)
        assert "".join(found.values()) == text
        assert lost(account) == ({}, {})
        assert max(len(piece.encode()) for piece in found.values()) <= (1 << 15) + readers.PIECE
    assert all(piece.endswith(" ") for piece in list(read(tmp_path / "words.txt")[0].values())[:-1])


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_parquet_type_of_text_is_text(kind: pa.DataType, tmp_path: Path):
    column = pa.array(AWKWARD).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(AWKWARD).cast(kind)
    (tmp_path / "a.parquet").write_bytes(parquet(text=column))
    assert list(read(tmp_path)[0].values()) == AWKWARD


@pytest.mark.parametrize("values", [[1], [["a"]], [{"a": "b"}], [1.5]])
def test_a_parquet_column_of_something_else_is_refused(values: list, tmp_path: Path):
    (tmp_path / "a.parquet").write_bytes(parquet(text=values))
    with pytest.raises(InputError, match=r"a\.parquet: column 'text' is no text but "):
        read(tmp_path)


def test_fields_to_choose_from_are_listed_and_bounded(tmp_path: Path):
    (tmp_path / "a.parquet").write_bytes(parquet(**{f"column{i:02}" * 20: ["x"] for i in range(20)}))
    with pytest.raises(InputError) as error:
        read(tmp_path)
    assert "and 12 more: name the text with --text-field" in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 500


def test_parquet_text_that_is_not_utf8_is_one_bad_record(tmp_path: Path):
    column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"good", b"\xff\xff"], pa.binary()).buffers())
    (tmp_path / "a.parquet").write_bytes(parquet(text=column))
    found, account = read(tmp_path)
    assert found == {"a.parquet:0": "good"}
    assert account.texts == {"undecodable": 1}
