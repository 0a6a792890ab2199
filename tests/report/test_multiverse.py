"""The section and the page of a multiverse say what its record says."""

import dataclasses

import pytest

from sweep.errors import InputError
from sweep.report.multiverse import ends, multiverse, write
from tests.report.test_multiverse_chart import record
from tests.report.test_page import Page


def test_section(run):
    r = record()
    page = Page(multiverse(dataclasses.replace(run, multiverse=r)))
    text = page.sections["multiverse"]
    assert r["verdict"] in text
    assert "1 of 7 do not pass." in text
    assert any(row[0].startswith("the law") for row in page.cells if row)
    assert not any(row[0].startswith("the objective") for row in page.cells if row)  # only one was tried
    assert ["at_bound", "a coefficient is at its bound: the runs do not show that term", "1"] in page.cells


def test_nothing_yet_or_damaged(run):
    assert f"sweep multiverse {run.path}" in Page(multiverse(run)).sections["multiverse"]
    damaged = {"verdict": "x", "curve": [{}]}
    assert "incomplete" in Page(multiverse(dataclasses.replace(run, multiverse=damaged))).sections["multiverse"]


def test_a_page_of_its_own(tmp_path):
    path = write(record(), tmp_path / "m.html")
    text = path.read_text()
    page = Page(text)
    assert page.open == []
    assert "simulated &lt;table&gt;" in text
    assert "http" not in text
    assert "script" not in page.tags
    assert all(ref.startswith(("#", "data:")) for ref in page.references)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(record(), tmp_path / "file" / "m.html")


def test_many_choices_are_shown_by_their_ends():
    rows = [{"choice": f"c{i}", "params": 1e9 * (8 - i)} for i in range(8)]
    assert ends(rows) == "c7 1.00B, c6 2.00B, …, c1 7.00B, c0 8.00B"
    assert ends(rows[:2]) == "c1 7.00B, c0 8.00B"
