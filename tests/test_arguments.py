"""Words of the command line become numbers alike in every verb, and what cannot be one is a plain line."""

import re

import pytest

from sweep import arguments, cli, config, fields
from sweep.config import Sweep
from sweep.verbs import (
    backtest,
    compare,
    data,
    fit,
    forecast,
    forecast_score,
    multiverse,
    plan,
    predict,
    preview,
    suggest,
)

PFDAY = 8.64e19


@pytest.mark.parametrize(
    ("verb", "words", "name", "value"),
    [
        (predict, ["fit", "--params", "8B"], "params", 8e9),
        (predict, ["fit", "--tokens=15T"], "tokens", 15e12),
        (forecast, ["fit", "--params", "350M"], "params", 3.5e8),
        (forecast, ["fit", "--tokens", "1_000_000"], "tokens", 1e6),
        (forecast, ["fit", "--compute", "1.5PFday"], "compute", 1.5 * PFDAY),
        (forecast, ["fit", "--target-compute", "3e21"], "compute", 3e21),
        (fit, ["t.csv", "--compute", "10 PF-days"], "compute", 10 * PFDAY),
        (fit, ["t.csv", "--target-compute", "1e23"], "compute", 1e23),
        (compare, ["t.csv", "--by", "arch", "--compute", "10^22"], "compute", 1e22),
        (multiverse, ["t.csv", "--target-compute=3x10^21"], "compute", 3e21),
        (suggest, ["fit", "--compute", "1PFday", "--spend", "1e18"], "compute", PFDAY),
        (suggest, ["fit", "--target-compute", "1e22", "--spend", "1e18"], "compute", 1e22),
        (suggest, ["fit", "--compute", "1e22", "--spend", "10h", "--rate", "400T"], "rate", 4e14),
        (preview, ["c.py", "--assume-tokens", "60B"], "assume_tokens", 6e10),
        (preview, ["c.py", "--assume-vocab", "32_768"], "assume_vocab", 32768),
        (data, ["corpus", "--out", "d", "--max-bytes", "2B"], "max_bytes", 2_000_000_000),
        (plan, ["besiroglu", "--target-compute", "1e22"], "compute", "1e22"),  # read by the planner itself
        (forecast, ["fit", "--trial", "big"], "trial", "big"),
        (forecast, ["fit", "--name", "big"], "trial", "big"),
        (compare, ["t.csv", "--bootstrap", "60"], "resamples", 60),
        (backtest, ["t.csv", "--bootstrap", "60"], "resamples", 60),
        (multiverse, ["t.csv", "--bootstrap", "60"], "resamples", 60),
        (forecast_score, ["fit", "--name", "big"], "trial", "big"),
        (forecast_score, ["fit", "--trial", "big"], "trial", "big"),
    ],
)
def test_numbers_as_people_write_them(verb, words, name, value):
    found = getattr(arguments.parse(verb.Args, words, "verb"), name)
    assert found == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)
    assert type(found) is type(value)


def test_overrides_of_a_config():
    default = Sweep(name="mine", budgets=(1e18,))
    words = ["--budgets", "1PFday", "3e20", "--params", "70M", "1B", "--target-compute", "1e23"]
    words += ["--data.val-tokens", "64k", "--recipe.batch-tokens=512k", "--recipe.lr-tokens", "20B", "--sizes", "5"]
    found = arguments.parse(Sweep, words, "run", default=default)
    assert found.budgets == (PFDAY, 3e20)
    assert (found.params, found.target_compute, found.sizes) == ((7e7, 1e9), 1e23, 5)
    assert (found.data.val_tokens, found.recipe.batch_tokens, found.recipe.lr_tokens) == (64_000, 512_000, 2e10)


def test_every_quantity_of_a_config_is_a_field():
    assert set(config.QUANTITIES) <= set(fields.field_names(Sweep))
    assert set(arguments.MANY) <= set(config.QUANTITIES)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("predict besiroglu --params 8Q --tokens 15T", "--params 8Q: a number such as 7e9, 7B or 1.5T"),
        ("predict besiroglu --params 7 --tokens 15T", "--params 7: 7 params is too small to mean it; write 7e9 or 7B"),
        ("predict besiroglu --params 1,5B --tokens 15T", "--params 1,5B: .*; its decimal sign must be a point"),
        (
            "predict besiroglu --params 8B --tokens 15T --level high",
            "--level high: it must be a number; `sweep predict",
        ),
        (
            "predict besiroglu --params 8B --tokens 2T --input unique_tokens=1Q",
            "--input unique_tokens 1Q: a number such",
        ),
        ("fit t.csv --bootstrap many", "--bootstrap many: it must be a whole number; `sweep fit --help` explains"),
        ("fit t.csv --compute 10", "--compute 10: 10 FLOPs is too small to mean it; write FLOPs such as 1e21"),
        ("forecast fit --target-compute 8B", "--target-compute 8B: FLOPs such as 1e21, or PF-days"),
        ("run configs/smoke.py --budgets 1e9 many", "--budgets many: it must be a number"),
        ("run configs/smoke.py --budgets -1e9", "--budgets -1e9: it must be a number, and not negative"),
        ("run configs/smoke.py --recipe.batch-tokens 1.5", "--recipe.batch-tokens 1.5: it must be a whole number"),
        ("run configs/smoke.py --sizes 1.5", "--sizes 1.5: it must be a whole number"),
        ("suggest fit --compute 1e22 --spend much", "--spend much: .*write FLOPs such as 2e21, or device-hours"),
        ("fit t.csv --nope 3", "Unrecognized options: --nope, 3; `sweep fit --help` explains"),
        ("fit", "error: missing: CSV, .*; `sweep fit --help` explains"),
        ("data build x", "missing: --out Folder to create"),
    ],
)
def test_what_cannot_be_read_is_one_plain_line(words, line, capsys):
    assert cli.main(words.split()) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert said.count("\n") == 1
    assert re.search(line, said)
    assert not re.search(r"Value error|Argument helptext|Got errors|NoneType|Traceback", said)
