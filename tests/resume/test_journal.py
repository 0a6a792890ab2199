"""What counts of a log with kills, and the steps that it shows to be missing or taken twice."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.resume.journal import gaps, lineage, meshes, moves

Event = dict[str, Any]


def chunk(steps: int, **rows: int) -> Event:
    return {"chunk": 99, "seconds": 1.0, "steps": steps, "rows": rows}


def begun(at: int) -> Event:
    return {"begun": 1, "chunk": at}


WHOLE = [begun(0), chunk(8, a=8), chunk(16, a=16, b=12), chunk(14, a=20, b=22)]  # b leaves its trunk at step 4


def found(events: list[Event], *, exactly: bool = True) -> list[str]:
    return [gap.what for gap in gaps("c", lineage(events), lineage(WHOLE), exactly=exactly)]


def test_what_is_trained_again_counts_once():
    killed = [*WHOLE[:3], begun(1), WHOLE[2], begun(2), {"saved": 2}, WHOLE[3]]
    assert lineage(killed).chunks == lineage(WHOLE).chunks
    assert found(killed) == []


@given(st.lists(st.integers(0, 3), max_size=6))
def test_any_sequence_of_kills_ends_as_the_whole(trained):
    """Each attempt trains some chunks and is killed; the next begins with half of them."""
    events, saved = [begun(0)], 0
    for chunks in trained:
        events += WHOLE[1 + saved :][:chunks]
        saved += min(chunks, 3 - saved) // 2
        events.append(begun(saved))
    assert found([*events, *WHOLE[1 + saved :]]) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([*WHOLE[:2], begun(1), chunk(16, a=17, b=12), WHOLE[3]], "13 steps are counted and 14 were taken"),
        ([*WHOLE[:3], begun(2), chunk(14, a=16, b=22)], "followed by step 16"),  # a row that stands still
        ([*WHOLE[:2], begun(2), *WHOLE[3:]], "no log"),  # a checkpoint of chunks that nobody trained
        ([*WHOLE[:3], begun(1), *WHOLE[3:]], "22 steps count, uninterrupted 38"),  # goes on after what was lost
        ([*WHOLE[:3], {"saved": 2}, begun(0), *WHOLE[1:]], "chunk 2 was saved"),  # the checkpoint was not read
        (WHOLE[:3], "it ends at step 16, uninterrupted at 20"),
        ([*WHOLE[:3], chunk(15, a=20, b=23)], "uninterrupted at 22"),
    ],
)
def test_steps_that_are_missing_or_taken_twice_are_seen(events, said):
    assert any(said in what for what in found(events))
    assert any(said in what for what in found(events, exactly=False))


def test_chunks_of_another_length_count_where_chunks_may_differ():
    finer = [begun(0), chunk(4, a=4), chunk(4, a=8), chunk(20, a=16, b=16), chunk(10, a=20, b=22)]
    assert found(finer, exactly=False) == []
    assert found(finer) == ["chunk 1 is not that of the uninterrupted run"]


def test_checkpoints_that_went_to_another_mesh(tmp_path):
    log = tmp_path / "cohorts" / "c" / "log.jsonl"
    log.parent.mkdir(parents=True)
    (log.parent / "spec.json").write_text("{}")
    begins = [(0, 1), (0, 2), (3, 1), (3, 1), (4, 4)]  # chunks, devices along `trial`; the first move has no checkpoint
    lines = [{"begun": 1, "chunk": chunk, "mesh": {"trial": trial, "data": 1}} for chunk, trial in begins]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert meshes(tmp_path) == ["1x1", "2x1", "4x1"]
    assert moves(tmp_path) == ["1x1 to 4x1", "2x1 to 1x1"]


def test_a_frozen_row_stays_where_it_is():
    broken = [begun(0), chunk(8, a=8), chunk(3, a=-11)]
    assert gaps("c", lineage(broken), lineage(broken), exactly=True) == []
    assert gaps(
        "c", lineage(broken), lineage([begun(0), *itertools.islice(WHOLE, 1, 2), chunk(3, a=-12)]), exactly=True
    )
