"""Arms: the test of common exponents, the compute multiplier against its closed form, and refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sweep import cli, laws
from sweep.errors import InputError, Refusal
from sweep.fit.approach3 import Solution
from sweep.fit.arms import chi_squared, compare_arms
from sweep.fit.efficiency import Arm, multiplier, told
from sweep.fit.joint import joint_law, of_arm
from sweep.laws import additive
from sweep.laws.additive import Additive
from sweep.tables.load import load

BASE = Additive(1.8, 480.0, 2100.0, 0.35, 0.37)
CHEAPER = BASE._replace(A=0.9 * BASE.A, B=0.9 * BASE.B)
STEEPER = Additive(1.8, 1500.0, 9000.0, 0.42, 0.44)
BUDGETS = np.geomspace(1e18, 1e21, 6)


def two_arms(simulate, other, noise=0.003, budgets=BUDGETS, seed=0):
    """A table with the column `arch`: base (42 runs) and new (36 runs)."""
    parts = [
        simulate(BUDGETS, law=BASE, sizes=7, noise=noise, seed=seed),
        simulate(budgets, law=other, sizes=6, noise=noise, seed=seed + 1),
    ]
    table = {name: np.concatenate([part[name] for part in parts]) for name in ("params", "tokens", "loss")}
    return {**table, "arch": np.array(["base"] * len(parts[0]["loss"]) + ["new"] * len(parts[1]["loss"]))}


@pytest.mark.parametrize(("x", "freedom"), [(0.5, 1), (3.0, 2), (7.5, 3), (20.0, 4), (1.0, 7)])
def test_chi_squared_against_scipy(x, freedom):
    assert chi_squared(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-10)


def test_the_joint_law_is_each_arms_law():
    law = laws.get("additive")
    joint = joint_law(law, 2)
    both = type(joint.coefficients(np.zeros(8), np.zeros(3)))(
        A_0=480.0, B_0=2100.0, E_0=1.8, A_1=432.0, B_1=1890.0, E_1=1.8, alpha=0.35, beta=0.37
    )
    params, tokens = np.array([1e8, 1e9]), np.array([1e10, 1e10])
    found = joint.loss(both, params, tokens, np.array([0.0, 1.0]))
    expected = [law.loss(BASE, params, tokens)[0], law.loss(CHEAPER, params, tokens)[1]]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert tuple(of_arm(law, both, 1)) == pytest.approx(tuple(CHEAPER))


def test_the_multiplier_is_that_of_the_closed_form():
    law = laws.get("additive")
    runs = load({"params": np.full(2, 1e6), "tokens": np.full(2, 1e8), "loss": np.ones(2)}, {"params": "params"})
    nothing = Solution(BASE, np.zeros((1, 5)), 0.0, "converged", "", 1, 1, 0.0, 0.0, *[np.zeros(1)] * 4)
    arms = [Arm(name, runs, nothing, 6.0, {}) for name in ("base", "new")]
    for other in (CHEAPER, STEEPER):
        for flops in (1e18, 1e21):
            exact = flops / additive.compute_for_loss(other, additive.frontier(BASE, flops))
            assert multiplier(law, arms, [BASE, other], 1, flops)[0] == pytest.approx(exact, rel=1e-3)
    never = BASE._replace(E=2.9)  # above what the baseline reaches
    assert np.isnan(multiplier(law, arms, [BASE, never], 1, 1e21)[0])


def test_common_exponents_are_used_and_separate_ones_found(simulate, tmp_path, capsys):
    flops = 1e21
    for other, common in ((CHEAPER, True), (STEEPER, False)):
        table = two_arms(simulate, other)
        data = compare_arms(table, "arch", count=40)
        assert data["shared"]["common"] is common
        assert data["shared"]["degrees_of_freedom"] == 2
        assert [a["arm"] for a in data["arms"]] == ["base", "new"]
        (pair,) = data["pairs"]
        exact = flops / additive.compute_for_loss(other, additive.frontier(BASE, flops))
        assert pair["target"]["multiplier"] == pytest.approx(exact, rel=0.15)
        low, high = pair["target"]["interval"]
        assert low < high
        assert pair["target"]["probability_better"] == pytest.approx(float(exact > 1), abs=0.05)
        assert len(pair["curve"]) == 7
        json.dumps(data, allow_nan=False)
    rows = zip(table["params"], table["tokens"], table["loss"], table["arch"], strict=True)
    (tmp_path / "t.csv").write_text("params,tokens,loss,arch\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    assert cli.main(f"compare {tmp_path}/t.csv --by arch --units nats --resamples 40".split()) == 0
    text = capsys.readouterr().out
    assert "rejected: the arms are compared by separate fits" in text
    assert "compute multiplier of new over base" in text


def test_equal_arms_tie(simulate):
    data = compare_arms(two_arms(simulate, BASE), "arch", count=40, target=1e22)
    assert data["shared"]["common"]
    low, high = data["pairs"][0]["target"]["interval"]
    assert low < 1 < high
    assert "tie at 1e+22 FLOPs" in data["verdict"]
    assert data["warnings"][0]["code"] == "extrapolation"


FIELD = Path(__file__).parents[1] / "field" / "tokenizer_arms.csv"


@pytest.mark.parametrize("units", ["bpb", "nats"])
def test_tokenizers_are_compared_in_bits_per_byte(units):
    """0.80 at every compute: a token of 4 bytes takes 1.25 times the FLOPs of one of 5 for the same bytes."""
    loss = "bpb" if units == "bpb" else f"bpb*bytes_per_token*{math.log(2)}"
    data = compare_arms(
        FIELD, "tokenizer", columns={"loss": loss}, count=40, units=units, bytes_per_token="bytes_per_token"
    )
    (pair,) = data["pairs"]
    assert (data["unit"], pair["arm"], pair["baseline"]) == ("bits/byte", "t32k", "t262k")
    for row in pair["curve"]:
        assert row["interval"][0] < 0.8 < row["interval"][1] + 0.01  # the first budgets are known to a hundredth
    assert "worth less" in data["verdict"]


def test_losses_per_token_of_tokenizers_do_not_compare():
    with pytest.raises(Refusal, match="losses per token of several values of tokenizer do not compare") as raised:
        compare_arms(FIELD, "tokenizer", columns={"loss": "bpb"}, units="nats")
    assert raised.value.code == "different_tokens"


def test_arms_of_one_law_tie_whatever_a_token_stands_for(simulate):
    """One law in bits/byte of the tokens seen: bytes per token are no difference between the arms."""
    table = two_arms(simulate, BASE)
    table["loss"] = table["loss"] / 3
    given = {**table, "each": np.where(table["arch"] == "base", 4.0, 5.0)}
    (pair,) = compare_arms(given, "arch", count=40, units="bpb", bytes_per_token="each")["pairs"]
    assert pair["target"]["interval"][0] < 1 < pair["target"]["interval"][1]
    assert "tie" in pair["verdict"]


@pytest.mark.slow
def test_the_test_and_the_intervals_are_calibrated(simulate):
    """Of arms that share exponents a twentieth may be told apart, and nine of ten intervals hold the truth."""
    exact = 1e21 / additive.compute_for_loss(CHEAPER, additive.frontier(BASE, 1e21))
    rejected, inside = 0, 0
    for seed in range(30):
        data = compare_arms(two_arms(simulate, CHEAPER, noise=0.004, seed=1000 + 2 * seed), "arch", count=60, seed=seed)
        rejected += not data["shared"]["common"]
        low, high = data["pairs"][0]["target"]["interval"]
        inside += low < exact < high
    assert rejected <= 5  # 2 of 100 such tests have more by chance
    assert inside >= 23


def test_verdicts_claim_no_more_than_the_interval():
    answer = {"flops": 1e21, "multiplier": 1.4, "interval": [1.1, 1.8]}
    assert told("new", "base", answer).startswith("a FLOP of new is worth more than one of base")
    assert "tie" in told("new", "base", {**answer, "interval": [0.9, 1.8]})
    assert "worth less" in told("new", "base", {**answer, "multiplier": 0.8, "interval": [0.7, 0.9]})
    assert "no answer" in told("new", "base", {**answer, "interval": [None, None]})


def test_refusals(simulate):
    table = two_arms(simulate, CHEAPER, budgets=np.geomspace(1e22, 1e24, 6))
    with pytest.raises(Refusal, match="share less than a factor 2 of compute") as raised:
        compare_arms(table, "arch")
    assert raised.value.code == "no_overlap"
    with pytest.raises(InputError, match="no column 'ach' for --by; did you mean 'arch'"):
        compare_arms(table, "ach")
    with pytest.raises(InputError, match="one value, 'base'"):
        compare_arms(table, "arch", where="arch == 'base'")
    with pytest.raises(InputError, match="law kaplan_lnd has no scales apart from its shape"):
        compare_arms(table, "arch", law="kaplan_lnd")
    few = {name: x[:46] for name, x in table.items()}
    with pytest.raises(Refusal, match="arm new: 4 configurations < 5 parameters"):
        compare_arms(few, "arch")
    gap = {**table, "arch": np.where(np.arange(78) == 3, None, table["arch"])}
    with pytest.raises(InputError, match="row 4, column arch: missing"):
        compare_arms(gap, "arch")
