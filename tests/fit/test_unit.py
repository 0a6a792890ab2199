"""Losses in bits/byte: exponents and optima are those of nats/token, and everything that follows says the unit."""

import json
import math

import numpy as np
import pytest

from sweep.cli import main
from sweep.fit import fit
from sweep.laws import additive
from sweep.plan import plan
from sweep.report.plan_page import html

EACH = 4.2  # bytes per token


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    params, tokens = (x.ravel() for x in np.meshgrid(10 ** np.linspace(8, 9.5, 6), 10 ** np.linspace(9.5, 11, 6)))
    loss = additive.loss(additive.PUBLISHED["besiroglu"].coefficients, params, tokens)
    return {"params": params, "tokens": tokens, "loss": loss * np.exp(0.004 * rng.standard_normal(36))}


@pytest.fixture(scope="module")
def per_byte(table):
    return fit({**table, "loss": table["loss"] / math.log(2) / EACH}, units="bpb", bootstrap=40)


@pytest.fixture(scope="module")
def saved(per_byte, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit")
    per_byte.save(out)
    return str(out)


def test_exponents_and_optima_do_not_depend_on_the_unit(table, per_byte):
    nats = fit(table, bootstrap=0, diagnostics=False)
    share = 1 / math.log(2) / EACH
    expected = nats.params | {name: nats.params[name] * share for name in "EAB"}
    assert per_byte.params == pytest.approx(expected, rel=1e-5)
    one, other = nats.optimum(1e22), per_byte.optimum(1e22)
    assert (other.params, other.loss) == pytest.approx((one.params, one.loss * share), rel=1e-5)
    assert (nats.record["units"]["unit"], per_byte.record["units"]["unit"]) == ("nats/token", "bits/byte")


def test_a_fit_and_its_predictions_say_bits_per_byte(saved, tmp_path, table, capsys):
    rows = zip(table["params"], table["tokens"], table["loss"] / math.log(2) / EACH, strict=True)
    path = tmp_path / "t.csv"
    path.write_text("params,tokens,bpb\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    assert main(f"fit {path} --columns loss=bpb --units bpb --bootstrap 0".split()) == 0
    assert main(f"predict {saved} --params 1e10 --tokens 1e11".split()) == 0
    assert main(f"forecast {saved} --params 1e10 --tokens 1e11 --name big".split()) == 0
    assert main(f"forecast score {saved} --trial big --loss 0.8".split()) == 0
    text = capsys.readouterr().out
    assert text.count("bits/byte") >= 5
    assert "nats" not in text
    assert main(f"predict {saved} --params 1e10 --tokens 1e11 --json".split()) == 0
    assert json.loads(capsys.readouterr().out)["unit"] == "bits/byte"


@pytest.mark.slow
def test_plans_and_their_page_say_bits_per_byte(per_byte, saved, capsys):
    assert main(f"plan {saved} --compute 1e22".split()) == 0
    assert main(f"plan {saved} --loss 0.8 --unique-tokens 1e11".split()) == 0
    text = capsys.readouterr().out
    assert "a loss of 0.8000 bits/byte" in text
    assert "nats" not in text
    made = plan(per_byte, compute=1e22)
    assert made.record["loss_unit"] == "bits/byte"
    page = html(made, "2026-11-30")
    shown, script = page.split('<script type="application/json"')
    assert "bits/byte" in shown
    assert "nats" not in shown
    assert {law["unit"] for law in json.loads(script.split(">", 1)[1].split("</script>")[0])["laws"]} == {
        "bits/byte",
        "nats/token",
    }
