"""Any bytes, any table, any expression: an answer or one line; no traceback, no warning, no number out of nothing.

Hypothesis draws the same examples in every run; SWEEP_FUZZ=5000 draws so many new ones of each kind.
"""

import gzip
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sweep.errors import SweepError
from sweep.tables.expression import compute, select
from sweep.tables.load import load
from sweep.tables.read import TableFile
from sweep.verbs import check
from tests.tables.kinds import KINDS, column

SLOWEST = 5.0  # CPU seconds
EXAMPLES = int(os.environ.get("SWEEP_FUZZ", "50"))
fuzz = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="SWEEP_FUZZ" not in os.environ, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip

N = np.geomspace(1e7, 1e9, 12)
D = np.tile([2e9, 8e9, 3e10], 4)
ROWS = [
    {"params": float(n), "tokens": float(d), "loss": round(1.7 + 480 * n**-0.35 + 2100 * d**-0.37, 4), "note": f"r{i}"}
    for i, (n, d) in enumerate(zip(N, D, strict=True))
]
CSV = "\n".join([",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]).encode()
DRAWN = "\n".join(
    ["| params | tokens | loss |", "|---|---|---|", *(f"| {r['params']} | {r['tokens']} | {r['loss']} |" for r in ROWS)]
).encode()
FORMS = {
    "t.csv": CSV,
    "t.json": json.dumps(ROWS).encode(),
    "t.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "t.md": DRAWN,
    "t.csv.gz": gzip.compress(CSV, mtime=0),
    "t.csv.zst": pa.Codec("zstd").compress(CSV).to_pybytes(),
    "t.tsv": CSV.replace(b",", b"\t"),
    "c.csv": b"# a note\n" + CSV.replace(b"\n", b"\n# the first of them:\n", 1),
}
MARKS = ["", "nan", "inf", "-inf", "-1", "0", "1e400", "5e-324", "1.2B", "OOM", "—", "1,5", '"', "2026-11-30"]
ASKED = (
    "did you mean",
    "look",
    "fewer",
    "no row has",
    "more than a million",
    "no one unit",
)  # of questions about units
CELLS = st.one_of(st.sampled_from(MARKS), st.floats().map(repr), st.integers().map(str), st.text(max_size=8))
NAMES = st.one_of(
    st.sampled_from(["params", "tokens", "loss", "flops", "budget", "run", "status", "tokenizer", "data", "trunk", ""]),
    st.text(max_size=6),
)


def answer(ask: Callable[[], object]) -> Any:
    """What `ask` returns, or the one line with which it stops."""
    began = time.process_time()
    try:
        result = ask()
    except SweepError as error:
        result = str(error)
        assert result
        assert "\n" not in result
    assert time.process_time() - began < SLOWEST
    return result


def looked(file: Path, **options) -> dict:
    """`sweep check` of a file, its text and its JSON."""
    output = check.run(check.Args(str(file), **options))
    json.dumps(output.data, allow_nan=False)
    assert output.text.encode()
    return output.data


def look_at(name: str, content: bytes, **options) -> object:
    """`sweep check` of a file of these bytes, or the line with which it stops."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        return answer(lambda: looked(file, **options))


def test_the_forms_are_good_ones():
    """What is broken below is whole here: every form gives the same table."""
    for name, content in FORMS.items():
        seen = look_at(name, content)
        assert isinstance(seen, dict), (name, seen)
        assert (seen["verdict"], seen["rows"]) == ("ok", 12), (name, seen["problems"])


@fuzz
@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_files_with_bytes_changed_cut_out_and_put_in(name, edits):
    content = FORMS[name]
    for place, length, new in edits:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    look_at(name, content)


@fuzz
@given(st.sampled_from([*FORMS, "t", "t.parquet", "t.json.gz"]), st.binary(max_size=200))
@example("t.json", b"[" * 100_000)
@example("t.json", b'[{"a":' * 20_000)
@example("t.json", b'{"a": ' + b"9" * 5000 + b"}")
@example("t.json", b'[{"params": "\\ud800", "\\udfff": 1}]')
@example("t.csv", b"|" * 70_000)
@example("t.csv", b"#" * 70_000)
@example("t.csv", b"#\n" * 35_000)
@example("t.csv", b"a," * 20_000 + b"\n" + b"1," * 20_000)
@example("t.md", b"|a|\n" + b"|-|" * 20_000)
@example("t.csv", b'"' + b"\n" * 1000)
@example("t.csv", b"params,tokens,loss\n" + b"1" * 70_000 + b",1,1\n")
def test_any_bytes(name, content):
    look_at(name, content)


@fuzz
@given(
    st.sampled_from(["t.csv", "t.json", "t.jsonl", "t.md"]),
    st.lists(NAMES, min_size=3, max_size=6, unique=True),
    st.data(),
    st.booleans(),
)
def test_any_cells_under_names_that_are_read(form, names, data, drop):
    rows = data.draw(st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=12))
    records = [dict(zip(names, row, strict=True)) for row in rows]
    text = {
        "t.csv": lambda: "\n".join(",".join(row) for row in [names, *rows]),
        "t.json": lambda: json.dumps(records),
        "t.jsonl": lambda: "\n".join(map(json.dumps, records)),
        "t.md": lambda: "\n".join("|".join(row) for row in [names, ["---"] * len(names), *rows]),
    }[form]()
    look_at(form, text.encode(errors="surrogatepass"), drop_unfinished=drop)


NUMBERS = ["3.5", " 2.25 ", "1.2B", "350M", "1e9", "1e+9", ".5", "7.", "+3", "nan", "", "inf", "OOM", "-", "0", "-2"]
WRITTEN = st.one_of(st.sampled_from(NUMBERS), st.floats(1e-6, 1e12).map(repr), st.integers(1, 10**12).map(str))


def python_reads(text: str, counts: bool) -> float:
    """A cell as Python reads it; NaN where it is no number."""
    text = text.strip()
    size = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}.get(text[-1:].lower()) if counts else None
    try:
        return float(text[:-1]) * size if size else float(text)
    except ValueError:
        return float("nan")


@fuzz
@given(
    st.sampled_from(["t.csv", "t.json", "t.jsonl", "t.md", "t.csv.gz"]),
    st.lists(st.tuples(WRITTEN, WRITTEN, WRITTEN.filter(lambda text: text[-1:] not in "MB")), min_size=1, max_size=8),
)
def test_no_number_but_those_in_the_cells(form, rows):
    """What passes is what Python reads in that row; what Python reads and is a run's value passes."""
    names = ["params", "tokens", "loss"]
    lines = "\n".join(",".join(row) for row in [names, *rows]).encode()
    drawn = "\n".join(f"|{'|'.join(row)}|" for row in [names, ["---"] * 3, *rows]).encode()
    records = [dict(zip(names, row, strict=True)) for row in rows]
    text = {
        "t.csv": lines,
        "t.csv.gz": gzip.compress(lines, mtime=0),
        "t.md": drawn,
        "t.json": json.dumps(records).encode(),
        "t.jsonl": "\n".join(map(json.dumps, records)).encode(),
    }[form]
    wanted = [(python_reads(n, True), python_reads(d, True), python_reads(x, False)) for n, d, x in rows]
    good = [row for row in wanted if all(0 < x < np.inf for x in row) and max(row[:2]) < 1e30 and row[2] < 1e9]
    where = "params > 0 and params < 1e30 and tokens > 0 and tokens < 1e30 and loss > 0 and loss < 1e9"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / form
        file.write_bytes(text)
        runs = answer(lambda: load(file, {"params": "params", "tokens": "tokens"}, where, units="nats"))
    if isinstance(runs, str):
        assert not good or any(word in runs for word in ASKED), runs
        return
    assert [*zip(runs.params, runs.tokens, runs.loss, strict=True)] == good


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@fuzz
@given(
    st.one_of(
        JSON, st.lists(st.dictionaries(NAMES, JSON, max_size=5), max_size=6), st.dictionaries(NAMES, st.lists(JSON))
    )
)
def test_any_json(value):
    look_at("t.json", json.dumps(value).encode())


@fuzz
@given(st.lists(st.tuples(NAMES, st.sampled_from(KINDS), st.integers(0, 99)), max_size=4), st.booleans())
def test_parquet_with_columns_of_every_kind(others, whole):
    """Beside three good columns they stop nobody; in their place each is one line."""
    columns = {key: pa.array([row[key] for row in ROWS]) for key in ("params", "tokens", "loss")} if whole else {}
    columns |= {name: column(kind, seed) for name, kind, seed in others if not (whole and name in columns)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.parquet"
        pq.write_table(pa.table(columns), file)
        answer(lambda: load(file))
        answer(lambda: load(TableFile(file, wide="size=value", drop_unfinished=True)))
        for name in columns:
            answer(lambda name=name: load(file, where=f"`{name}` > 1 or not `{name}` == 'x'"))


def test_every_kind_of_column_beside_the_three_that_matter(tmp_path):
    """A column that nobody asked for never stops a command, not even under a name that is looked at."""
    three = {key: pa.array([row[key] for row in ROWS]) for key in ("params", "tokens", "loss")}
    file = tmp_path / "t.parquet"
    for i, kind in enumerate(KINDS):
        pq.write_table(pa.table(three | {"started": column(kind, i), "run_id": column(kind, i + 1)}), file)
        assert load(file).loss.tolist() == three["loss"].to_pylist(), kind
    pq.write_table(pa.table(three | {f"c{i}": column(kind, i) for i, kind in enumerate(KINDS)}), file)
    assert (looked(file)["verdict"], looked(file)["rows"]) == ("ok", 12)


WORDS = "a b t 'x' 1 2.5 1e400 10**400 - + * / ** == != < > in not and or ( ) [ ] , log( is None True {1} \\ \" '"
TOKENS = st.sampled_from([*WORDS.split(), "'a b'", "`a b`"])
VALUES = {
    "a": np.array([1.0, np.nan, -3.0, np.inf]),
    "b": np.array([0.0, 2.0, 2.0, 1e308]),
    "t": np.array(["x", "1.5B", None, "OOM"], object),
    "a b": np.array(["", "7", "7", "seven"], object),
}


@fuzz
@given(st.lists(TOKENS, min_size=1, max_size=9).map(" ".join))
@example("not " * 5000 + "a > 1")
@example("-" * 5000 + "a")
@example("a + " * 5000 + "a")
@example("(" * 5000)
@example("1 == 1 and a > 0")
@example("[1] == a")
@example("a == [1]")
@example("a in [[1]]")
@example("'\\d' == t")
@example("a is 1")
def test_any_expression(text):
    kept = answer(lambda: select(text, VALUES))
    assert isinstance(kept, str) or kept.dtype == bool
    values = answer(lambda: compute(text, VALUES))
    assert isinstance(values, str) or (values.dtype == float and values.shape == (4,))


PIECES = [*"ab{},=- ", "{run}", "params", "tokens", "loss", "{x}", "note"]


@fuzz
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_any_wide(text):
    look_at("t.csv", CSV, wide=text)
