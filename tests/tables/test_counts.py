"""Params and tokens in other units are asked for, by the column's name and by what no model has; cures are right."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.errors import InputError
from sweep.tables.load import examine, load
from sweep.tables.scales import SCALES, named
from sweep.verbs.table import parse_columns

FIELD = Path(__file__).parents[1] / "field"
UNITS = {
    "millions": 1e6,
    "billions": 1e9,
    "trillions": 1e12,
    "thousands": 1e3,
    "log10": None,
    "natural logarithms": None,
}


def runs(n=24, seed=1, params=(7.0, 9.3), tokens=(8.5, 10.8)):
    """Runs with losses of the law of Besiroglu et al."""
    rng = np.random.default_rng(seed)
    sizes, horizons = (10 ** (low + (high - low) * rng.random(n)) for low, high in (params, tokens))
    loss = 1.8172 + 482.01 * sizes**-0.3478 + 2085.43 * horizons**-0.3658
    return pd.DataFrame({"params": sizes, "tokens": horizons, "loss": loss})


def written(values, unit):
    """Counts in a unit."""
    logs = {"log10": np.log10, "natural logarithms": np.log}
    return logs[unit](values) if unit in logs else values / UNITS[unit]


def question(table, columns=None):
    """The one error of a table."""
    (found,) = [p for p in examine(table, columns).problems if p.level == "error"]
    return found.message


def cure(message):
    """The first --columns of a message, as the command line reads it."""
    return parse_columns(tuple(re.findall(r'"([^"]+=[^"]+)"', re.search(r"--columns ((?:\"[^\"]+\" ?)+)", message)[1])))  # pyright: ignore


def test_millions_and_billions_of_a_published_table():
    message = question(FIELD / "millions_billions.csv", {"params": "params_M", "tokens": "tokens_B"})
    assert "params in millions" in message
    assert "tokens in billions" in message
    assert '--columns "params=params_M*1e6" "tokens=tokens_B*1e9"' in message
    found = load(FIELD / "millions_billions.csv", cure(message))
    assert found.params.max() == pytest.approx(1.8417e9)
    assert found.tokens.max() == pytest.approx(4.3438e10)


@pytest.mark.parametrize(("n", "d"), [("N", "D"), ("size", "horizon")])
@pytest.mark.parametrize(
    ("unit_n", "unit_d"),
    [
        ("millions", "billions"), ("billions", "billions"), ("millions", "millions"), ("billions", "trillions"),
        ("millions", None), (None, "billions"), ("billions", None), ("log10", "log10"),
        ("natural logarithms", "natural logarithms"),
    ],
)  # fmt: skip
def test_names_without_a_unit(n, d, unit_n, unit_d):
    frame = runs()
    table = pd.DataFrame({
        n: frame.params if unit_n is None else written(frame.params, unit_n),
        d: frame.tokens if unit_d is None else written(frame.tokens, unit_d),
        "loss": frame.loss,
    })  # fmt: skip
    columns = {"params": n, "tokens": d}
    message = question(table, columns)
    assert all(unit in message for unit in (unit_n, unit_d) if unit)
    found = load(table, columns | cure(message))
    np.testing.assert_allclose(found.params, frame.params, rtol=1e-10)
    np.testing.assert_allclose(found.tokens, frame.tokens, rtol=1e-10)


def test_large_models_in_billions_with_tokens_in_billions():
    frame = runs(params=(9.8, 11.3), tokens=(11, 12.8))
    table = pd.DataFrame({"N": frame.params / 1e9, "D": frame.tokens / 1e9, "loss": frame.loss})
    assert '"params=N*1e9" "tokens=D*1e9"' in question(table, {"params": "N", "tokens": "D"})


def test_flops_decide_between_units():
    frame = runs()
    table = pd.DataFrame({"N": frame.params / 1e6, "D": frame.tokens / 1e6, "loss": 3.0 + 0 * frame.loss})
    table["C"] = 6 * frame.params * frame.tokens
    message = question(table, {"params": "N", "tokens": "D", "flops": "C"})
    assert '"params=N*1e6" "tokens=D*1e6"' in message


@pytest.mark.parametrize(
    ("column", "units"),
    [
        ("params_M", ("millions",)),
        ("params_m", ("millions",)),
        ("N (M)", ("millions",)),
        ("Params [millions]", ("millions",)),
        ("tokens_B", ("billions",)),
        ("tokens (bn)", ("billions",)),
        ("TokensB", ("billions",)),
        ("tokensB", ("billions",)),
        ("BTokens", ("billions",)),
        ("tokens_T", ("trillions",)),
        ("n_params_K", ("thousands",)),
        ("M_params", ("millions",)),
        ("params_1e6", ("millions",)),
        ("N (10^9)", ("billions",)),
        ("log10_params", ("log10",)),
        ("log10(N)", ("log10",)),
        ("ln_D", ("ln",)),
        ("log_N", ("log10", "ln")),
        ("params", ()),
        ("N", ()),
        ("B", ()),
        ("num_params", ()),
        ("non_embedding", ()),
        ("tokens", ()),
        ("logits", ()),
    ],
)
def test_what_a_name_says(column, units):
    assert named(column) == units
    assert set(units) <= set(SCALES)


@pytest.mark.parametrize("column", ["params_K", "N (M)", "log10 of N", "params_M"])
def test_a_name_is_evidence_where_the_values_could_be_counts(column):
    frame = runs(params=(8.7, 9.3))
    unit = {"params_K": "thousands", "log10 of N": "log10"}.get(column, "millions")
    table = pd.DataFrame({column: written(frame.params, unit), "tokens": frame.tokens, "loss": frame.loss})
    assert unit == "log10" or float(table[column].to_numpy().min()) > 100
    assert unit in question(table, {"params": column})


def test_a_name_that_says_nothing_of_the_values_passes():
    frame = runs().rename(
        columns={"params": "params_M", "tokens": "tokens_B"}
    )  # a unit of the header, not of the cells
    assert load(frame, {"params": "params_M", "tokens": "tokens_B"}).params.max() > 1e9


def test_a_unit_can_be_denied():
    frame = runs(params=(4, 5), tokens=(6, 7)).rename(columns={"params": "params_M"})
    frame["loss"] = np.linspace(4, 5, len(frame))
    message = question(frame, {"params": "params_M"})
    assert 'if the numbers are counts all the same, say so: --columns "params=params_M*1"' in message
    assert load(frame, {"params": "params_M*1"}).params.max() < 1e5


def test_swapped_columns_are_asked_for_whoever_named_them():
    frame = runs(params=(7, 8.5), tokens=(9, 11)).rename(columns={"params": "tokens", "tokens": "params"})
    arrays = {name: frame[name].to_numpy() for name in frame}
    for given_as, columns in ((frame, None), (frame, {"params": "params", "tokens": "tokens"}), (arrays, None)):
        with pytest.raises(
            InputError, match=r"fewer tokens .* if they are swapped pass --columns params=tokens tokens=params"
        ):
            load(given_as, columns)
    assert (load(frame, {"params": "tokens", "tokens": "params"}).tokens > 1e8).all()
    assert (load(frame, {"tokens": "tokens*1"}).params > 1e8).all()  # said to be right


def test_tokens_in_millions_below_params():
    frame = runs()
    frame["tokens"] /= 1e6
    message = question(frame)
    assert "fewer tokens" in message
    assert 'tokens in millions pass --columns "tokens=tokens*1e6"' in message


def test_one_row_below_what_a_model_has_is_named():
    frame = runs()
    frame.loc[4, "params"] = 12.5
    frame.loc[4, "loss"] = 9.0
    message = question(frame)
    assert "row 5: params=12.5" in message


def test_what_is_too_much_for_a_model():
    frame = runs()
    table = pd.DataFrame({"N": frame.params / 1e6, "C": 6 * frame.params * frame.tokens, "loss": frame.loss})
    message = question(table, {"params": "N", "tokens": "C/(6*N)", "flops": "C"})
    assert '"params=N*1e6" "tokens=C/(6*(N*1e6))"' in message
    found = load(table, cure(message) | {"flops": "C"})
    np.testing.assert_allclose(found.tokens, frame.tokens)
    frame["tokens"] *= 1e9
    assert "no language model has more than 1e17 tokens" in question(frame)


def test_small_models_that_are_meant_pass():
    frame = runs(params=(5, 6), tokens=(6.5, 8))
    assert len(load(frame)) == len(frame)


def test_columns_that_are_no_plain_names_are_quoted_in_the_cure():
    frame = runs()
    table = pd.DataFrame({"N (M)": frame.params / 1e6, "it's D": frame.tokens / 1e9, "loss": frame.loss})
    message = question(table, {"params": "N (M)", "tokens": "it's D"})
    assert '"params=\'N (M)\'*1e6" "tokens=`it\'s D`*1e9"' in message


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["millions", "billions", "log10"]),
    st.sampled_from(["millions", "billions", "trillions", "log10"]),
    st.integers(0, 1000),
)
def test_whatever_the_unit_is_no_number_passes_in_silence(unit_n, unit_d, seed):
    frame = runs(seed=seed)
    table = {"params": written(frame.params, unit_n), "tokens": written(frame.tokens, unit_d), "loss": frame.loss}
    for names in (None, {"params": "params", "tokens": "tokens"}):
        assert "--columns" in question({k: np.asarray(v) for k, v in table.items()}, names)


def test_published_tables_pass(datasets):
    for file in sorted(datasets.glob("*.csv")):
        if file.stem not in ("evo_optima", "mpl_curves", "porian_optima") and "curves" not in file.stem:
            found = [p for p in examine(file, {"params": "params", "tokens": "tokens"}).problems if p.level == "error"]
            assert found == [], file.stem
