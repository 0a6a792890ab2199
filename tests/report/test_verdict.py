"""The first lines of the page."""

import dataclasses

from sweep.report import numbers
from sweep.report.verdict import answer, outcome, size_note, source, statuses, unfinished, verdict


def test_the_answer_is_the_parametric_optimum_with_its_intervals(run):
    at = run.fit["target"]["approach3"]
    text = answer(run)
    assert text.startswith("With 3.0e12 FLOPs, train ")
    for name in ("params", "tokens"):
        lo, hi = at[f"{name}_interval"]
        assert f"{numbers.count(at[name])} {'parameters' if name == 'params' else 'tokens'}" in text
        assert f"({numbers.count(lo)} to {numbers.count(hi)})" in text


def test_the_source_says_method_level_and_reach(run):
    text = source(run)
    assert "parametric law" in text
    assert "90\N{NO-BREAK SPACE}% intervals" in text
    assert "10× the largest budget" in text


def test_an_unsound_fit_is_not_to_be_planned_with(run):
    doubtful = dataclasses.replace(run, fit={**run.fit, "status": "at_bound"})
    assert "at_bound: do not plan with it" in source(doubtful)
    assert "do not plan" not in source(run)


def test_without_the_law_the_next_approach_answers(run):
    target = {**run.fit["target"], "approach3": None}
    other = dataclasses.replace(run, fit={**run.fit, "target": target})
    assert numbers.count(target["approach2"]["params"]) in answer(other)
    assert "isoFLOP parabolas" in source(other)


def test_no_fit_and_no_answer_say_so(run):
    assert answer(dataclasses.replace(run, fit={})).startswith("No fit yet: sweep fit ")
    assert "at_bound" in answer(dataclasses.replace(run, fit={"status": "at_bound"}))


def test_the_scored_forecast_is_told(run):
    text = outcome(run)
    assert numbers.loss(run.ledger[0]["loss"]) in text
    assert f"the run gave {numbers.loss(run.ledger[1]['loss'])}" in text
    assert ("inside" in text) is run.ledger[1]["inside"]


def test_a_forecast_still_open_and_none_at_all(run):
    assert "no outcome yet" in outcome(dataclasses.replace(run, ledger=run.ledger[2:]))
    assert outcome(dataclasses.replace(run, ledger=[])) == ""


def test_unfinished_trials_are_counted(run):
    assert statuses(run) == {"done": 70, "diverged": 1, "failed": 1, "partial": 1}
    assert unfinished(run) == "70 of 73 trials are done; 1 diverged, 1 failed, 1 partial."
    done = [row for row in run.losses if row["status"] == "done"]
    assert unfinished(dataclasses.replace(run, losses=done)) == ""


def test_small_models_carry_the_note_and_large_ones_do_not(run):
    assert "say nothing about language models at scale" in size_note(run)
    large = [{**row, "params_with_head": 10**7} for row in run.losses]
    assert size_note(dataclasses.replace(run, losses=large)) == ""


def test_the_verdict_is_few_paragraphs_answer_first(run):
    assert verdict(run)[0] == answer(run)
    assert len(verdict(run)) == 4


def test_an_edited_ledger_is_not_told_as_if_it_were_whole(run):
    text = outcome(dataclasses.replace(run, edited=[2]))
    assert text.startswith("The ledger of forecasts was edited (line 2)")
    assert numbers.loss(run.ledger[0]["loss"]) not in text
