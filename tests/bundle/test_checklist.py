"""The checklist answers what the records tell, and says what they do not."""

import json
from pathlib import Path

from sweep.bundle import checklist
from sweep.bundle.asked import Answer
from sweep.bundle.contents import contents

RATE, SEEDS = "Was the learning rate swept at every size?", "How many repeats with other seeds?"


def by_question(found: list[Answer]) -> dict[str, Answer]:
    return {a.question: a for a in found}


def changed(found: dict[str, bytes], name: str, **values) -> dict[str, bytes]:
    record = json.loads(found[name])
    record["config"] |= values
    return found | {name: json.dumps(record).encode()}


def test_every_question_is_answered_by_a_file_of_the_bundle_or_open_with_a_reason(trained: Path):
    made = contents(trained)
    found = checklist.answers(made.files, ["fit"])
    assert len(found) > 25
    for a in found:
        assert (a.text is None) == (a.file is None) == bool(a.why)
        assert a.file is None or a.file in made.files
    told = by_question(found)
    assert "6 done" in str(told["How many runs, at which compute?"].text)
    assert "fingerprint" in str(told["Is the data known?"].text)
    assert told[RATE].text is None
    assert told[SEEDS].text is None
    assert told["How are intervals made?"].text is None  # no resamples were asked for


def test_what_was_swept_is_told(trained: Path):
    files = changed(contents(trained).files, "sweep.json", lr_bracket=[0.5, 1.0, 2.0])
    told = by_question(checklist.answers(files, ["fit"]))
    assert "3 rates for each cell" in str(told[RATE].text)


def test_the_fit_of_a_table_knows_nothing_of_training(fitted: Path):
    told = by_question(checklist.answers(contents(fitted).files, ["."]))
    assert told["Which optimizer?"].text is None
    assert "table" in told["Which optimizer?"].why
    assert "40 resamples" in str(told["How are intervals made?"].text)
    assert told["Which form?"].file == "fit.json"


def test_the_page_has_a_row_for_each_question(trained: Path):
    made = contents(trained)
    page = made.files["checklist.md"].decode()
    found = json.loads(made.files["checklist.json"])["checklist"]
    assert sum(line.startswith("| ") for line in page.splitlines()) == len(found) + page.count("| question |")
    assert page.count("**not known**") == sum(not a["known"] for a in found)
