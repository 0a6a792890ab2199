"""Wide tables against their long form, written out by hand."""

import os

import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import examine, load
from sweep.tables.read import TableFile, read_file
from sweep.tables.wide import advice, lengthen, parse_wide

BUDGETS = "params,note,1e18,3e18,1e19\n1e7,a,3.4,3.2,\n3e7,b,3.3,3.1,3.0\n1e8,c,3.5,3.2,2.9\n"
LONG = [
    (1e7, "a", 1e18, 3.4), (1e7, "a", 3e18, 3.2), (3e7, "b", 1e18, 3.3), (3e7, "b", 3e18, 3.1), (3e7, "b", 1e19, 3.0),
    (1e8, "c", 1e18, 3.5), (1e8, "c", 3e18, 3.2), (1e8, "c", 1e19, 2.9),
]  # fmt: skip
WANDB = (
    '"Step","bright-sun-1 - eval/loss","bright-sun-1 - eval/loss__MIN","bright-sun-1 - eval/loss__MAX",'
    '"dark-sea-2 - eval/loss","dark-sea-2 - eval/loss__MIN","dark-sea-2 - eval/loss__MAX"\n'
    "100,3.5,3.5,3.5,3.9,3.9,3.9\n200,3.3,3.3,3.3,,,\n300,3.2,3.2,3.2,3.6,3.6,3.6\n"
)


def put(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


def test_columns_named_by_budgets(tmp_path):
    table, excluded = read_file(TableFile(put(tmp_path, BUDGETS), "budget=loss"))
    assert table.column_names == ["params", "note", "budget", "loss"]
    assert [tuple(row.values()) for row in table.to_pylist()] == LONG
    assert excluded == [("empty cells", 1)]
    columns = {"tokens": "budget/(6*params)", "flops": "budget"}
    runs = load(TableFile(tmp_path / "t.csv", "budget=loss"), columns)
    assert runs.loss.tolist() == [row[3] for row in LONG]
    assert runs.tokens.tolist() == pytest.approx([c / (6 * n) for n, _, c, _ in LONG])
    assert runs.excluded == [("empty cells", 1)]
    assert runs.source.endswith("t.csv (long form)")


def test_columns_named_by_sizes(tmp_path):
    """Counts as people write them; cells that are no number stay to be named."""
    file = put(tmp_path, "tokens,70M,150M,1.1B\n2e9,3.5,3.4,OOM\n4e9,3.4,3.2,3.1\n")
    runs = load(TableFile(file, "params=loss", drop_unfinished=True))
    assert runs.params.tolist() == [7e7, 1.5e8, 7e7, 1.5e8, 1.1e9]
    assert runs.excluded == [("OOM", 1)]
    with pytest.raises(InputError, match=r"t.csv \(long form\): row 3, column loss: 'OOM' is not a number"):
        load(TableFile(file, "params=loss"))


def test_one_column_a_run_as_wandb_exports_it(tmp_path):
    table, excluded = read_file(TableFile(put(tmp_path, WANDB), "Step, {run} - eval/loss"))
    assert table.column_names == ["Step", "run", "loss"]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (100, "bright-sun-1", 3.5), (100, "dark-sea-2", 3.9), (200, "bright-sun-1", 3.3), (300, "bright-sun-1", 3.2),
        (300, "dark-sea-2", 3.6),
    ]  # fmt: skip
    assert excluded == [("empty cells", 1)]


def test_names_of_runs_that_hold_their_size(tmp_path):
    """The last point of each curve is the run's result; its tokens are steps times the tokens of a batch."""
    header = "step,gpt-70M-s1/eval_loss,gpt-150M-s1/eval_loss,gpt-70M-s1/acc\n"
    file = put(tmp_path, header + "1000,3.9,3.8,0.1\n2000,3.6,3.5,0.2\n")
    columns = {"tokens": "step*524288", "run": "params"}
    runs = load(TableFile(file, "step, gpt-{params}-s{seed}/eval_loss"), columns)
    assert sorted(zip(runs.params, runs.tokens, runs.loss, strict=True)) == [
        (7e7, 2000 * 524288, 3.6), (1.5e8, 2000 * 524288, 3.5),
    ]  # fmt: skip
    assert runs.curves is not None


def test_a_name_for_the_cells_and_every_other_column(tmp_path):
    """As TensorBoard's columns are put side by side: whatever is not the step is a run."""
    table, _ = read_file(TableFile(put(tmp_path, "step,a,b\n1,2.0,3.0\n"), "step, {run}=value"))
    assert table.to_pylist() == [{"step": 1, "run": "a", "value": 2.0}, {"step": 1, "run": "b", "value": 3.0}]
    assert parse_wide("{run} - loss").kept is None


@pytest.mark.parametrize(
    ("wide", "message"),
    [
        ("budget", "write \"budget=loss\" for columns named by numbers, \"Step, {run} - eval/loss\""),
        ("a=b=c", "write"),
        ("loss=loss", "write"),
        ("", "write"),
        ("{a}{b}", "two names side by side"),
        ("{a}-{a}", "every name once: a, a, loss"),
        ("{loss}", "every name once"),
        ("Steps, {run} - x", "no column 'Steps'"),
        ("{run} - eval/loss", "no column has a name of this pattern; columns: params, note, 1e18"),
        ("params=loss", "has a column 'params' already; choose another name"),
        ("params, note, {budget}e18=params", "has a column 'params' already"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(tmp_path, wide, message):
    with pytest.raises(InputError, match=message) as caught:
        read_file(TableFile(put(tmp_path, BUDGETS), wide))
    assert "\n" not in str(caught.value)


def test_a_wide_table_is_told_how_to_pass_it(tmp_path):
    with pytest.raises(InputError, match=r'become rows with --wide "budget=loss"'):
        examine(put(tmp_path, BUDGETS))
    with pytest.raises(InputError, match=r'become rows with --wide "Step, \{run\} - eval/loss"'):
        examine(put(tmp_path, WANDB))
    assert advice(["N", "D", "loss"]) == ""
    table = pa.table({"N": [1e7], "2": [[3.0]], "x": [1]})
    with pytest.raises(InputError, match=r"column 2: list<item: double> cells are no numbers"):
        lengthen(table, "D=loss", "t")


@pytest.mark.parametrize(
    ("runs", "pattern"),
    [
        (["gpt-70M", "gpt-160M", "gpt-1.4B"], "gpt-{params}"),
        (["gpt-100M", "gpt-160M"], "gpt-{params}"),
        (["70M-lr3e-4", "160M-lr3e-4"], "{params}-lr3e-4"),
        (["gpt-70M-s1", "gpt-70M-s2"], "{run}"),  # seeds
        (["run-1", "run-2"], "{run}"),
        (["base", "large"], "{run}"),
        (["gpt-70M"], "{run}"),
    ],
)
def test_runs_that_are_named_by_their_sizes(runs, pattern):
    told = advice(["Step", *(f"{run} - eval/loss{end}" for run in runs for end in ("", "__MIN", "__MAX"))])
    assert told.startswith(f'--wide "Step, {pattern} - eval/loss"')
    assert ('--columns "tokens=Step*…" run=params' in told) == ("{params}" in pattern)


def test_a_sweeps_own_table_is_long(tmp_path):
    os.mkdir(tmp_path / "run")
    with pytest.raises(InputError, match="--wide is of files"):
        load(TableFile(tmp_path / "run", "a=b"))
