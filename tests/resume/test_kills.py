"""Kills lie all over a sweep, follow from the seed, and are of every kind."""

import json
from pathlib import Path

import pytest

from sweep.resume.kills import A_ROUND, HOW, Kill, Progress, plan, unfinished


@pytest.mark.parametrize("count", [1, 5, 20, 33])
def test_kills_are_spread_and_of_every_kind(count):
    rounds = plan(count, 7, 10.0)
    every = [kill for planned in rounds for kill in planned]
    assert len(every) == count
    assert max(map(len, rounds)) <= A_ROUND
    for planned in rounds:
        shares = [kill.progress for kill in planned]
        assert shares == sorted(shares)
        assert all(i / (len(planned) + 1) <= share <= (i + 1) / (len(planned) + 1) for i, share in enumerate(shares))
    assert {kill.how for kill in every} == (set(HOW) if count >= len(HOW) else {every[0].how})
    assert all(0 <= kill.after <= 10.0 and kill.how != "uncommitted" for kill in every if kill.after is not None)


def test_the_plan_follows_from_the_seed():
    assert plan(20, 7, 10.0) == plan(20, 7, 10.0) != plan(20, 8, 10.0)
    assert Kill("SIGKILL", 0.25).when == "25% done"
    assert Kill("SIGKILL", 0.25, 1.26).when == "1.3 s in"


def test_progress_is_that_of_the_logs(tmp_path: Path):
    progress = Progress(tmp_path, {"one": 30.0, "two": 10.0})
    assert progress.look() == []
    assert progress.share == 0
    log = tmp_path / "cohorts" / "one" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"begun": 1, "left": 30.0}) + "\n" + json.dumps({"rows": {}, "left": 10.0}) + '\n{"rows')
    assert progress.look() == ["one"]
    assert progress.share == 0.5
    assert progress.look() == []
    with log.open("a") as file:
        file.write('": {}, "left": 0.0}\n')
    assert progress.look() == ["one"]
    assert progress.share == 0.75
    with log.open("a") as file:
        file.write('{"begun": 2, "left": 20.0}\n')  # what was lost is to do again
    assert progress.look() == []
    assert progress.share == 0.25
    assert not progress.saved
    with log.open("a") as file:
        file.write('{"saved": 2}\n')
    progress.look()
    assert progress.saved


def test_a_checkpoint_without_its_mark_is_unfinished(tmp_path: Path):
    folder = tmp_path / "cohorts" / "one" / "checkpoints"
    for name in ("3", "7-2", "7-2.orbax-checkpoint-tmp", "other"):
        (folder / name).mkdir(parents=True)
    (folder / "3" / "commit_success.txt").write_text("")
    assert unfinished(tmp_path) == {folder / "7-2"}
