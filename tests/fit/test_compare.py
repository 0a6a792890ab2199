"""Which law foretells: verdicts on made-up errors, and the whole way on a simulated table."""

import json

import numpy as np
import pytest

from sweep import cli, laws
from sweep.errors import InputError, Refusal
from sweep.fit.approach3 import Solution
from sweep.fit.compare import BINS, compare
from sweep.fit.diagnostics.backtest import Backtest
from sweep.fit.objective import Objective
from sweep.fit.rolling import Rolled, common, default_laws, roll
from sweep.laws.additive import Additive
from sweep.tables.load import load

BUDGETS = np.geomspace(1e18, 1e21, 7)
TIED = Additive(1.8, 520.0, 1480.0, 0.35, 0.35)


@pytest.fixture(scope="module")
def table(simulate):
    return simulate(BUDGETS, law=TIED, sizes=6, noise=0.002, seed=3)


def made(id, error, runs, lanes=60, seed=0):
    """A law with these errors [m] above two origins."""
    rng = np.random.default_rng(seed)
    row = np.arange(len(runs) - len(error) // 2, len(runs)).repeat(2)
    origin = np.tile([1e19, 1e20], len(error) // 2)
    ln_loss = np.log(runs.loss)[row]
    resampled = (ln_loss - error)[:, None] + 1e-4 * rng.standard_normal((len(error), lanes))
    factor = runs.flops[row] / origin
    spread = np.full(len(error), 0.01)
    found = Backtest(row, origin, factor, error, np.exp(ln_loss - error), spread, spread, resampled)
    solution = Solution(
        TIED,
        np.zeros((3, 5)),
        1e-3,
        "converged",
        "",
        8,
        9,
        0.0,
        0.0,
        runs.loss * 1.001,
        np.zeros((1, 5)),
        np.zeros(1),
        np.ones(1, bool),
    )
    return Rolled(laws.get(id), runs, solution, found)


def test_a_clear_difference_is_one_and_a_mixed_one_is_a_tie(table):
    runs = load(table)
    small, large = np.full(20, 0.002), np.full(20, 0.01)
    mixed = np.where(np.arange(20) % 2, 0.0015, 0.006)  # better than the best above one origin, worse above the other
    rolled = [made("gamma", large, runs), made("additive", small, runs), made("kaplan_lnd", mixed, runs)]
    data = compare(rolled, Objective(), 0.9, 0)
    assert [e["law"] for e in data["laws"]] == ["additive", "kaplan_lnd", "gamma"]
    assert data["best"] == "additive"
    verdicts = {p["law"]: p["verdict"] for p in data["pairs"]}
    assert verdicts == {"kaplan_lnd": "tie", "gamma": "worse"}
    assert data["pairs"][1]["difference"] == pytest.approx(0.008)
    assert data["pairs"][0]["origins_better"] == [1, 2]
    assert "a tie with kaplan_lnd; worse: gamma" in data["verdict"]
    block = data["laws"][0]["held_out"]
    assert block["mae"] == pytest.approx(0.002)
    assert sum(b["n"] for b in block["by_factor"]) == block["n"] == 20
    assert all(b["factor"][0] in BINS for b in block["by_factor"])
    json.dumps(data, allow_nan=False)


def test_equal_laws_tie_and_the_shorter_wins_the_second_opinion(table):
    runs = load(table)
    error = 0.002 + 1e-4 * np.arange(20)
    data = compare([made("gamma", error, runs), made("additive_tied", error, runs)], Objective(), 0.9, 0)
    assert data["verdict"].startswith("a tie: the doubt does not tell gamma, additive_tied apart")
    assert data["verdict"].endswith("by BIC additive_tied, hardly before gamma")


def test_a_refused_law_is_listed_with_its_reason(table):
    runs = load(table)
    refused = Rolled(laws.get("farseer"), None, None, None, "too few")
    data = compare([refused, made("additive", np.full(20, 0.01), runs)], Objective(), 0.9, 0)
    assert [(e["law"], e["status"]) for e in data["laws"]] == [("additive", "converged"), ("farseer", "refused")]
    assert data["laws"][1]["reason"] == "too few"


def test_common_origins():
    rows = np.tri(4, dtype=bool)
    assert common([rows, rows[1:3]]).tolist() == rows[1:3].tolist()
    assert len(common([rows[:1], rows[2:]])) == 0


def test_default_laws_are_those_that_the_columns_feed(table, tmp_path):
    assert set(default_laws(table, None, None)) == {"additive", "additive_tied", "kaplan_lnd"}  # 42 rows
    many = {name: np.tile(x, 3) for name, x in table.items()}
    found = default_laws({**many, "unique_tokens": many["tokens"]}, None, None)
    assert {"additive", "additive_tied", "gamma", "kaplan_lnd", "data_constrained"} == set(found)
    with pytest.raises(InputError, match="the table feeds no law of the loss"):
        default_laws({"loss": np.ones(3)}, None, None)


def test_the_whole_way(table, tmp_path, capsys):
    """Truth with one exponent: both additive laws foretell it, the law without a floor does not."""
    lines = "".join(f"{n},{d},{x}\n" for n, d, x in zip(*(table[k] for k in ("params", "tokens", "loss")), strict=True))
    (tmp_path / "t.csv").write_text("params,tokens,loss\n" + lines)
    words = f"compare {tmp_path}/t.csv --laws additive,additive_tied,kaplan_lnd --units nats --resamples 40"
    assert cli.main([*words.split(), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    ends = {p["law"]: p["verdict"] for p in data["pairs"]}
    assert ends["kaplan_lnd"] == "worse"
    assert [*ends.values()].count("tie") == 1
    by = {e["law"]: e for e in data["laws"]}
    assert by["kaplan_lnd"]["bic_above"] > 20 > by["additive"]["bic_above"]
    assert by["additive_tied"]["bic_above"] == 0
    assert by["additive"]["held_out"]["mae"] < 0.005

    words = f"backtest {tmp_path}/t.csv --laws additive,additive_tied --units nats"
    assert cli.main([*words.split(), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    block = data["laws"][0]
    assert len(block["points"]) == block["held_out"]["n"] > 20
    ln_error = np.array([p["error"] for p in block["points"]])
    loss = np.array([table["loss"][p["row"] - 1] for p in block["points"]])
    predicted = np.array([p["predicted"] for p in block["points"]])
    np.testing.assert_allclose(np.log(loss / predicted), ln_error, atol=1e-12)
    assert np.abs(ln_error).mean() == pytest.approx(block["held_out"]["mae"])
    assert cli.main(words.split()) == 0
    text = capsys.readouterr().out
    assert "additive_tied: error of ln loss" in text
    assert "> x30" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("compare T --laws additive,step_law", 1, "law step_law gives peak learning rate"),
        ("compare T --laws aditive", 1, "unknown law 'aditive'; did you mean 'additive'"),
        ("compare T --laws width_depth", 1, "law width_depth needs the column width"),
        ("compare T --resamples 3", 1, "resamples 3, level 0.9; at least 20"),
        ("backtest T --where params<1e8", 2, "configurations < 5 parameters"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(words, code, message, table, tmp_path, capsys):
    lines = "".join(f"{n},{d},{x}\n" for n, d, x in zip(*(table[k] for k in ("params", "tokens", "loss")), strict=True))
    (tmp_path / "t.csv").write_text("params,tokens,loss\n" + lines)
    assert cli.main([w.replace("T", f"{tmp_path}/t.csv", 1) if w == "T" else w for w in words.split()]) == code
    assert message in capsys.readouterr().err


def test_all_laws_refused_is_the_first_refusal():
    params = np.geomspace(1e7, 1e9, 12)
    with pytest.raises(Refusal, match="collinear"):
        roll({"params": params, "tokens": 20 * params, "loss": np.linspace(4, 3, 12)}, ["additive"])
