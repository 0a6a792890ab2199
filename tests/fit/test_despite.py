"""A refusal that is overridden is stamped on everything that follows; units and expressions reach the fit."""

import json

import numpy as np
import pytest

from sweep.errors import InputError, Refusal
from sweep.fit import Fit, fit
from sweep.verbs import fit as verb

PARAMS = np.geomspace(1e7, 1e10, 12)
TOKENS = np.random.default_rng(0).permutation(20 * PARAMS)


def losses(tokens):
    return 1.8 + 480 * PARAMS**-0.35 + 2100 * tokens**-0.37


LADDER = {"params": PARAMS, "tokens": 20 * PARAMS, "loss": losses(20 * PARAMS)}
CASES = {
    "collinear": LADDER,
    "too_few_rows": {key: v[:4] for key, v in LADDER.items()} | {"tokens": TOKENS[:4]},
    "equal_losses": {"params": PARAMS, "tokens": TOKENS, "loss": np.full(12, 3.0)},
    "loss_not_positive": {
        "params": np.append(PARAMS, 1e8), "tokens": np.append(TOKENS, 1e10), "loss": np.append(losses(TOKENS), -1.0),
    },
}  # fmt: skip


@pytest.mark.parametrize("objective", ["huber", "mse"])
@pytest.mark.parametrize("code", CASES)
def test_stamps(code, objective, tmp_path):
    with pytest.raises(Refusal) as caught:
        fit(CASES[code], bootstrap=0)
    assert caught.value.code == code
    found = fit(CASES[code], bootstrap=0, despite=(code,), objective=objective)
    record = found.to_json()
    assert record["despite"] == [code]
    assert record["warnings"][0]["code"] == code
    json.dumps(record, allow_nan=False)
    assert verb.describe(found).startswith(f"DESPITE {code}: do not plan with this.")
    found.save(tmp_path)
    again = Fit.load(tmp_path)
    assert again.predict(1e9, 2e10).warnings[0]["code"] == code
    assert again.optimum(1e21).warnings[0]["code"] == code
    assert record["target"]["approach3"]["warnings"][0]["code"] == code


def test_intervals_despite_too_few():
    found = fit(CASES["too_few_rows"], bootstrap=20, despite=("too_few_rows", "few_for_intervals"))
    assert found.record["despite"] == ["too_few_rows", "few_for_intervals"]


def test_a_code_that_is_not_needed_or_not_known():
    table = {"params": PARAMS, "tokens": TOKENS, "loss": losses(TOKENS)}
    record = fit(table, bootstrap=0, despite=("collinear",)).to_json()
    assert record["despite"] == []
    assert record["warnings"][0]["code"] == "despite_not_needed"
    assert fit(table, bootstrap=0).predict(1e9, 2e10).warnings == []
    with pytest.raises(InputError, match="--despite colinear: no such refusal; did you mean 'collinear'"):
        fit(table, despite=("colinear",))


def test_units_of_a_fit():
    nats = fit({"params": PARAMS, "tokens": TOKENS, "loss": losses(TOKENS)}, bootstrap=0)
    bits = fit({"N": PARAMS, "C": 6 * PARAMS * TOKENS, "bits": losses(TOKENS) / np.log(2)}, bootstrap=0, units="bits",
               columns={"params": "N", "tokens": "C/(6*N)", "loss": "bits"})  # fmt: skip
    assert bits.params == pytest.approx(nats.params, rel=1e-5)
    assert bits.record["units"]["how"] == "stated"
    assert nats.record["units"]["how"] == "arrays"
    assert nats.record["units"]["statement"] in verb.describe(nats)


def test_command_line(tmp_path):
    rows = [",".join(map(str, row)) for row in zip(PARAMS, 20 * PARAMS, losses(20 * PARAMS), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["params,tokens,loss", *rows]))
    import tyro

    words = [str(tmp_path / "t.csv"), "--bootstrap", "0", "--despite", "collinear", "--despite", "equal_losses"]
    args = tyro.cli(verb.Args, args=[*words, "--units", "nats"])
    assert args.despite == ("collinear", "equal_losses")
    assert verb.run(args).text.startswith("DESPITE collinear")
