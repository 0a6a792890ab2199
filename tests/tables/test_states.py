"""Runs that did not finish are left out and counted, by the words of a sweep and of W&B."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.tables.load import load

TABLE = {"params": [1e6, 2e6, 3e6, 4e6], "tokens": [1e8] * 4, "loss": [3.0, 3.1, 3.2, 9.9]}
STATES = ["finished", "finished", "crashed", "running"]


@pytest.mark.parametrize("column", ["State", "state", "status"])
def test_the_states_of_wandb(column):
    runs = load({**TABLE, column: STATES})
    assert runs.loss.tolist() == [3.0, 3.1]
    assert runs.excluded == [("crashed", 1), ("running", 1)]


def test_a_run_without_a_state_is_not_finished():
    runs = load({**TABLE, "State": np.array(["finished"] * 3 + [None], dtype=object)})
    assert runs.excluded == [("not stated", 1)]


def test_a_filter_on_them_is_the_users_own_business():
    runs = load({**TABLE, "State": STATES}, where="State in ['finished', 'crashed']")
    assert (runs.loss.tolist(), runs.excluded) == ([3.0, 3.1, 3.2], [])


def test_other_words_say_nothing():
    assert len(load({**TABLE, "State": ["CA", "NY", "finished", "crashed"]})) == 4
    assert len(load({**TABLE, "state": [1, 2, 3, 4]})) == 4


def test_none_is_finished():
    with pytest.raises(InputError, match="no finished run; nothing to fit"):
        load({**TABLE, "State": ["crashed"] * 4})
