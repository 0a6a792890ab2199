"""Documents from every kind of input, with what is left out counted."""

import json
import sysconfig
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.errors import InputError
from sweep.train.data import sources


def read(*paths: Path | str) -> tuple[dict[str, str], Counter]:
    skipped = Counter()
    return {d.name: d.text for d in sources.documents(map(str, paths), skipped)}, skipped


def test_a_folder_gives_its_text_files_by_relative_name(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text("zwei – deux")
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "same.txt").write_text("one")
    (tmp_path / "void.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / ".hidden").write_text("secret")
    found, skipped = read(tmp_path)
    assert found == {"b/two.md": "zwei – deux", "one.txt": "one"}
    assert skipped == {"duplicate": 1, "empty": 1, "undecodable": 2}


def test_order_does_not_depend_on_the_order_of_the_arguments(tmp_path: Path):
    for name in "cab":
        (tmp_path / name).write_text(name)
    paths = [tmp_path / name for name in "cab"]
    assert list(read(*paths)[0]) == list(read(*reversed(paths))[0]) == ["a", "b", "c"]


def test_jsonl_and_parquet_give_a_document_a_record(tmp_path: Path):
    lines = [{"text": "eins"}, {"text": "zwei", "id": 2}, {"text": ""}, {"text": "\ud800"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    pq.write_table(pa.table({"text": ["drei", None, "eins"], "n": [1, 2, 3]}), tmp_path / "b.parquet")
    found, skipped = read(tmp_path)
    assert found == {"a.jsonl:1": "eins", "a.jsonl:2": "zwei", "b.parquet:0": "drei"}
    assert skipped == {"empty": 2, "undecodable": 1, "duplicate": 1}


def test_a_long_file_is_cut_at_line_ends_and_nothing_is_lost(tmp_path: Path):
    text = "".join(f"line {i} of a long text\n" for i in range(10_000))
    (tmp_path / "long.txt").write_text(text)
    found, skipped = read(tmp_path / "long.txt")
    assert "".join(found.values()) == text
    assert len(found) > 10
    assert all(piece.endswith("\n") and len(piece) < 2 * sources.PIECE for piece in found.values())
    assert not skipped


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"body": "x"}\n', "a.jsonl:2"),
        ("a.jsonl", b'{"text": 3}\n', "a.jsonl:1"),
        ("a.jsonl", b"no json\n", "a.jsonl:1"),
        ("a.jsonl", b'{"text": "x"}\n\xff\xfe\n', "a.jsonl:2"),
        ("a.parquet", b"no parquet", "not a Parquet file"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, name: str, content: bytes, says: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read(tmp_path / name)


def test_parquet_needs_a_text_column_of_text(tmp_path: Path):
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column 'text'; it has body"):
        read(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [1]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet"):
        read(tmp_path / "b.parquet")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("a.jsonl", "b.txt"):
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(Path, "open", refuse)
    assert read(tmp_path / "b.txt")[1] == {"unreadable": 1}
    with pytest.raises(InputError, match=r"a\.jsonl: cannot read: Permission denied"):
        read(tmp_path / "a.jsonl")


def test_missing_paths_and_corpora_are_refused():
    with pytest.raises(InputError, match="no such file or folder"):
        read("nowhere/to/be/found")
    with pytest.raises(InputError, match="python:stdlib and python:site"):
        read("python:stdlibs")


def test_stdlib_has_the_library_without_tests_and_packages():
    files = dict(sources.python_files("python:stdlib"))
    assert files["stdlib/os.py"] == Path(sysconfig.get_path("stdlib"), "os.py")
    parts = {part for name in files for part in name.split("/")[:-1]}
    assert parts.isdisjoint({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
    assert 500 < len(files) < 2000


def test_site_has_the_packages_too():
    names = {name for name, _ in sources.python_files("python:site")}
    assert {"stdlib/os.py", "site/numpy/__init__.py", "site/jax/__init__.py"} <= names


def test_listing_changes_with_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    before = sources.listing("python:stdlib")
    assert sources.listing("python:stdlib") == before
    (tmp_path / "a.py").write_text("a = 12\n")
    changed = sources.listing("python:stdlib")
    (tmp_path / "b.py").write_text("b = 1\n")
    assert len({before, changed, sources.listing("python:stdlib")}) == 3
