"""Which files a corpus has: every one once, in an order of names, on any machine."""

import os
import sysconfig
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.train.data import inputs
from tests.train.data.corpora import lost, read


def names(*paths: Path) -> list[str]:
    return [file.name for path in paths for file in inputs.files_of(str(path))]


def test_an_unpacked_corpus_has_the_names_of_the_packed_one(tmp_path: Path):
    for name in ("b.jsonl.gz", "a.txt.zst", "a.tar.GZ", "c.gzip", "sub/d.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path) == ["a.tar", "a.txt", "b.jsonl", "c.gzip", "sub/d.parquet"]
    kinds = {file.name: file.kind for file in inputs.files_of(str(tmp_path))}
    assert kinds == {"a.tar": "text", "a.txt": "text", "b.jsonl": "json", "c.gzip": "text", "sub/d.parquet": "parquet"}


def test_linked_folders_are_read_once_and_loops_end(tmp_path: Path):
    corpus, elsewhere = tmp_path / "corpus", tmp_path / "elsewhere"
    for folder in (corpus / "sub", elsewhere / "deep"):
        folder.mkdir(parents=True)
        (folder / "file.txt").write_text(str(folder))
    (corpus / "a_link_to_sub").symlink_to(corpus / "sub")
    (corpus / "sub" / "up").symlink_to(corpus)
    (corpus / "other").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(corpus)
    (corpus / "blob.txt").symlink_to(elsewhere / "deep" / "file.txt")
    assert names(corpus) == ["blob.txt", "other/deep/file.txt", "sub/file.txt"]


def test_links_that_lead_nowhere_are_named_and_pipes_are_not_waited_for(tmp_path: Path):
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to_pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("text")
    found, account = read(tmp_path)
    assert found == {"a.txt": "text"}
    assert lost(account)[1].keys() == {"gone.txt", "loop.txt"}
    assert [file.bytes for file in account.files] == [None, None]
    with pytest.raises(InputError, match="neither a file nor a folder"):
        inputs.files_of(str(tmp_path / "pipe"))


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="closed: cannot be listed: Permission denied"):
        inputs.files_of(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("README.md", True), ("data/Readme", True), ("LICENSE.txt", True), ("dataset_infos.json", True),
        ("readme.py", False), ("reading.md", False), ("license/a.txt", False), ("a.txt", False),
    ],
)  # fmt: skip
def test_cards_are_known_by_name(name: str, card: bool):
    assert inputs.is_card(name) == card


def test_missing_paths_and_corpora_are_refused():
    for path in ("nowhere/to/be/found", ""):
        with pytest.raises(InputError, match="no such file or folder"):
            inputs.files_of(path)
    with pytest.raises(InputError, match="python:stdlib and python:site"):
        inputs.files_of("python:stdlibs")


def test_stdlib_has_the_library_without_tests_and_packages():
    files = dict(inputs.python_files("python:stdlib"))
    assert files["stdlib/os.py"] == Path(sysconfig.get_path("stdlib"), "os.py")
    parts = {part for name in files for part in name.split("/")[:-1]}
    assert parts.isdisjoint({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
    assert 500 < len(files) < 2000


def test_site_has_the_packages_too():
    found = {name for name, _ in inputs.python_files("python:site")}
    assert {"stdlib/os.py", "site/numpy/__init__.py", "site/jax/__init__.py"} <= found


def test_listing_changes_with_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.py").write_text("a = 1\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    for corpus in ("python:stdlib", str(tmp_path)):
        before = inputs.listing(corpus)
        assert inputs.listing(corpus) == before
        (tmp_path / "a.py").write_text((tmp_path / "a.py").read_text() + "2")
        changed = inputs.listing(corpus)
        (tmp_path / f"b{len(corpus)}.py").write_text("b = 1\n")
        assert len({before, changed, inputs.listing(corpus)}) == 3
