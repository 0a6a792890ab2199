"""The placement as `sweep preview` tells it."""

import json
import os

import jax
import pytest

from sweep.config import load
from sweep.design import families, placement
from sweep.design.cohorts import Cohort, cohorts
from sweep.errors import InputError
from sweep.verbs import placement_text, preview, preview_text


def planned(path: str, vocab: int, platform: str) -> list[Cohort]:
    made = families.plan(load(path), vocab=vocab, data="d", unique_tokens=10**11, platform=platform)
    return cohorts(made.trials)


def test_data_is_the_schedule_in_shares_of_its_length():
    tasks = planned("configs/pod.py", 32_768, "tpu")
    schedule = placement.place(tasks, 256, "tpu")
    data = placement_text.data_of(schedule)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["devices"], data["utilisation"], data["makespan_ratio"]) == (
        256, schedule.utilisation, schedule.ratio,
    )  # fmt: skip
    assert {c["cohort"] for c in data["cohorts"]} == {c.hash for c in tasks}
    assert max(c["end"] for c in data["cohorts"]) == 1.0
    assert min(c["start"] for c in data["cohorts"]) == 0.0
    for one in data["cohorts"]:
        trial, split = map(int, one["mesh"].split("x"))
        assert trial * split == one["devices"]


def test_text_has_a_line_for_every_cohort_with_its_devices():
    data = placement_text.data_of(placement.place(planned("configs/pod.py", 32_768, "tpu"), 8, "tpu"))
    head, _, *lines = placement_text.text_of(data, preview_text.short).splitlines()
    assert f"on 8 devices, busy {data['utilisation']:.0%}" in head
    assert len(lines) == len(data["cohorts"])
    assert any(line.split()[1:3] == ["1x4", "4-7"] for line in lines)


@pytest.mark.parametrize(
    ("asked", "platform", "probed", "devices"),
    [
        (3, "cpu", False, 3),
        (0, "cpu", False, len(os.sched_getaffinity(0))),
        (0, "tpu", False, 8),
        (0, "cpu", True, jax.local_device_count()),
        (2, "cpu", True, 2),
    ],
)
def test_devices_are_those_asked_for_or_of_this_machine_where_it_was_probed(asked, platform, probed, devices):
    tasks = planned("configs/smoke.py", 256, platform)
    assert placement_text.schedule_for(tasks, asked, platform, probed=probed).devices == devices


def test_fewer_than_no_devices_are_refused():
    with pytest.raises(InputError, match="--devices is -1"):
        placement_text.schedule_for([], -1, "cpu", probed=False)


def test_preview_tells_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path))
    output = preview.run(preview.Args("configs/smoke.py", probe=False, devices=2), load("configs/smoke.py"))
    assert output.data["placement"]["devices"] == 2
    assert {c["cohort"] for c in output.data["placement"]["cohorts"]} == {c["cohort"] for c in output.data["cohorts"]}
    assert "place    on 2 devices, busy" in output.text
