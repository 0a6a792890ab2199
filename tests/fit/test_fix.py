"""Coefficients held at a value: SciPy finds the same others, and every output says what was held."""

import json

import numpy as np
import pytest
from scipy.optimize import least_squares

from sweep import laws
from sweep.cli import main
from sweep.errors import InputError, Refusal
from sweep.fit import fit
from sweep.fit.approach3 import fit_law
from sweep.fit.objective import Objective
from sweep.laws import additive
from sweep.laws.held import hold
from sweep.plan import plan
from sweep.plan.suggest import suggest
from sweep.tables.load import load

LAW, TRUTH = laws.get("additive"), additive.PUBLISHED["besiroglu"].coefficients
SCALES = ("E", "A", "B")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    params, tokens = (x.ravel() for x in np.meshgrid(10 ** np.linspace(8, 9.7, 7), 10 ** np.linspace(9.5, 11.3, 6)))
    noise = np.exp(0.004 * rng.standard_normal(len(params)))
    return {"params": params, "tokens": tokens, "loss": additive.loss(TRUTH, params, tokens) * noise}


@pytest.fixture(scope="module")
def saved(table, tmp_path_factory):
    found = fit(table, fix={"E": 1.7}, bootstrap=60, diagnostics=False, independent=True)
    out = tmp_path_factory.mktemp("fixed")
    found.save(out)
    return str(out), found


@pytest.mark.parametrize(
    "fixed",
    [{"E": 1.7}, {"A": 482.0}, {"E": 1.7, "alpha": 0.34}, {"E": 1.8, "A": 482.0, "B": 2085.0},
     {"E": 1.8, "alpha": 0.34, "beta": 0.36}],
)  # fmt: skip
def test_the_others_are_those_of_scipy(table, fixed):
    names = [name for name in LAW.names if name not in fixed]
    start = [np.log(x) if name in SCALES else x for name in names if (x := getattr(TRUTH, name))]

    def residual(x):
        free = {name: np.exp(v) if name in SCALES else v for name, v in zip(names, x, strict=True)}
        return np.log(
            additive.loss(additive.Additive(**free, **fixed), table["params"], table["tokens"]) / table["loss"]
        )

    reference = least_squares(residual, start, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    expected = [np.exp(v) if name in SCALES else v for name, v in zip(names, reference.x, strict=True)]
    found = fit_law(hold(LAW, fixed), load(table, law=LAW), Objective("log_mse"))
    assert found.status == "converged"
    np.testing.assert_allclose(list(found.coefficients), expected, rtol=1e-5)


def test_a_floor_of_compute_alone():
    flops = np.geomspace(1e18, 1e21, 10)
    found = fit(
        {"flops": flops, "loss": 1.6 + 150 * flops**-0.1},
        law="power_compute",
        fix={"E": 1.6},
        bootstrap=0,
        diagnostics=False,
    )
    assert found.params == pytest.approx({"E": 1.6, "K": 150.0, "gamma": 0.1}, rel=1e-5)


def test_every_output_says_what_was_held(saved, capsys):
    path, found = saved
    record = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (record["fixed_coefficients"], record["params"]["E"]) == ({"E": 1.7}, 1.7)
    assert list(record["params"]) == list(LAW.names)
    assert (record["interval"]["E"], record["se"]["E"], found.interval("E")) == ([None, None], None, [None, None])
    assert found.interval("alpha")[0] < record["params"]["alpha"] < found.interval("alpha")[1]
    rows = {row["name"]: row for row in found.table().to_pylist()}
    assert (rows["E"]["verdict"], rows["E"]["low"], rows["A"]["verdict"]) == ("fixed", None, "converged")
    again = type(found).load(path)
    assert again.predict(1e10, 1e11) == found.predict(1e10, 1e11)
    for command in ("predict {} --params 1e10 --tokens 1e11", "forecast {} --params 1e10 --tokens 1e11 --trial a",
                    "plan {} --compute 1e22"):  # fmt: skip
        assert main(command.format(path).split()) == 0
        assert "E = 1.7 held fixed" in capsys.readouterr().out


def test_the_command(table, tmp_path, capsys):
    path = tmp_path / "t.csv"
    rows = zip(table["params"], table["tokens"], table["loss"], strict=True)
    path.write_text("params,tokens,loss\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    assert main(["fit", str(path), "--fix", "E=1.7", "--bootstrap", "0", "--no-diagnostics"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("  E "))
    assert line.split() == ["E", "1.7", "fixed"]
    assert main(["fit", str(path), "--fix", "E"]) == 1
    assert "write coefficient=number, such as E=1.6" in capsys.readouterr().err
    with pytest.raises(InputError, match="law additive has no such coefficient"):
        fit(table, fix={"gamma": 1.0})


def test_runs_are_suggested_for_what_is_not_held(saved, table):
    """The same table and law with every coefficient free has more to learn: there new runs take more off the doubt."""
    _, found = saved
    free = fit(table, bootstrap=60, diagnostics=False)
    held, other = (suggest(f, target=1e23, spend=1e21) for f in (found, free))
    assert held["fixed_coefficients"] == {"E": 1.7}
    assert held["sd_before"] < other["sd_before"]
    assert 0 < held["factor"] < 1


@pytest.mark.parametrize("fix", [{"alpha": 0.34, "beta": 0.36}, {"A": 482.0, "B": 2085.0, "alpha": 0.34, "beta": 0.36}])
def test_an_optimum_that_is_held_has_an_interval_of_no_width(table, fix):
    """Exponents alone decide the split of compute, and here they are given: every resample agrees."""
    found = fit(table, fix=fix, bootstrap=60, diagnostics=False)
    block = found.record["approach3"]
    assert block["a_interval"] == pytest.approx([0.36 / 0.70] * 2)
    low, high = found.optimum(1e22).params_interval
    assert low is not None
    assert high is not None
    assert 0 < low <= high


def test_a_floor_above_a_loss_is_refused(table):
    """The fit would leave A = B = 0 and an interval of no width."""
    with pytest.raises(InputError, match="at or above the least loss of the table, 2"):
        fit(table, fix={"E": 5.0}, bootstrap=0)


def test_a_loss_below_a_held_floor_is_refused_by_that_floor_and_no_interval(saved):
    with pytest.raises(Refusal, match=r"E = 1\.7 nats/token, held fixed: no model reaches it"):
        plan(saved[1], loss=1.6)
