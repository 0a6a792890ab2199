"""Axes hold what was chosen, or everything."""

import pytest

from sweep.errors import InputError
from sweep.fit.multiverse.axes import Axes, choose, label


def test_defaults():
    axes = Axes()
    assert {"additive", "additive_tied", "gamma", "kaplan_lnd"} <= {law.id for law in axes.chosen_laws}
    assert all(law.optimum_kind == "closed form" for law in axes.chosen_laws)
    assert [label(o) for o in axes.chosen_objectives] == [
        "huber 0.0001", "huber 0.001", "huber 0.01", "lad", "log_mse", "mse",
    ]  # fmt: skip


def test_a_cut_axis_holds_what_was_named():
    axes = Axes(laws=("gamma", "gamma", "farseer"), objectives=("mse", "huber"), deltas=(0.1,))
    assert [law.id for law in axes.chosen_laws] == ["gamma", "farseer"]
    assert [label(o) for o in axes.chosen_objectives] == ["mse", "huber 0.1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"laws": ("additve",)}, "did you mean 'additive'"),
        ({"laws": ("power_compute",)}, "no compute-optimal params"),
        ({"objectives": ("l2",)}, "no such objective"),
        ({"deltas": (-1.0,)}, "positive number"),
    ],
)
def test_what_cannot_be_chosen(options, words):
    axes = Axes(**options)
    with pytest.raises(InputError, match=words):
        _ = axes.chosen_laws, axes.chosen_objectives


def test_few_resamples_give_no_interval():
    with pytest.raises(InputError, match="at least 20"):
        Axes(resamples=5)


def test_choose():
    found = {"a": 1, "b": 2, "c": 3}
    assert choose("x", found, (), {}, lambda text: None) == found
    assert choose("x", found, ("c", "two"), {"two": ["a", "b"]}, lambda text: None) == {"c": 3, "a": 1, "b": 2}
    assert choose("x", found, ("7",), {}, int) == {"7": 7}
    with pytest.raises(InputError, match=r"--x 'd': no such choice.*there are"):
        choose("x", found, ("d",), {}, lambda text: None)
