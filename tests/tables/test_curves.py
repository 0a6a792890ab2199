"""Tables of training curves: points become runs, with their curves."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.tables.load import load

TABLE = {
    "name": ["b", "a", "b", "a", "b"],
    "params": [2e8, 1e8, 2e8, 1e8, 2e8],
    "tokens": [3e9, 1e9, 1e9, 2e9, 2e9],
    "loss": [3.0, 3.9, 4.0, 3.5, 3.4],
}


def test_the_last_point_is_the_run():
    runs = load(TABLE, columns={"run": "name"})
    assert runs.trial == ["a", "b"]
    assert runs.tokens.tolist() == [2e9, 3e9]
    assert runs.loss.tolist() == [3.5, 3.0]
    assert runs.row.tolist() == [4, 1]
    assert len(set(runs.group.tolist())) == 2
    assert runs.curves is not None
    assert runs.curves.run.tolist() == [0, 0, 1, 1, 1]
    assert runs.curves.tokens.tolist() == [1e9, 2e9, 1e9, 2e9, 3e9]
    assert runs.curves.loss.tolist() == [3.9, 3.5, 4.0, 3.4, 3.0]
    np.testing.assert_allclose(runs.curves.flops, 6 * runs.params[runs.curves.run] * runs.curves.tokens)


def test_without_a_run_column_every_row_is_a_run():
    assert len(load(TABLE)) == 5
    assert load(TABLE).curves is None


def test_of_repeated_points_the_worst_counts():
    table = {key: [*values, values[0]] for key, values in TABLE.items()}
    table["loss"][-1] = 3.1
    runs = load(table, columns={"run": "name"})
    assert runs.loss.tolist() == [3.5, 3.1]
    assert runs.excluded == [("repeated points", 1)]
    assert runs.curves is not None
    assert len(runs.curves.loss) == 5


def test_a_filter_drops_points():
    runs = load(TABLE, columns={"run": "name"}, where="tokens < 2.5e9")
    assert runs.tokens.tolist() == [2e9, 2e9]


def test_trunks_group_runs():
    table = {**TABLE, "trunk": ["t"] * 5}
    assert load(table, columns={"run": "name"}).group.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": [2e8, 1e8, 2e8, 1e8, 3e8]}, r"run b has 2e\+08 params in row 3 and 3e\+08 in row 5"),
        ({"name": ["b", "a", None, "a", "b"]}, "row 3: the run column is empty"),
    ],
)
def test_bad_runs(change, message):
    with pytest.raises(InputError, match=message):
        load({**TABLE, **change}, columns={"run": "name"})


def test_an_unknown_run_column():
    with pytest.raises(InputError, match=r"no column 'nane'.*name"):
        load(TABLE, columns={"run": "nane"})
