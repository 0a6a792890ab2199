"""The text of a multiverse, from a record made by hand."""

from sweep.verbs.multiverse_text import describe
from tests.report.test_multiverse_chart import record

EXTRAS = {
    "despite": ["collinear"], "n": 240, "warnings": [{"code": "partial", "message": "interrupted"}],
    "timing": {"lanes": 12_000, "total_s": 3.0}, "compiled": {"programs": 3, "at_most": 6},
}  # fmt: skip


def test_describe():
    r = {**record(40), **EXTRAS}
    lines = describe(r).splitlines()
    assert lines[0] == f"DESPITE collinear: do not plan with this. {r['verdict']}"
    assert "240 runs, 41 specifications, 40 pass" in lines[1]
    assert lines[2] == "failed      1 at_bound: a coefficient is at its bound: the runs do not show that term"
    assert lines[-1] == "warning partial: interrupted"
    assert any(line.startswith("at 50%") for line in lines)
    assert any(line.startswith("law") and "a " in line for line in lines)


def test_a_short_curve_has_no_ranks():
    assert "at 50%" not in describe({**record(3), **EXTRAS})
