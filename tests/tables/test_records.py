"""JSON tables against the same rows as Python has them, and the line for JSON that is no table."""

import gzip
import json
import os

import numpy as np
import pandas as pd
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.read import read

COLUMNS = {"params": [1e6, 2e6, 3e6], "tokens": [20_000_000, 40_000_000, 90_000_000], "loss": [4.0, 3.5, 3.1]}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
LINES = "\n".join(map(json.dumps, RECORDS))


def put(tmp_path, content, name="t.json"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", json.dumps(RECORDS)),
        ("t.json", json.dumps(RECORDS, indent=1)),
        ("t.json", "\ufeff" + json.dumps(RECORDS)),
        ("t.json", json.dumps(COLUMNS)),
        ("t.json", pd.DataFrame(COLUMNS).to_json()),  # pandas' columns of numbered values
        ("t.json", pd.DataFrame(COLUMNS).to_json(orient="records")),
        ("t.jsonl", LINES),
        ("t.jsonl", LINES.replace("\n", "\r\n\r\n")),
        ("t.jsonl", "\n".join(json.dumps(r, indent=2) for r in RECORDS)),  # records drawn over several lines
        ("t.ndjson.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("t.txt", LINES),  # by its first byte
        ("t.csv", json.dumps(RECORDS)),
    ],
)
def test_what_is_read(tmp_path, name, content):
    runs = load(put(tmp_path, content, name))
    for column, values in COLUMNS.items():
        np.testing.assert_array_equal(getattr(runs, column), values)


def test_one_record_is_a_table_of_one_row(tmp_path):
    assert read(put(tmp_path, json.dumps(RECORDS[0]), "t.jsonl")).to_pylist() == RECORDS[:1]


def test_kinds_of_values(tmp_path):
    records = [
        {"a": 1, "b": 1, "c": True, "d": "x", "e": None, "f": 1e400, "g": "1e9", "h": [1], "i": 2**70, "j": 2**53 + 1},
        {"a": 2, "b": 2.5, "c": False, "d": None, "f": 1.0, "g": 7, "h": 2, "i": 1, "j": 1},
    ]  # fmt: skip
    table = read(put(tmp_path, json.dumps(records)))
    kinds = {name: str(table[name].type) for name in table.column_names}
    assert kinds == {
        "a": "int64", "b": "double", "c": "bool", "d": "string", "e": "null", "f": "double", "g": "string",
        "h": "string", "i": "double", "j": "int64",
    }  # fmt: skip
    assert table["g"].to_pylist() == ["1e9", "7"]
    assert table["h"].to_pylist() == ["[1]", "2"]
    assert table["i"].to_pylist() == [2.0**70, 1.0]
    assert table["j"].to_pylist() == [2**53 + 1, 1]  # exact, as a name of a run must be


def test_missing_fields_and_lists_are_named_by_row_where_they_are_asked_for(tmp_path):
    records = [dict(r, config={"lr": 1e-3}) for r in RECORDS]
    assert len(load(put(tmp_path, json.dumps(records)))) == 3
    with pytest.raises(InputError, match=r"row 2, column loss: missing"):
        load(put(tmp_path, json.dumps([RECORDS[0], {"params": 2e6, "tokens": 4e7}, RECORDS[2]])))
    listed = [dict(r, loss=[r["loss"]]) for r in RECORDS]
    with pytest.raises(InputError, match=r"row 1, column loss: '\[4.0\]' is not a number; it is a nested"):
        load(put(tmp_path, json.dumps(listed)))


