"""Units are stated, or passed with a statement, or asked for; a guess converts nothing."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.schema import table_of
from sweep.tables.units import Units, doubt, doubt_flops

PARAMS, TOKENS = (x.ravel() for x in np.meshgrid([1e7, 3e7, 1e8], [1e9, 3e9, 1e10]))
LOSS = 1.8 + 480 * PARAMS**-0.35 + 2100 * TOKENS**-0.37


def table(loss, column="loss", **more):
    return pa.table({"params": PARAMS, "tokens": TOKENS, column: loss, **more})


def test_stated_units_convert():
    expected = LOSS
    cases: list[tuple[pa.Table, dict]] = [
        (table(LOSS), {"units": "nats"}),
        (table(LOSS / math.log(2)), {"units": "bits"}),
        (table(LOSS / math.log(2) / 4.2), {"units": "bpb", "bytes_per_token": 4.2}),
        (table(LOSS / math.log(2) / 4.2), {"units": "bpb", "bytes_per_token": "4.2"}),
        (table(LOSS / math.log(2) / 4.2, each=np.full(9, 4.2)), {"units": "bpb", "bytes_per_token": "each"}),
    ]
    for given, options in cases:
        runs = load(given, **options)
        np.testing.assert_allclose(runs.loss, expected, rtol=1e-14)
        assert (runs.units.loss, runs.units.how) == (options["units"], "stated")
        assert f"{LOSS.min():.4g} to {LOSS.max():.4g}" in runs.units.statement
        assert runs.units.unit == "nats/token"
    np.testing.assert_allclose(load(table(np.exp(LOSS), "ppl"), {"loss": "log(ppl)"}).loss, expected)


def test_bits_per_byte_are_fitted_as_they_are():
    """Without bytes per token there is nothing to convert by; where they differ, tokens do not compare."""
    bpb, each = LOSS / 3, np.where(PARAMS > 5e7, 4.0, 5.0)
    cases = [
        (table(bpb, "bpb"), {"loss": "bpb"}, {"units": "bpb"}, "loss in bits/byte ("),
        (table(bpb, each=each), {}, {"units": "bpb", "bytes_per_token": "each"}, "not converted: tokens of different"),
        (table(bpb), {}, {"units": "bpb", "bytes_per_token": 4.2, "by": "arch"}, "not converted"),
        (table(bpb * math.log(2) * each, each=each), {}, {"units": "nats", "bytes_per_token": "each"},
         "loss in nats/token, converted at each bytes per token"),
        (table(bpb * each, each=each), {}, {"units": "bits", "bytes_per_token": "each"}, "in bits/token, converted"),
    ]  # fmt: skip
    for given, columns, options, statement in cases:
        runs = load(given, columns, **options)
        np.testing.assert_allclose(runs.loss, bpb, rtol=1e-14)
        assert runs.units.unit == "bits/byte"
        assert runs.units.statement.startswith("loss in")
        assert statement in runs.units.statement


def test_a_sweeps_column_of_bits_per_byte_is_known():
    rows = [
        {"trial": f"t{i}", "status": "done", "params_with_head": int(n), "flops_exact": 6 * n * d, "tokens": int(d),
         "loss": x, "bits_per_byte": x / 3}
        for i, (n, d, x) in enumerate(zip(PARAMS, TOKENS, LOSS, strict=True))
    ]  # fmt: skip
    runs = load(table_of(rows), {"loss": "bits_per_byte"})
    assert (runs.units.loss, runs.units.how, runs.units.unit) == ("bpb", "schema", "bits/byte")
    assert (
        runs.units.statement
        == f"loss in bits/byte ({LOSS.min() / 3:.4g} to {LOSS.max() / 3:.4g}), by the schema of the table"
    )
    assert load(table_of(rows)).units.unit == "nats/token"


def test_nats_pass_with_a_statement():
    runs = load(table(LOSS))
    np.testing.assert_array_equal(runs.loss, LOSS)
    assert runs.units.how == "guessed"
    assert "looks like nats/token" in runs.units.statement
    assert "--units" in runs.units.statement


@pytest.mark.parametrize(
    ("column", "loss", "message"),
    [
        ("bpb", LOSS, r"column bpb looks like bits per byte \(its name.*pass --units bpb \(and --bytes-per-token X"),
        ("bits_per_byte", LOSS, "bits per byte"),
        ("loss_bits", LOSS, r"column loss_bits looks like bits \(its name.*pass --units bits"),
        ("val ppl", LOSS, r"looks like perplexity .*--columns \"loss=log\('val ppl'\)\""),
        ("perplexity", LOSS, "perplexity"),
        ("loss", np.exp(LOSS), r"column loss looks like perplexity \(median"),
        ("log_loss", np.log(LOSS), r"looks like a logarithm of the loss .*\"loss=2.718281828459045\*\*log_loss\""),
        ("loss", LOSS / 4, r"column loss looks like bits per byte \(median .*--units nats"),
    ],
)
def test_what_does_not_look_like_nats_is_asked_for(column, loss, message):
    with pytest.raises(InputError, match=message):
        load(table(loss, column), {"loss": column})
    assert load(table(loss, column), {"loss": column}, units="nats").units.how == "stated"


@pytest.mark.parametrize("name", ["val-ppl", "ppl (val)", "val ppl", "lambda", "log(loss)", "ln loss", "log_loss"])
def test_the_printed_expression_gives_the_loss(name):
    held = np.exp(LOSS) if "ppl" in name or name == "lambda" else np.log(LOSS)
    with pytest.raises(InputError, match=r"looks like (perplexity|a logarithm)") as caught:
        load(table(held, name), {"loss": name})
    cure = str(caught.value).split('"loss=')[1].split('"')[0]
    np.testing.assert_allclose(load(table(held, name), {"loss": cure}).loss, LOSS)
    days = 6 * PARAMS * TOKENS / 8.64e19
    more: dict[str, Any] = {f"x {name}": days}
    with pytest.raises(InputError, match="it looks like PF-days") as caught:
        load(table(LOSS, **more), {"flops": f"x {name}"})
    cure = str(caught.value).split('"flops=')[1].split('"')[0]
    np.testing.assert_allclose(load(table(LOSS, **more), {"flops": cure}).flops, 8.64e19 * days)


def test_names_that_speak_of_nats_or_of_nothing():
    assert doubt(LOSS, "loss_nats_not_bits", "t") is None
    assert doubt(LOSS, "rabbits", "t") is None
    assert doubt(LOSS, "log(ppl)", "t") is None


def test_every_published_table_passes(datasets):
    for file in sorted(datasets.glob("*.csv")):
        if file.stem in ("evo_optima", "mpl_curves", "porian_optima"):
            continue  # no losses of runs with params and tokens
        trunk = {"trunk": "run"} if "curves" in file.stem else {}
        assert load(file, trunk, despite=["several_settings"]).units.how == "guessed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "bit"}, "--units bit: no such unit; did you mean 'bits'"),
        ({"bytes_per_token": 4}, "--bytes-per-token: say with --units what the losses are in"),
        ({"units": "bpb", "bytes_per_token": "four"}, "a positive number or a column; columns: params"),
        ({"units": "bpb", "bytes_per_token": -4}, "a positive number or a column"),
        ({"units": "bpb", "bytes_per_token": "odd"}, "row 1, column odd: -1; it must be a positive"),
    ],
)
def test_bad_units(options, message):
    with pytest.raises(InputError, match=message):
        load(table(LOSS, odd=np.full(9, -1.0)), **options)


@pytest.mark.parametrize(("unit", "size"), [("PF-days", 8.64e19), ("EFLOPs", 1e18), ("TFLOPs", 1e12), ("GFLOPs", 1e9)])
def test_flops_in_other_units_are_asked_for(unit, size):
    given = table(LOSS, C=6 * PARAMS * TOKENS / size)
    with pytest.raises(
        InputError,
        match=rf"column C is .* it looks like {unit}: pass --columns \"flops=C\*{size:g}\"".replace("+", r"\+"),
    ):
        load(given, {"flops": "C"})
    np.testing.assert_allclose(load(given, {"flops": f"C*{size:g}"}).flops, 6 * PARAMS * TOKENS)


def test_flops_that_are_only_another_count_pass():
    assert doubt_flops(np.full(5, 1.7), "C", "t") is None
    found = doubt_flops(np.full(5, 2.5e4), "C", "t")
    assert found is not None
    assert "check the units" in found.message


def test_arrays_by_name_are_documented_to_be_in_nats():
    runs = load({"params": PARAMS, "tokens": TOKENS, "loss": LOSS / 4})
    assert runs.units.how == "arrays"
    assert "by the name of the array" in runs.units.statement
    with pytest.raises(InputError, match="looks like bits"):
        load({"params": PARAMS, "tokens": TOKENS, "bits": LOSS}, {"loss": "bits"})


def test_statement_of_a_schema():
    assert "by the schema" in Units("nats", "schema", (1.0, 2.0)).statement
