"""A store that does as little as it may: whole objects, created once, read by name, whatever it answers and lists."""

import errno
import threading

import pytest

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Address, create, listed, locate, put, read, read_many, remove, store
from tests.storage.bucket import Bucket, ClientError, conflict

HERE = locate("bucket://b/exp")


def test_an_object_is_put_read_written_over_and_removed(store_folder):
    assert read(HERE / "t") is None
    put(HERE / "t", b"old")
    put(HERE / "t", b"new")
    assert (read(HERE / "t"), (store_folder / "exp" / "t").read_bytes()) == (b"new", b"new")
    assert read_many([HERE / "t", HERE / "u"]) == [b"new", None]
    remove(HERE / "t")
    remove(HERE / "t")
    assert read(HERE / "t") is None


def test_what_is_asked_for_by_name_does_not_wait_for_a_list(store_folder):
    Bucket.late = 2
    put(HERE / "cohorts" / "a" / "DONE", b"x")
    assert listed(HERE / "cohorts") == []
    assert (HERE / "cohorts" / "a" / "DONE").is_file()
    assert read(HERE / "cohorts" / "a" / "DONE") == b"x"
    while not listed(HERE / "cohorts"):
        continue
    assert (listed(HERE), listed(HERE / "cohorts"), listed(HERE / "none")) == (["cohorts"], ["a"], [])
    assert (HERE.is_dir(), HERE.is_file(), (HERE / "none").exists()) == (True, False, False)


def test_a_file_is_created_once(store_folder, tmp_path):
    for place in (HERE / "t", tmp_path / "new" / "t"):
        assert create(place, b"first")
        assert not create(place, b"second")
        assert read(place) == b"first"


def test_of_many_writers_one_wins(store_folder, tmp_path):
    for place in (HERE / "t", tmp_path / "t"):
        won: list[int] = []
        start = threading.Barrier(8)

        def writer(number: int, place=place, won=won, start=start) -> None:
            start.wait()
            if create(place, b"%d" % number):
                won.append(number)

        threads = [threading.Thread(target=writer, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read(place) == b"%d" % won[0]
        assert len(won) == 1
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_conflict_is_tried_again(store_folder):
    Bucket.conflicts = 1
    assert create(HERE / "t", b"mine")
    assert [call for call, _ in Bucket.calls].count("create") == 2


def test_a_lost_answer_is_not_believed_to_be_a_lost_race(store_folder):
    Bucket.lost = 1
    assert create(HERE / "t", b"mine")
    Bucket.lost = 1
    put(HERE / "u", b"whole")
    assert read(HERE / "u") == b"whole"


def test_a_lost_race_is_lost_also_where_the_store_says_it_badly(store_folder):
    """412 without the condition, as some stores that speak S3 answer: s3fs makes EINVAL of it."""
    create(HERE / "t", b"theirs")
    error = OSError(errno.EINVAL, "At least one of the pre-conditions you specified did not hold")
    Bucket.fails = [error]
    assert not create(HERE / "t", b"mine")


def test_a_filesystem_that_looks_and_then_writes_is_refused_to_create(store_folder):
    """fsspec's base class would let two writers win."""
    import fsspec

    class Plain(fsspec.AbstractFileSystem):
        protocol = "plain"
        cachable = False

    fsspec.register_implementation("plain", Plain, clobber=True)
    with pytest.raises(InputError, match="cannot create a file only if it is absent"):
        create(locate("plain://b/t"), b"")


def of_gcsfs(code: int, message: str) -> Exception:
    """An error with the name and the fields of gcsfs's."""
    return type("HttpError", (Exception,), {"code": code})(f"{message}, {code}")


def of_s3fs(python: OSError, status: int, code: str) -> OSError:
    python.__cause__ = ClientError(status, code)
    return python


TROUBLE = [
    (PermissionError(13, "Access Denied"), "this account may not do that there .*project"),
    (of_s3fs(PermissionError("Access Denied"), 403, "AccessDenied"), r"may not do that there \(Access Denied\)"),
    (
        OSError("Forbidden: https://x\nthe bucket is in another project"),
        r"may not .*\(the bucket is in another project\)",
    ),
    (
        of_gcsfs(401, "Anonymous caller does not have storage.objects.create access"),
        "no valid credentials for bucket://",
    ),
    (of_s3fs(PermissionError("no such key"), 403, "InvalidAccessKeyId"), "no valid credentials"),
    (type("NoCredentialsError", (Exception,), {})("Unable to locate credentials"), "no valid credentials"),
    (FileNotFoundError("The specified bucket does not exist"), "there is no bucket 'b'"),
    (OSError(errno.ENOSPC, "No space left on device"), "full or its quota is used up .*make room"),
    (of_gcsfs(403, "quota exceeded for this project"), "full or its quota"),
    (OSError(errno.EROFS, "Read-only file system"), "may not do that there"),
    (ValueError("Bad Request: https://x\nInvalid bucket name"), r"does not take this name \(Invalid bucket name\)"),
    (OSError(errno.ENXIO, "odd"), "the store failed .*odd"),
]


@pytest.mark.parametrize(("error", "says"), TROUBLE)
def test_trouble_of_a_store_is_one_line(store_folder, error, says):
    for act in (lambda: put(HERE / "t", b""), lambda: create(HERE / "t", b"")):
        Bucket.fails = [error]
        with pytest.raises(InputError, match=f"^bucket://b/exp/t: .*{says}") as caught:
            act()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [ConnectionResetError("reset"), of_gcsfs(503, "backend"), TimeoutError("slow"), conflict()]
)
def test_what_may_pass_is_tried_again_and_then_one_line(store_folder, error):
    Bucket.fails = [error, error]
    put(HERE / "t", b"whole")
    assert read(HERE / "t") == b"whole"
    Bucket.fails = [error] * 9
    with pytest.raises(InputError, match="repeat the command"):
        put(HERE / "t", b"")


def test_a_store_that_does_not_let_us_look_is_no_empty_store(store_folder):
    put(HERE / "t", b"")
    for look in (HERE.exists, HERE.is_file, lambda: read(HERE / "t"), lambda: listed(HERE)):
        Bucket.fails = [PermissionError("Access Denied")]
        with pytest.raises(InputError, match="may not"):
            look()


def test_a_fault_of_ours_keeps_its_name(store_folder):
    Bucket.fails = [KeyError("x")]
    with pytest.raises(KeyError):
        put(HERE / "t", b"")


@pytest.mark.parametrize(("scheme", "extra"), [("gs", "gcs"), ("s3", "s3")])
def test_a_missing_library_is_one_line_with_its_extra(monkeypatch, scheme, extra):
    import importlib.metadata

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(store.importlib.metadata, "version", absent)
    store.open_store.cache_clear()
    with pytest.raises(InputError, match=rf"{extra}fs, which is missing; pip install 'isoflop\[{extra}\]'$"):
        put(Address(scheme, "b/t"), b"")


def test_a_library_that_is_too_old_is_one_line(monkeypatch):
    monkeypatch.setattr(store.importlib.metadata, "version", lambda name: "2024.10.0")
    store.open_store.cache_clear()
    with pytest.raises(InputError, match=r"gcsfs 2024.10.0 is too old, 2024.12.0 is needed; pip install .*--upgrade"):
        put(Address("gs", "b/t"), b"")


def test_an_unknown_scheme_is_one_line():
    with pytest.raises(InputError, match="nosuch:// is no store"):
        put(Address("nosuch", "b/t"), b"")


def test_the_room_does_not_import_fsspec():
    import subprocess
    import sys

    code = "import sys, sweep.files, sweep.storage; sys.exit('fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert storage.locate("x")
