"""Documents from every kind of input, with what is left out named."""

import gzip
from pathlib import Path

import pytest

from sweep.errors import InputError, Refusal
from sweep.train.data import readers
from tests.train.data.corpora import MIXED, jsonl, lost, parquet, read

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n"


def test_a_folder_gives_its_text_files_by_relative_name(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text("zwei – deux")
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "same.txt").write_text("one")
    (tmp_path / "void.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / ".hidden").write_text("secret")
    found, account = read(tmp_path)
    assert found == {"b/two.md": "zwei – deux", "one.txt": "one"}
    assert account.texts == {"duplicate": 1, "empty": 1}
    assert [(file.file, file.bytes) for file in account.files] == [("latin.txt", 1), ("picture.png", 6)]


def test_plain_and_compressed_files_of_one_corpus_are_all_read():
    found, account = read(MIXED)
    assert len(found) == 120
    assert lost(account) == ({}, {})


def test_order_does_not_depend_on_the_order_of_the_arguments(tmp_path: Path):
    for name in "cab":
        (tmp_path / name).write_text(name)
    paths = [tmp_path / name for name in "cab"]
    assert list(read(*paths)[0]) == list(read(*reversed(paths))[0]) == ["a", "b", "c"]


def test_records_of_one_file_that_hold_no_text_are_counted_and_named(tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(jsonl(["eins", "zwei", "", "\ud800", "drei\0"]) + b'\n{"text": null}\n')
    (tmp_path / "b.parquet").write_bytes(parquet(text=["drei", None, "eins"], n=[1, 2, 3]))
    found, account = read(tmp_path)
    assert found == {"a.jsonl:1": "eins", "a.jsonl:2": "zwei", "b.parquet:0": "drei"}
    texts, files = lost(account)
    assert texts == {"empty": 1, "undecodable": 2, "null": 2, "duplicate": 1}
    assert files == {
        "a.jsonl": "1 of 6 records null, 2 of 6 records not text in UTF-8",
        "b.parquet": "1 of 3 records null",
    }
    sizes = [(tmp_path / name).stat().st_size for name in ("a.jsonl", "b.parquet")]
    assert account.share == pytest.approx((sizes[0] / 2 + sizes[1] / 3) / sum(sizes))


def test_a_long_file_is_cut_at_line_ends_and_nothing_is_lost(tmp_path: Path):
    text = "".join(f"line {i} of a long text\n" for i in range(10_000))
    (tmp_path / "long.txt").write_text(text)
    found, account = read(tmp_path / "long.txt")
    assert "".join(found.values()) == text
    assert len(found) > 10
    assert all(piece.endswith("\n") and len(piece) < 2 * readers.PIECE for piece in found.values())
    assert lost(account) == ({}, {})


def test_a_long_file_in_another_encoding_is_named_with_its_share(tmp_path: Path):
    lines = ["größer\n" if i >= 5_000 else "grosser\n" for i in range(10_000)]
    (tmp_path / "latin.txt").write_bytes("".join(lines).encode("latin-1"))
    found, account = read(tmp_path)
    assert found
    assert "ö" not in "".join(found.values())
    assert lost(account)[1] == {"latin.txt": "3 of 5 pieces not text in UTF-8"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"body": "x"}\n', r"a\.jsonl:2: no field 'text'; it has 'body'"),
        ("a.jsonl", b'{"text": 3}\n', r"a\.jsonl:1: field 'text' is no string but a JSON number"),
        ("a.jsonl", b"no json\n", r"a\.jsonl:1: not JSON"),
        ("a.jsonl", b'{"text": "x"}\n\xff\xfe\n', r"a\.jsonl:2: not a JSON object"),
        ("a.json", b'{"text": "x"}\n{"text"', r"a\.json:2: not a JSON object"),
        ("a.parquet", b"no parquet", "not a Parquet file"),
        ("a.parquet", b"", r"a\.parquet: not a Parquet file"),
        ("a.parquet", LFS, r"a\.parquet: a Git LFS pointer, not the file; fetch it with git lfs pull"),
        ("a.jsonl.gz", LFS, r"a\.jsonl\.gz: a Git LFS pointer"),
        ("a.jsonl.gz", b"", r"a\.jsonl\.gz: empty, no gzip file; fetch it again"),
        ("a.jsonl.zst", b'{"text": "x"}\n', r"a\.jsonl\.zst: not a zstd file, in spite of its name"),
        ("a.parquet.gz", b"\x1f\x8b\x08\0", "unpack it first"),
    ],
)
def test_files_of_records_that_cannot_be_read_stop_with_their_name(
    tmp_path: Path, name: str, content: bytes, says: str
):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z.txt").write_text("text")
    with pytest.raises(InputError, match=says):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "package.json",
            b'{"name": "x", "version": 1}',
            "no field 'text'; it has 'name', 'version': name the",
        ),
        ("config.json", b'{\n "name": "x"\n}', "not a JSON object; write one a line"),
        ("array.json", b"[1, 2]", "not an array of JSON objects"),
        ("numbers.csv", b"a,b\n1,2\n", "no column 'text'; it has 'a', 'b': name the text with --text-field"),
        ("ragged.csv", b"text,b\n1,2,3\n", "3 cells where the header has 2"),
        ("big.txt", LFS, "a Git LFS pointer"),
        ("big.csv", LFS, "a Git LFS pointer"),
        ("picture.png", b"\x89PNG\0\0", "not text in UTF-8"),
        ("old.zip", b"PK\3\4\0\0", "a ZIP archive; unpack it first"),
        ("old.tar", bytes(257) + b"ustar" + bytes(250), "a tar archive; unpack it first"),
        ("notes.txt", "text".encode("utf-16"), "text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
        ("notes.txt", gzip.compress(b"text", mtime=0), "packed with gzip; give its name the ending .gz"),
        ("notes.txt.gz", gzip.compress(gzip.compress(b"text", mtime=0), mtime=0), "packed twice; unpack it once"),
        ("german.csv", b"id;text\n1;x\n", "the columns are separated by ';', not by ','"),
    ],
)
def test_files_that_are_no_documents_are_left_out_by_name(tmp_path: Path, name: str, content: bytes, says: str):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z.txt").write_text("text")
    found, account = read(tmp_path)
    assert found == {"z.txt": "text"}
    assert lost(account)[1].keys() == {name}
    assert says in account.files[0].reason


