"""A cohort that is fed by its host trains the bits of one whose tokens lie on the devices."""

import threading
from typing import Any

import jax
import pytest

from sweep.errors import InputError, Partial
from sweep.train.cohort import CohortRun, Settings
from sweep.train.data.shards import map_tokens
from sweep.train.log import Log
from tests.train.tiny import cohort_of, make_trial

TREE = [make_trial(steps=steps, trunk=True) for steps in (12, 21, 40)]  # branches leave at odd places of a chunk
ALONE = [make_trial(steps=25, lr=0.02, data_seed=3), make_trial(steps=40, lr=0.003, data_seed=3)]


def outcome(run: CohortRun) -> dict[str, Any]:
    """All that a cohort's losses say, by row and step."""
    curves = {(point["trial"], point["step"]): (point["train_loss"], point["loss"]) for point in run.cursor.curves}
    return {"results": run.cursor.results, "curves": curves}


@pytest.mark.slow
@pytest.mark.parametrize(("trial", "mode"), [(1, "map"), (8, "map"), (2, "vmap")], ids=str)
def test_fed_and_resident_tokens_train_the_same_bits(train, trial: int, mode: str):
    settings = {"devices": 8, "trial_devices": trial, "mode": mode}
    resident, fed = (train(*TREE, *ALONE, fed=fed, **settings) for fed in (False, True))
    assert len(resident.cursor.results) == 5
    assert len({r["loss"] for r in resident.cursor.results.values()}) == 5
    assert outcome(fed) == outcome(resident)


def test_a_run_that_is_stopped_goes_on_with_the_same_batches(train, tmp_path):
    whole = train(*TREE, *ALONE, devices=4, trial_devices=4)
    stop = threading.Event()

    def stop_at(run: CohortRun) -> None:
        if run.cursor.chunks >= 3:
            stop.set()

    settings = {"devices": 4, "trial_devices": 4, "folder": tmp_path}
    with pytest.raises(Partial):
        train(*TREE, *ALONE, fed=True, on_chunk=stop_at, stop=stop, **settings)
    assert threads() == []
    fed = train(*TREE, *ALONE, fed=True, **settings)
    assert [event["tokens"] for event in Log(tmp_path / "log.jsonl").events() if "begun" in event] == ["fed", "fed"]
    assert outcome(fed) == outcome(whole)
    assert threads() == []


def test_rows_that_diverge_change_no_batch_of_the_others(train):
    trials = [make_trial(steps=40), make_trial(steps=40, lr=1e30, data_seed=5)]
    resident, fed = (train(*trials, fed=fed) for fed in (False, True))
    assert sum(step >= 0 for step in resident.cursor.diverged) == 1
    assert outcome(fed) == outcome(resident)


def test_a_shard_that_is_cut_short_under_way_ends_the_run_in_one_line(data, tmp_path):
    data[0].tofile(tmp_path / "train.bin")
    shard = map_tokens(tmp_path / "train.bin", "uint16")
    settings = Settings(tmp_path / "cohort", curve_points=4, steps=8, mode="map", fed=True)
    run = CohortRun(cohort_of(make_trial(steps=60)), jax.devices()[:1], 1, (shard, data[1]), settings)

    def cut(run: CohortRun) -> None:
        with open(tmp_path / "train.bin", "r+b") as file:
            file.truncate(1000)

    run.on_chunk = cut
    with pytest.raises(InputError, match=r"train\.bin: ends before byte \d+, and was longer"):
        run.run(threading.Event())
    assert threads() == []


def threads() -> list[str]:
    """Feeders of this process."""
    return [thread.name for thread in threading.enumerate() if thread.name == "feeder"]


def test_from_a_shard_as_from_memory(train, data, tmp_path):
    data[0].tofile(tmp_path / "train.bin")
    settings = Settings(tmp_path / "cohort", curve_points=4, steps=8, mode="map", fed=True)
    shard = map_tokens(tmp_path / "train.bin", "uint16")
    run = CohortRun(cohort_of(*ALONE), jax.devices()[:1], 1, (shard, data[1]), settings)
    run.run(threading.Event())
    assert outcome(run) == outcome(train(*ALONE, fed=False))
