"""Records of a run directory that are damaged: sweep.json, the index, the marks of cohorts."""

import json

import pytest

from sweep.errors import InputError, SweepError
from sweep.tables import cohorts
from tests.faults.flips import cut
from tests.faults.register import fault
from tests.faults.tiny import curves, first, losses, train


@fault(
    "files",
    "`sweep.json` is cut short",
    "nothing is trained; the line names the file",
    code=1,
    remedy="restore the file, or choose another `--out`",
    where="the record is cut in half before the command is repeated",
)
def test_a_record_that_is_cut_short(stated, copy, corpus):
    out = copy()
    cut(out / "sweep.json")
    with pytest.raises(SweepError) as error:
        train(out, corpus)
    assert "sweep.json: damaged" in stated.ended(error.value)


@fault(
    "files",
    "`cohorts.json` is cut short",
    "what reads it in a store stops and names it; `sweep run` writes it anew",
    code=0,
    where="the index is cut in half before the command is repeated",
)
def test_an_index_that_is_cut_short(copy, corpus, whole):
    out = copy()
    before = (out / "cohorts.json").read_bytes()
    cut(out / "cohorts.json")
    with pytest.raises(InputError, match=r"cohorts\.json: damaged; repeat `sweep run`"):
        cohorts.named(out)
    train(out, corpus)
    assert (out / "cohorts.json").read_bytes() == before
    assert losses(out) == losses(whole)


@fault(
    "files",
    "`spec.json` of a cohort is damaged",
    "it is not read to train; `sweep run` writes that of a cohort that is not done anew",
    code=0,
    where="the file is cut in half, the cohort is not done",
)
def test_a_spec_that_is_cut_short(copy, corpus, whole):
    out = copy()
    _, folder = first(out)
    cut(folder / "spec.json")
    (folder / "DONE").unlink()
    train(out, corpus)
    assert losses(out) == losses(whole)
    assert json.loads((folder / "spec.json").read_text())["trials"]


@fault(
    "files",
    "the last line of `log.jsonl` is torn",
    "that event is left out; the next one stands on a line of its own",
    code=0,
    where="the log is cut in the middle of its last line, the cohort is not done",
)
def test_a_log_whose_last_line_is_torn(copy, corpus, whole):
    out = copy()
    _, folder = first(out)
    (folder / "DONE").unlink()
    log = folder / "log.jsonl"
    log.write_text(log.read_text()[:-20])
    torn = len(log.read_text().splitlines())
    train(out, corpus)
    lines = log.read_text().splitlines()
    assert all(json.loads(line) for line in lines[torn:])
    assert losses(out) == losses(whole)
    assert curves(out).equals(curves(whole))
