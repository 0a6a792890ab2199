"""One sentence that says what the record says."""

import pytest

from sweep.fit.multiverse.verdict import size, verdict

RECORD = {
    "specifications": 1400, "passed": 1312, "target": 1e24, "level": 0.9,
    "params": {"interval": [4.01e10, 1.1e11]},
    "drivers": [
        {"axis": "count", "words": "the convention of counting parameters", "params": 0.61},
        {"axis": "law", "words": "the law", "params": 0.2},
        {"axis": "interaction", "words": "combinations of choices", "params": 0.19},
    ],
}  # fmt: skip


def test_verdict():
    assert verdict(RECORD) == (
        "N* at 1e+24 FLOPs lies in 40.1B to 110B in 90% of 1,312 defensible fits; "
        "the convention of counting parameters moves it most (61% of the variance of ln N*)."
    )
    assert "no choice moves it" in verdict({**RECORD, "params": {"interval": [4e10, 4.01e10]}})
    assert "None of 1,400 specifications" in verdict({**RECORD, "passed": 0})


@pytest.mark.parametrize(("count", "text"), [(812, "812"), (1234, "1.23k"), (9.999e8, "1B"), (2.5e12, "2.5T")])
def test_size(count, text):
    assert size(count) == text
