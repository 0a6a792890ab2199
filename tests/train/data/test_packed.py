"""Compressed files give what was compressed, or say that they are torn."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.train.data import packed
from tests.train.data.corpora import PACK, jsonl, lost, read

TEXTS = [f"document {i} {i * i}" for i in range(8_000)]


@pytest.mark.parametrize("ending", PACK)
def test_streams_end_to_end_are_one_text(ending: str, tmp_path: Path):
    """As pigz, pzstd and shell scripts with cat write them."""
    half = len(TEXTS) // 2
    (tmp_path / f"a.jsonl{ending}").write_bytes(PACK[ending](jsonl(TEXTS[:half])) + PACK[ending](jsonl(TEXTS[half:])))
    assert list(read(tmp_path)[0].values()) == TEXTS


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("keep", [0.5, 0.99, -1])
def test_a_torn_file_stops_with_its_name(ending: str, keep: float, tmp_path: Path):
    whole = PACK[ending](jsonl(TEXTS))
    (tmp_path / f"a.jsonl{ending}").write_bytes(whole[: int(keep * len(whole)) if keep > 0 else -1])
    with pytest.raises(InputError, match=rf"a\.jsonl\{ending}: cannot be read: torn: its end is missing; fetch it"):
        read(tmp_path)


@pytest.mark.parametrize("ending", PACK)
def test_a_short_torn_text_is_left_out_whole(ending: str, tmp_path: Path):
    (tmp_path / f"a.txt{ending}").write_bytes(PACK[ending](b"some text" * 100)[:-2])
    found, account = read(tmp_path)
    assert not found
    assert lost(account)[1] == {f"a.txt{ending}": "cannot be read: torn: its end is missing; fetch it again"}


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs the program zstd")
def test_the_program_zstd_is_read(tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(jsonl(TEXTS))
    subprocess.run(["zstd", "-q", "--rm", "-19", "--check", tmp_path / "a.jsonl"], check=True)
    assert list(read(tmp_path)[0].values()) == TEXTS
    data = bytearray((tmp_path / "a.jsonl.zst").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.jsonl.zst").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.jsonl\.zst"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "stem", "kind"),
    [
        ("a.jsonl.gz", "a.jsonl", "gzip"), ("a.TXT.ZST", "a.TXT", "zstd"), ("b/a.zstd", "b/a", "zstd"),
        ("a.tgz", "a.tgz", None), ("gz", "gz", None), ("b/.gz", "b/.gz", None), ("a.gz/b", "a.gz/b", None),
    ],
)  # fmt: skip
def test_names(name: str, stem: str, kind: str | None):
    found, packing = packed.split(name)
    assert (found, packing and packing.name) == (stem, kind)
