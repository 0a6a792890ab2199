"""What `sweep preview` shows, in data and in text."""

import dataclasses
import json

import pytest

from sweep.config import Data, load
from sweep.design import estimate, families, table
from sweep.design.cohorts import cohorts
from sweep.design.placement import place
from sweep.errors import InputError, Refusal
from sweep.verbs import preview

SMOKE = load("configs/smoke.py")
LAPTOP = load("configs/laptop.py")


def plan(sweep, unique_tokens: int = 10**9) -> families.Plan:
    return families.plan(sweep, vocab=256, data="d", unique_tokens=unique_tokens, platform="cpu")


def show(sweep, flops_per_second: float = 0.0, limit: float = 0.0, unique_tokens: int = 10**9):
    made = plan(sweep, unique_tokens)
    speeds = estimate.probe(cohorts(made.trials), lambda _: flops_per_second) if flops_per_second else []
    return preview.show(sweep, made, speeds, limit)


def test_data_has_every_part_and_is_plain_json():
    output = show(LAPTOP, 1e10)
    assert {"families", "trials", "cohorts", "totals", "check", "probe"} <= set(output.data)
    assert json.loads(json.dumps(output.data, allow_nan=False)) == output.data
    assert output.code == 0


def test_data_equals_the_plan():
    data, made = show(LAPTOP).data, plan(LAPTOP)
    assert data["trials"] == [table.row(t) for t in made.trials]
    assert [f["trials"] for f in data["families"]] == [[t.id for t in f.trials] for f in made.families]
    assert sum(len(c["trials"]) for c in data["cohorts"]) == data["totals"]["trials"] == len(made.trials)
    assert data["totals"]["cohorts"] == len({t.shape for t in made.trials})
    assert data["totals"]["flops_exact"] == pytest.approx(sum(c["flops_exact"] for c in data["cohorts"]))
    assert 0 < data["totals"]["trunk_saving"] < 0.5


def test_text_has_a_line_for_every_cell_and_names_what_matters():
    text = show(LAPTOP, 1e10).text
    for trial in plan(LAPTOP).trials:
        assert f"{trial.steps:,}" in text
    for word in ("tokens/param", "batch", "warm-up", "programs", "trunks", "epochs", "memory", "expected sd", "noise"):
        assert word.split()[0] in text


def test_hours_are_work_over_speed_and_limited():
    data = show(LAPTOP, 1e10).data
    assert data["totals"]["hours"] == pytest.approx(data["totals"]["flops_exact"] / 1e10 / 3600)
    assert [p["flops_per_second"] for p in data["probe"]] == [1e10] * 3
    output = show(LAPTOP, 1e10, limit=0.01)
    assert output.code == 2
    assert output.data["refused"][0]["code"] == "too_long"
    assert "more than 0.01" in output.text
    assert show(LAPTOP, 1e10, limit=1.0).code == 0


def test_hours_are_shared_by_accelerators_as_busy_as_they_are():
    groups = cohorts(plan(LAPTOP).trials)
    speeds = [estimate.Speed(groups[0].shape, 1e10)]
    schedule = place(groups, 4, "gpu")
    alone = sum(c.flops for c in groups) / 1e10 / 3600
    assert preview.hours_of(groups, speeds, schedule, "cpu") == pytest.approx(alone)
    shared = preview.hours_of(groups, speeds, schedule, "gpu")
    assert shared == pytest.approx(alone / 4 / schedule.utilisation)
    assert shared < alone


def test_without_a_probe_no_hours_are_told():
    output = show(LAPTOP)
    assert output.data["totals"]["hours"] is None
    assert "not probed" in output.text


def test_a_design_that_cannot_answer_is_shown_and_refused():
    output = show(dataclasses.replace(LAPTOP, budgets=(1e11,)))
    assert output.code == 2
    assert output.data["refused"][0]["code"] == "not_identifiable"
    assert output.data["check"]["identifiable"] is False
    assert "refused" in output.text


def test_the_largest_program_tells_its_memory_and_how_it_fits():
    def of(memory: int | None):
        made = plan(LAPTOP)
        schedule = place(cohorts(made.trials), 2, "cpu")
        return preview.show(LAPTOP, made, [], schedule=schedule, memory=memory)

    roomy, tight = of(2**34), of(7_000_000)
    assert (roomy.code, roomy.data["totals"]["remat"], roomy.data["totals"]["fits"]) == (0, "none", True)
    assert roomy.data["totals"]["memory_bytes"] == max(c["memory_bytes"] for c in roomy.data["cohorts"])
    assert tight.code == 0
    assert max(c["micro_batches"] for c in tight.data["cohorts"]) > 1
    assert tight.data["totals"]["memory_bytes"] <= 0.92 * 7_000_000
    unknown = of(None)
    assert (unknown.code, unknown.data["totals"]["fits"]) == (0, None)
    assert "the largest program needs at least " in unknown.text


