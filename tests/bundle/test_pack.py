"""Bundles on disk: whole, the same each time, and read without trust."""

import contextlib
import gzip
import io as streams
import json
import tarfile
from pathlib import Path

import pytest

from sweep.bundle import pack
from sweep.bundle.contents import MANIFEST, Bundle, as_json, digest
from sweep.errors import InputError

FILES = {"fit/fit.json": b"{}\n", "losses.parquet": bytes(range(256)) * 40}


def bundle(**changes) -> Bundle:
    listed = {name: {"bytes": len(data), "sha256": digest(data)} for name, data in FILES.items()}
    manifest = {"format": 1, "name": "run", "of": "sweep", "made": "2026", "fits": [], "files": listed}
    return Bundle(manifest | changes, dict(FILES))


def archive(path: Path, *members: tuple[str, bytes | None]) -> Path:
    """A tar of one's own; None makes a link that leads out."""
    with tarfile.open(path, "w:gz") as made:
        for name, data in members:
            member = tarfile.TarInfo(name)
            if data is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = len(data)
            made.addfile(member, streams.BytesIO(data or b""))
    return path


def reading(path: Path) -> dict[str, bytes]:
    with pack.opened(path) as (folder, manifest):
        return {name: (folder / name).read_bytes() for name in manifest["files"]}


@pytest.mark.parametrize("name", ["b.tar.gz", "b.tgz", "folder"])
def test_what_was_written_is_read(tmp_path: Path, name: str):
    pack.write(bundle(), tmp_path / name)
    assert reading(tmp_path / name) == FILES
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_same_bundle_is_the_same_bytes(tmp_path: Path):
    for name in ("a.tar.gz", "b.tar.gz"):
        pack.write(bundle(), tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_something_else_is_never_written_over(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("keep")
    with pytest.raises(InputError, match="something else is there"):
        pack.write(bundle(), tmp_path / "mine")
    pack.write(bundle(), tmp_path / "b")
    with pytest.raises(InputError, match="a bundle is there already"):
        pack.write(bundle(), tmp_path / "b")


def test_a_cut_or_flipped_archive_is_one_line(tmp_path: Path):
    pack.write(bundle(), tmp_path / "b.tar.gz")
    whole = (tmp_path / "b.tar.gz").read_bytes()
    bad = tmp_path / "bad.tar.gz"
    for cut in range(0, len(whole) - 8, 37):  # the last 8 bytes are gzip's own sum and length
        bad.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"bad\.tar\.gz"):
            reading(bad)
    for at in range(12, len(whole) - 8, 23):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with contextlib.suppress(InputError):  # else a bit that carries nothing
            assert reading(bad) == FILES
    bad.write_bytes(b"N,D,loss\n1,2,3\n")
    with pytest.raises(InputError, match="not a whole bundle"):
        reading(bad)


def test_nothing_is_written_outside(tmp_path: Path):
    for name in ("../escaped", "/tmp/sweep-escaped", "a/../../escaped", "a\\..\\b", ""):
        listed = {name: {"bytes": 1, "sha256": digest(b"x")}}
        manifest = as_json(bundle(files=listed).manifest)
        path = archive(tmp_path / "b.tar.gz", (f"run/{MANIFEST}", manifest), (f"run/{name}", b"x"))
        with pytest.raises(InputError, match="outside the bundle"):
            reading(path)
    for fits in ([{"path": "../..", "table": None}], [{"path": "fit", "table": "/etc/passwd"}]):
        path = archive(tmp_path / "b.tar.gz", (f"run/{MANIFEST}", as_json(bundle(fits=fits).manifest)))
        with pytest.raises(InputError, match="outside the bundle"):
            reading(path)
    assert not (tmp_path.parent / "escaped").exists()


def test_links_strangers_and_gaps_are_refused(tmp_path: Path):
    manifest, path = as_json(bundle().manifest), tmp_path / "b.tar.gz"
    first = (f"run/{MANIFEST}", manifest)
    both = [(f"run/{name}", data) for name, data in FILES.items()]
    with pytest.raises(InputError, match="a link or a device"):
        reading(archive(path, first, ("run/fit/fit.json", None)))
    with pytest.raises(InputError, match=r"not as bundle\.json lists it"):
        reading(archive(path, first, *both, ("run/stranger", b"x")))
    with pytest.raises(InputError, match=r"losses\.parquet is missing"):
        reading(archive(path, first, both[0]))
    with pytest.raises(InputError, match="not its first file"):
        reading(archive(path, *both, first))
    with pytest.raises(InputError, match="SHA-256 differs"):
        reading(archive(path, first, ("run/fit/fit.json", b"[]\n"), both[1]))
    with pytest.raises(InputError, match="an empty archive"):
        reading(archive(path))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (json.dumps({"format": 1, "fits": [], "files": {"a": {}}}).encode(), "damaged"),
        (as_json(bundle(format=2).manifest), "later version"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, manifest: bytes, message: str):
    with pytest.raises(InputError, match=message):
        reading(archive(tmp_path / "b.tar.gz", (f"run/{MANIFEST}", manifest)))


def test_a_folder_is_checked_too(tmp_path: Path):
    pack.write(bundle(), tmp_path / "b")
    (tmp_path / "b" / "losses.parquet").write_bytes(b"other")
    with pytest.raises(InputError, match=r"losses\.parquet was changed"):
        reading(tmp_path / "b")
    (tmp_path / "b" / "losses.parquet").unlink()
    with pytest.raises(InputError, match="incomplete"):
        reading(tmp_path / "b")
    with pytest.raises(InputError, match="not a bundle"):
        reading(tmp_path)
    with pytest.raises(InputError, match="no such bundle"):
        reading(tmp_path / "nothing.tar.gz")


def test_no_name_and_no_time_of_who_made_it(tmp_path: Path):
    pack.write(bundle(), tmp_path / "b.tar.gz")
    with gzip.open(tmp_path / "b.tar.gz") as plain, tarfile.open(fileobj=plain) as made:
        assert {(m.uid, m.uname, m.mtime) for m in made} == {(0, "", 0)}
