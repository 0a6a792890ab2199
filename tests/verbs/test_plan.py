"""`sweep plan` on the command line: the contract, one line a problem, exit codes."""

import json

import pytest

from sweep.cli import main
from tests.plan.conftest import small_fit

RATES = ["--train", "h100:2.00@mfu=0.40", "--serve", "h100:2.00@mfu=0.10"]


def ask(capsys, *words):
    code = main(["plan", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_contract(capsys):
    code, data = ask(capsys, "besiroglu", "--compute", "1e22")
    assert code == 0
    assert {
        "params",
        "tokens",
        "flops",
        "loss",
        "tokens_per_param",
        "interval",
        "flat_band",
        "cost",
        "warnings",
    } <= set(data)
    assert data["params"] == pytest.approx(9.045e9, rel=1e-3)
    assert data["flops"] == pytest.approx(1e22)
    assert set(data["flat_band"]) == {"loss_tolerance", "params"}


def test_prices_demand_and_text(capsys):
    words = ["besiroglu", "--like-compute", "1e22", "--inference-tokens", "1e13", "--unique-tokens", "4T", *RATES]
    code, data = ask(capsys, *words, "--versus", "1B", "7B")
    assert code == 0
    assert data["cost"]["total"] == pytest.approx(316_574, rel=1e-4)
    assert [row["params"] for row in data["break_even"]["sizes"][:2]] == [1e9, 7e9]
    assert main(["plan", *words]) == 0
    assert "recommended  2.23B params on 3.52T tokens" in capsys.readouterr().out


def test_a_saved_fit_and_its_level(tmp_path, capsys):
    found = small_fit()
    found.save(tmp_path / "fit")
    code, data = ask(capsys, tmp_path / "fit", "--compute", "1e21", "--level", "0.5")
    assert code == 0
    assert data["level"] == 0.5
    low, high = data["interval"]["params"]
    assert low < data["params"] < high


def test_other_inputs_of_a_law(capsys):
    bits = "bits_weights=16,bits_activations=16,bits_kv=16"
    assert ask(capsys, "kumar", "--compute", "1e21", "--given", bits)[0] == 0


def test_explain(capsys):
    code, data = ask(capsys, "besiroglu", "--explain", "params=8e9,tokens=15e12")
    assert code == 0
    assert data["models"][0]["inference_tokens"] == pytest.approx(1.9e14, rel=0.01)
    assert main(["plan", "besiroglu", "--explain", "all"]) == 0
    assert "SmolLM3 3B" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["besiroglu"], 1, "give a target"),
        (["besiroglu", "--compute", "10"], 1, "too small to mean it"),
        (["besiroglu", "--compute", "1e22", "--usd", "1e5"], 1, "two targets"),
        (["besiroglu", "--usd", "1e5", "--train", "h100:2@mfu=1.4"], 1, "above 1"),
        (["besiroglu", "--usd", "1e5", "--train", "h999:2@mfu=0.4"], 1, "unknown device"),
        (["kaplan_compute", "--compute", "1e22"], 1, "does not say how to split"),
        (["besiroglu", "--loss", "1.8"], 2, "refused (below_floor)"),
        (["besiroglu", "--compute", "1e22", "--inference-tokens", "1e15"], 2, "refused (infeasible)"),
        (["farseer_recalled", "--compute", "1e22"], 2, "refused (unverified)"),
        (["besiroglu", "--compute", "1e22", "--explain", "all"], 1, "leave out --compute"),
        (["nowhere", "--compute", "1e22"], 1, "no such fit"),
        (["besiroglu", "--compute", "1e22", "--given", "x"], 1, "NAME=VALUE"),
    ],
)
def test_bad_questions_are_one_line(capsys, words, code, why):
    assert main(["plan", *words]) == code
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_page_of_the_plan(tmp_path, capsys):
    code, data = ask(capsys, "besiroglu", "--compute", "1e22", "--html", tmp_path / "plan.html")
    assert code == 0
    assert data["html"] == str(tmp_path / "plan.html")
    assert "Train 9.05B parameters" in (tmp_path / "plan.html").read_text()
    assert ask(capsys, "besiroglu", "--explain", "all", "--html", tmp_path / "x.html")[0] == 1
    assert ask(capsys, "besiroglu", "--compute", "1e22", "--html", tmp_path)[0] == 1