def test_fields_of_records_in_records_are_columns(tmp_path):
    """As trainers log them; pandas.json_normalize makes the same of it."""
    records = [
        {"config": {"model": {"n": n}, "a.b": 1}, "tokens": d, "eval": {"loss": loss}, "x": {}}
        for n, d, loss in zip(*COLUMNS.values(), strict=True)
    ]
    file = put(tmp_path, "\n".join(map(json.dumps, records)), "t.jsonl")
    expected = pd.json_normalize(records)
    table = read(file)
    assert set(table.column_names) == {*expected.columns, "x"}
    for column in expected.columns:
        assert table[column].to_pylist() == expected[column].tolist()
    runs = load(file, {"params": "config.model.n", "loss": "'eval.loss'*1"}, where="'config.model.n' > 1e6")
    assert runs.loss.tolist() == COLUMNS["loss"][1:]
    with pytest.raises(InputError, match=r"did you mean 'config.model.n'"):
        load(file, {"loss": "eval.loss"})
    taken = read(put(tmp_path, '[{"a": {"b": 1}, "a.b": 2}]'))  # two of one name: neither is lost
    assert taken.to_pylist() == [{"a": '{"b": 1}', "a.b": 2}]


def test_records_under_names_and_their_cure(tmp_path):
    file = put(tmp_path, json.dumps({f"run {i}": r for i, r in enumerate(RECORDS)}))
    with pytest.raises(InputError, match="the records are named; take them out of their names: jq") as caught:
        load(file)
    if os.system("jq --version > /dev/null 2>&1"):
        pytest.skip("jq is not installed")
    assert os.system(f"cd {tmp_path} && {str(caught.value).rsplit('names: ', 1)[1]}") == 0
    assert load(tmp_path / "records.json").loss.tolist() == COLUMNS["loss"]


def test_numbers_as_loggers_write_them(tmp_path):
    """NaN and Infinity are no JSON, and in every log; a text that is a number is one."""
    values = [float("nan"), float("inf"), "NaN", "2.5"]
    file = put(tmp_path, "\n".join(json.dumps({"params": 1e6, "tokens": 1e8, "loss": x}) for x in values), "t.jsonl")
    assert load(file, where="loss > 0 and loss < 100").loss.tolist() == [2.5]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", "[]", "a header and no rows"),
        ("t.json", "[1, 2]", "value 1 is 1, not a record; wanted is a list of records"),
        ("t.json", '"text"', "value 1 is \"text\", not a record"),
        ("t.json", '{"a": [1, 2], "b": [1]}', r"columns of unequal length \(a 2, b 1\)"),
        ("t.json", '{"a": {"0": 1}, "b": {"0": 1, "1": 2}}', "the records are named"),
        ("t.json", '{"a": [{"b": 1}], "c": [{"d": 1}]}', "JSON, but not of a table; wanted is"),
        ("t.json", '[{"a": 1, "a": 2}]', "line 1: the name 'a' stands twice in one record"),
        ("t.json", '[{"a": 1,}]', "line 1: not JSON: "),
        ("t.json", json.dumps(RECORDS)[:70], r"line 1: not JSON: .* \(the file is cut short\)"),
        ("t.json", "[" * 100_000, "not JSON|nested too deep"),
        ("t.json", '[{"a": 1' + "0" * 5000 + "}]", "Exceeds the limit|"),
        ("t.json", '[{"gr\xf6\xdfe": 1}]'.encode("latin-1"), "the file is not UTF-8.*iconv"),
        ("t.jsonl", LINES + '\n{"params": 4e6, "tok', r"line 4: not JSON: .*\(the last line is cut: leave it out\)"),
        ("t.jsonl", '{"a": 1}\nnonsense\n{"a": 2}', "line 2: not JSON: Expecting value"),
    ],
)  # fmt: skip
def test_what_is_not(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        load(put(tmp_path, content, name))
    assert str(caught.value).startswith(f"{tmp_path}/{name}: ")
    assert "\n" not in str(caught.value)


def test_records_under_a_key_and_their_cure(tmp_path):
    """As a trainer's state has its log."""
    file = put(tmp_path, json.dumps({"best": None, "log_history": RECORDS, "epoch": 1}), "trainer_state.json")
    with pytest.raises(InputError, match="the records are under 'log_history'; take them out: jq") as caught:
        load(file)
    if os.system("jq --version > /dev/null 2>&1"):
        pytest.skip("jq is not installed")
    assert os.system(f"cd {tmp_path} && {str(caught.value).rsplit('out: ', 1)[1]}") == 0
    assert load(tmp_path / "records.json").loss.tolist() == COLUMNS["loss"]
