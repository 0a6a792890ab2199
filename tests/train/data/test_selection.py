"""Which documents are used and held out depends on names alone, and always leaves both splits with text."""

from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.train.data import selection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(300):
        (tmp_path / f"{i:03}.txt").write_text(f"text {i} " * 50)
    return tmp_path


def held(folder: Path, **options: int) -> set[str]:
    chosen = selection.select([str(folder)], options.get("percent", 10) / 100, options.get("max_bytes", 0))
    return {d.name for d in selection.chosen([str(folder)], chosen) if chosen.held_out(d.name)}


def test_the_share_held_out_is_about_right_and_stable(folder: Path):
    before = held(folder)
    assert 15 < len(before) < 45  # binomial(300, 0.1): mean 30, sd 5.2
    for i in range(300, 400):
        (folder / f"{i:03}.txt").write_text(f"more {i}")
    (folder / "000.txt").write_text("changed text, same name")
    assert {name for name in held(folder) if int(name[:3]) < 300} == before
    assert before < held(folder, percent=20)


def test_one_document_is_always_held_out(folder: Path):
    assert len(held(folder, percent=0)) == 1


def test_max_bytes_is_kept_and_takes_a_nested_choice(folder: Path):
    def used(max_bytes: int) -> dict[str, int]:
        chosen = selection.select([str(folder)], 0.1, max_bytes)
        found = {d.name: d.size for d in selection.chosen([str(folder)], chosen)}
        assert chosen.bytes == sum(found.values())
        return found

    small, large = used(20_000), used(60_000)
    assert 19_000 < sum(small.values()) <= 20_000
    assert 59_000 < sum(large.values()) <= 60_000
    assert small.keys() < large.keys()
    assert max(small) > "250.txt"  # spread over the names, not the first ones
    assert len(used(10**9)) == 300


def test_the_sample_is_training_text_of_a_fixed_size(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "SAMPLE_BYTES", 10_000)
    chosen = selection.select([str(folder)], 0.1, 0)
    documents = list(selection.chosen([str(folder)], chosen))
    texts = selection.sample(documents, chosen)
    assert 10_000 <= sum(map(len, texts)) < 11_000
    assert texts == selection.sample(reversed(documents), chosen)
    assert set(texts).isdisjoint(d.text for d in documents if chosen.held_out(d.name))


def test_too_few_documents_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"no text \(no files\)"):
        selection.select([str(tmp_path)], 0.1, 0)
    (tmp_path / "a.bin").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match=r"no text: a\.bin \(3 bytes: not text in UTF-8\); iconv -f WINDOWS-1252"):
        selection.select([str(tmp_path)], 0.1, 0)
    (tmp_path / "a.bin").unlink()
    (tmp_path / "a.txt").write_text("alone")
    with pytest.raises(InputError, match="needs at least two"):
        selection.select([str(tmp_path)], 0.1, 0)
    (tmp_path / "b.txt").write_text("and another")
    selection.select([str(tmp_path)], 0.1, 0)
    with pytest.raises(InputError, match="a larger --max-bytes"):
        selection.select([str(tmp_path)], 0.1, 3)


def test_files_that_change_between_the_passes_are_noticed(folder: Path):
    chosen = selection.select([str(folder)], 0.1, 0)
    (folder / "007.txt").write_text("changed")
    with pytest.raises(InputError, match="changed while they were read"):
        list(selection.chosen([str(folder)], chosen))