def test_data_cards_are_left_out_beside_records_alone(tmp_path: Path):
    for name in ("README.md", "LICENSE", "dataset_info.json", "data/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"about {name}")
    (tmp_path / "data" / "reading.md").write_text("a text")
    assert {"README.md", "LICENSE", "data/README.md"} <= read(tmp_path)[0].keys()
    (tmp_path / "data" / "a.parquet").write_bytes(parquet(text=["x"]))
    found, account = read(tmp_path)
    assert found == {"data/a.parquet:0": "x", "data/reading.md": "a text"}
    assert [card.file for card in account.cards] == ["LICENSE", "README.md", "data/README.md", "dataset_info.json"]
    assert account.cards[0].bytes == len("about LICENSE")
    assert account.share == 0
    assert read(tmp_path / "README.md")[0] == {"README.md": "about README.md"}


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("a.jsonl", "b.txt"):
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(Path, "open", refuse)
    assert lost(read(tmp_path / "b.txt")[1])[1] == {"b.txt": "cannot be read: Permission denied"}
    with pytest.raises(InputError, match=r"a\.jsonl: cannot be read: Permission denied"):
        read(tmp_path / "a.jsonl")


def test_a_name_that_is_not_utf8_or_has_a_line_break_makes_one_line(tmp_path: Path):
    (tmp_path / "new\nline.png").write_bytes(b"\0")
    Path(str(tmp_path) + "/caf\udce9.txt").write_text("text")
    found, account = read(tmp_path)
    assert list(found.values()) == ["text"]
    assert account.files[0].file == r"new\nline.png"
    (tmp_path / "new\nline.jsonl").write_bytes(b"{")
    with pytest.raises(InputError, match=r"new\\nline\.jsonl:1: not a JSON object"):
        read(tmp_path)


def test_what_lies_elsewhere_has_no_size(tmp_path: Path):
    """The share that it stands for is not known, however small the file."""
    (tmp_path / "a.txt").write_text("text " * 1_000)
    (tmp_path / "big.csv").write_bytes(LFS)
    (tmp_path / "empty.txt.gz").write_bytes(b"")
    account = read(tmp_path)[1]
    assert [(file.file, file.bytes) for file in account.files] == [("big.csv", None), ("empty.txt.gz", None)]
    with pytest.raises(Refusal, match="an unknown share of the input is missing"):
        account.judge()