def test_a_plan_that_does_not_fit_is_refused_with_the_bytes():
    output = preview.show(LAPTOP, plan(LAPTOP), [], memory=2**20)
    assert output.code == 2
    assert {r["code"] for r in output.data["refused"]} == {"too_large"}
    assert len(output.data["refused"]) == len(output.data["cohorts"])
    assert "MB a device on one device, and a device has room for 965 kB; use more devices, or" in output.text
    assert {c["fits"] for c in output.data["cohorts"]} == {False}


def test_accelerators_that_are_not_here_are_taken_for_the_largest_known():
    pod = dataclasses.replace(load("configs/pod.py"), budgets=(1e24,))
    made = families.plan(pod, vocab=32_768, data="d", unique_tokens=10**13, platform="tpu")
    alone = preview.show(pod, made, [], schedule=place(cohorts(made.trials), 1, "tpu"), platform="tpu")
    assert alone.code == 2
    assert "even the TPU with the most memory that is known has room for 94.6 GB" in alone.text


def test_a_grid_that_says_nothing_is_null_in_json_and_unknown_in_text():
    sweep = dataclasses.replace(LAPTOP, budgets=(1e11,), sizes=3)
    output = show(sweep)
    assert output.data["check"]["sd"]["alpha"] is None
    assert "alpha unknown" in output.text
    json.dumps(output.data, allow_nan=False)


def test_many_passes_over_the_text_are_warned_of():
    sweep = dataclasses.replace(LAPTOP, data=Data(allow_repeat=True))
    longest = max(t.tokens for t in plan(sweep).trials)
    output = show(sweep, unique_tokens=longest // 5)
    assert output.data["totals"]["epochs"] == pytest.approx(5, rel=1e-3)
    assert output.data["totals"]["trials_repeating"] == 1
    assert "warning  1 trials pass over the text more than 4 times" in output.text
    assert "warning" not in show(sweep).text


def test_a_bracket_is_one_line_a_cell():
    sweep = dataclasses.replace(SMOKE, lr_bracket=(0.5, 1.0, 2.0), seeds=(0, 1))
    line = next(x for x in show(sweep).text.splitlines() if x.endswith("     6"))
    assert "0.01-0.06" in line


# On the real corpus


@pytest.fixture
def smoke(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path))
    return SMOKE


def test_the_verb_plans_on_the_tokens_that_exist(smoke):
    output = preview.run(preview.Args("configs/smoke.py", probe=False), smoke)
    assert output.code == 0
    assert output.data["totals"]["trials"] >= 6
    assert output.data["totals"]["unique_tokens"] > 1_000_000
    assert {row["vocab"] for row in output.data["trials"]} == {output.data["cohorts"][0]["shape"]["vocab"]}


def test_too_little_text_and_no_text_are_told(smoke):
    little = dataclasses.replace(smoke, data=dataclasses.replace(smoke.data, max_bytes=300_000))
    with pytest.raises(Refusal, match="epochs"):
        preview.run(preview.Args("configs/smoke.py", probe=False), little)
    absent = dataclasses.replace(smoke, data=Data(path="no/such/folder"))
    with pytest.raises(InputError, match="no/such/folder"):
        preview.run(preview.Args("configs/smoke.py", probe=False), absent)


@pytest.mark.slow
def test_the_probe_measures_this_machine(smoke):
    pytest.importorskip("sweep.train.probe")
    output = preview.run(preview.Args("configs/smoke.py"), smoke)
    assert all(p["flops_per_second"] > 1e6 for p in output.data["probe"])
    assert 0 < output.data["totals"]["hours"] < 1


def test_a_corpus_that_is_not_built_is_assumed():
    args = preview.Args("configs/pod.py", probe=False, platform="tpu", assume_tokens=6e10, assume_vocab=32_768)
    output = preview.run(args, load("configs/pod.py"))
    assert output.code == 0
    assert output.data["totals"]["unique_tokens"] == 60_000_000_000
    assert output.data["placement"]["devices"] == 8


def test_refusals_of_one_kind_are_one_line():
    """Eight cohorts that do not fit are eight entries as data, and the largest of them for people."""
    output = preview.show(LAPTOP, plan(LAPTOP), [], memory=2**20)
    lines = [line for line in output.text.split("\n") if line.startswith("refused")]
    count = len(output.data["refused"])
    assert count > 1
    assert len(lines) == 1
    assert lines[0].endswith(f"(and {count - 1} more like it: --json)")
    assert output.data["refused"][0]["message"] in lines[0]
