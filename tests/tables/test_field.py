"""Tables that people really have, as they are typed, with their right values (tests/field)."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sweep import cli
from sweep.errors import InputError
from sweep.tables.load import load

FIELD = Path(__file__).parents[1] / "field"
ISOFLOP = {
    "params": "parameters", "flops": "compute_budget", "budget": "compute_budget", "loss": "final_loss",
    "tokens": "compute_budget/(6*parameters)",
}  # fmt: skip


def check(capsys, name, *words):
    code = cli.main(["check", str(FIELD / name), *words])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def test_an_exercise_in_json():
    """A list of records: 72 points of nine budgets; the losses are of the law that the exercise was made with."""
    runs = load(FIELD / "exact_isoflop.json", ISOFLOP)
    records = json.loads((FIELD / "exact_isoflop.json").read_text())
    assert len(runs) == len(records) == 72
    assert runs.params.tolist() == [r["parameters"] for r in records]
    assert len(np.unique(runs.budget)) == 9
    law = 2.69 + 1606.4 / runs.params**0.34 + 3210.7 / runs.tokens**0.36
    np.testing.assert_allclose(runs.loss, law, rtol=2e-5)


def test_a_spreadsheet_in_latin1(capsys):
    code, out, err = check(capsys, "latin1_header.csv")
    assert (code, out, len(err)) == (1, [], 1)
    assert "the header is not UTF-8" in err[0]
    assert "save it as CSV UTF-8" in err[0]


def test_marks_for_losses_that_are_not_there(capsys):
    code, out, _ = check(capsys, "missing_marks.csv")
    assert code == 1
    assert [line for line in out if "row 9" in line and "'OOM'" in line and "row 18" in line]
    assert [line for line in out if "row 14" in line and "missing" in line]
    code, out, _ = check(capsys, "missing_marks.csv", "--where", "loss > 0")
    assert (code, "17 rows " in out[0]) == (0, True)
    code, out, _ = check(capsys, "missing_marks.csv", "--drop-unfinished")
    assert code == 0
    assert "17 rows (left out: 1 OOM, 1 empty, 1 —)" in out[0]
    assert out[-1].endswith("--drop-unfinished")


def test_two_rows_of_one_size(capsys):
    code, out, err = check(capsys, "one_size_two_rows.csv")
    assert (code, err) == (2, [])
    refused = [line for line in out if line.startswith("refused")]
    assert [line.split()[1] for line in refused] == ["(too_few_rows)", "(collinear)"]


@pytest.mark.parametrize("size", [7, 42])
def test_one_line_for_one_kind_of_slip(tmp_path, capsys, size):
    rows = [f"{(1 + i) * 1e6:g},{(1 + i % 5) * 1e9:g},{'many' if i < size else 3 - 0.01 * i:}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["params,tokens,loss", *rows]))
    code, out, _ = check(capsys, tmp_path / "t.csv")
    assert code == 1
    (line,) = out
    assert "row 1, column loss: 'many' is not a number" in line
    assert "more of the same: rows 2, 3, 4, 5, 6, " in line or "more of the same: rows 2, 3, 4, 5, 6, …)" in line
    assert ("22 more rows with the same problem" in line) == (size == 42)


def test_names_with_units_are_offered_as_counts():
    with pytest.raises(InputError, match=re.escape('--columns "params=params_M*1e6" "tokens=tokens_B*1e9"')):
        load(FIELD / "millions_billions.csv")
