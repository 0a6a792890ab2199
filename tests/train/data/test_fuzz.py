"""Any bytes under any name: documents, a file left out by name, or one line; no traceback, no hang, no loss unsaid."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweep.errors import InputError, SweepError
from sweep.train.data import selection
from tests.train.data.corpora import PACK, jsonl, parquet, read

SETTINGS = settings(deadline=5_000, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
ENDINGS = [".txt", ".jsonl", ".json", ".csv", ".tsv", ".parquet"]
TEXTS = [f"document {i} größer" for i in range(40)]
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)

WHOLE = {
    ".jsonl": jsonl(TEXTS),
    ".json": json.dumps([{"text": text} for text in TEXTS]).encode(),
    ".csv": ("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(TEXTS))).encode(),
    ".parquet": parquet(text=TEXTS),
}
WHOLE |= {f".jsonl{packing}": pack(WHOLE[".jsonl"]) for packing, pack in PACK.items()}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "body", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@contextlib.contextmanager
def folder_of(ending: str, data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"file{ending}").write_bytes(data)
        yield Path(folder)


def outcome(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Texts, and the files left out or the error; whatever is said is one line."""
    try:
        found, account = read(folder)
        said = [file.reason for file in account.files]
    except InputError as error:
        found, said = {}, [str(error)]
    assert all("\n" not in line and len(line) < 1_000 for line in said)
    assert all(text and "\0" not in text for text in found.values())
    return found, said


@SETTINGS
@given(st.sampled_from(ENDINGS), st.sampled_from(["", *PACK]), st.binary(max_size=400), st.booleans())
def test_random_bytes(ending: str, packing: str, data: bytes, really: bool):
    packed = PACK[packing](data) if packing and really else data
    with folder_of(ending + packing, packed) as folder:
        found, said = outcome(folder)
        assert found or said or not data.strip() or ending != ".txt"


@SETTINGS
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_torn_files_never_pass_as_shorter_ones(ending: str, draw: st.DataObject):
    data = WHOLE[ending]
    cut = draw.draw(st.integers(0, len(data) - 1))
    with folder_of(ending, data[:cut]) as folder:
        found, said = outcome(folder)
    tail = data[:cut].rpartition(b"\n")[2]
    if said or (not tail and ending in (".jsonl", ".csv")):  # plain lines may end at any line
        return
    if ending == ".jsonl":
        assert json.loads(tail)
    elif ending == ".csv":  # a row may end before its line break
        last = next(reversed(found.values()), "")
        assert tail.partition(b'"')[2] in (b"", f'{last}"'.encode())
    else:
        assert not cut
        assert ending == ".json"


@SETTINGS
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_flipped_bytes(ending: str, draw: st.DataObject):
    data = bytearray(WHOLE[ending])
    for at in draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=8)):
        data[at] = draw.draw(st.integers(0, 255))
    with folder_of(ending, bytes(data)) as folder:
        outcome(folder)


@SETTINGS
@given(st.lists(VALUES, max_size=5), st.booleans())
def test_any_json(values: list, as_array: bool):
    data = json.dumps(values) if as_array else "\n".join(map(json.dumps, values))
    with folder_of(".json", data.encode()) as folder:
        found, said = outcome(folder)
    good = [v for v in values if isinstance(v, dict) and isinstance(v.get("text", 0), str | None)]
    if not said and (as_array or all(isinstance(value, dict) for value in values)):
        assert len(good) == len(values)  # else a record without text went unsaid
        assert set(found.values()) == {v["text"] for v in good if v["text"]}


@SETTINGS
@given(st.lists(LINE, min_size=1, max_size=20, unique=True))
def test_what_can_be_written_is_read_back(texts: list[str]):
    with folder_of(".jsonl.zst", PACK[".zst"](jsonl(texts))) as folder:
        assert list(read(folder)[0].values()) == texts


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("packing", ["", *PACK])
def test_an_empty_file_says_so_or_counts_for_nothing(ending: str, packing: str, tmp_path: Path):
    (tmp_path / f"a{ending}{packing}").write_bytes(b"")
    with pytest.raises(SweepError) as error:
        selection.select([str(tmp_path)], 0.1, 0)
    assert "\n" not in str(error.value)
