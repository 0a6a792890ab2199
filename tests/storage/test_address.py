"""Names of objects, used as Paths are."""

from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.storage import Address, locate


@pytest.mark.parametrize("path", ["runs/x", "/a//b", "a:b", "C:/x", "python:stdlib", "x=y://z", "", Path("a/b")])
def test_other_paths_are_taken_as_they_are(path):
    assert locate(path) == Path(path)


@pytest.mark.parametrize(
    ("text", "scheme", "path"),
    [
        ("gs://bucket/x", "gs", "bucket/x"),
        ("s3://b/x/y/", "s3", "b/x/y"),
        (Path("gs://b/x"), "gs", "b/x"),
        ("https://x.org/t.csv?a=[1]", "https", "x.org/t.csv?a=[1]"),
    ],
)
def test_an_address_is_one_however_it_is_given(text, scheme, path):
    assert locate(text) == Address(scheme, path)
    assert locate(locate(text)) == locate(text)
    assert locate(str(locate(text))) == locate(text)


def test_a_file_address_is_a_path():
    assert locate("file:///a/b") == locate("file://localhost/a/b") == Path("/a/b")


def test_a_slash_that_is_missing_is_missed():
    with pytest.raises(InputError, match="gs:/bucket/x: an address has two slashes: gs://bucket/x"):
        locate("gs:/bucket/x")


@pytest.mark.parametrize("text", ["gs://b/x*", "s3://b/[x]/y", "gs://b/?", "simplecache::s3://b/x", "gs://", "s3:///"])
def test_what_names_no_single_object(text):
    with pytest.raises(InputError, match=r"the name of one file or folder|no bucket|a chain of stores"):
        locate(text)


def test_parts_are_those_of_a_path():
    one, path = Address("gs", "b/x/t.tar.gz"), Path("/b/x/t.tar.gz")
    assert (one.name, one.stem, one.suffix, one.bucket) == (path.name, path.stem, path.suffix, "b")
    assert str(one.parent) == "gs://b/x"
    assert [str(p) for p in one.parents] == ["gs://b/x", "gs://b"]
    assert one.parent.parent.parent == Address("gs", "b")
    assert str(one.with_name("u")) == "gs://b/x/u"
    assert str(one.parent / "a/b" / "c") == "gs://b/x/a/b/c"
