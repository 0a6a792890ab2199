"""The text of a fit: every diagnostic in an aligned line, warnings with what to do, less where less was asked."""

import numpy as np
import pytest

from sweep.fit import fit
from sweep.verbs.fit_text import describe


@pytest.fixture(scope="module")
def table():
    params, tokens = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    noise = np.exp(0.005 * np.random.default_rng(0).standard_normal(25))
    return {"params": params, "tokens": tokens, "loss": (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * noise}


def test_diagnostics_in_a_line_each(table):
    found = fit(table, bootstrap=30)
    lines = describe(found).splitlines()
    (first,) = (i for i, line in enumerate(lines) if line.startswith("diagnostics"))
    shown = lines[first + 1 : lines.index("", first)] if "" in lines[first:] else lines[first + 1 :]
    assert [line.split()[0] for line in shown] == [
        "condition", "deltas", "floor", "suspects", "influence", "backtest", "residuals", "gap", "unchecked",
    ]  # fmt: skip
    assert {line[13] != " " and line[12] == " " for line in shown} == {True}
    for w in found.to_json()["warnings"]:
        assert f"warning {w['code']}: {w['message']}" + (f" -> {w['cure']}" if "cure" in w else "") in lines


def test_undiagnosed(table):
    found = fit(table, bootstrap=0, diagnostics=False)
    assert "diagnostics" not in found.to_json()
    assert "diagnostics" not in describe(found)
