"""How much of a corpus was left out: by size on disk, with an unknown size never taken for nothing."""

from pathlib import Path

import pytest

from sweep.errors import Refusal
from sweep.train.data.account import Account, LeftOut, listed, size
from sweep.train.data.inputs import File


def account(total: int, *files: LeftOut) -> Account:
    return Account(total=total, files=list(files))


def test_one_per_cent_passes_and_more_is_refused():
    account(10_000, LeftOut("a.png", 100, "not text")).judge()
    with pytest.raises(Refusal) as refused:
        account(10_000, LeftOut("a.png", 90, "not text"), LeftOut("b.csv", 20, "no column")).judge()
    assert refused.value.code == "left_out"
    assert str(refused.value).startswith(
        "1.1% of the input cannot be used: a.png (90 bytes: not text), b.csv (20 bytes"
    )
    assert "--allow-skips" in str(refused.value)


def test_a_part_of_a_file_counts_in_part():
    assert account(1_000, LeftOut("a", 500, "nulls", share=0.1)).share == 0.05


def test_what_has_no_size_is_refused():
    with pytest.raises(Refusal, match=r"an unknown share of the input is missing: a \(size unknown: a link"):
        account(10_000, LeftOut("b", 5, "x"), LeftOut("a", None, "a link that leads nowhere")).judge()


def test_many_files_are_one_line():
    text = listed(LeftOut(f"{i}.png", i, "not text") for i in range(1, 101))
    assert text.startswith("100.png (100 bytes: not text), 99.png")
    assert text.endswith(" and 92 more")


def test_a_file_is_named_as_it_is_on_disk():
    kept = account(0)
    kept.leave(File("sub/a.txt", Path("sub/a.txt.gz"), "text", None, 7), "x")
    kept.leave(File("sub/a.txt", Path("sub/a.txt"), "text", None, 7), "x", absent=True)
    assert [(file.file, file.bytes) for file in kept.files] == [("sub/a.txt", 7), ("sub/a.txt", None)]


@pytest.mark.parametrize(
    ("count", "text"), [(None, "size unknown"), (999, "999 bytes"), (2558, "2.56 kB"), (3e9, "3 GB")]
)
def test_sizes(count: int | None, text: str):
    assert size(count if count is None else int(count)) == text
