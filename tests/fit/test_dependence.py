"""Shared noise is found where it is simulated, not where there is none, and intervals then hold the truth."""

import numpy as np
import pytest

from sweep.fit import approach3, dependence, fit
from sweep.fit.dependence import Candidate, cells, products, regrouped, same, share_of, summed
from sweep.fit.diagnostics import Fitted
from sweep.fit.objective import Objective
from sweep.laws import additive
from sweep.tables.load import load

LAW = additive.LAW
TRUTH = additive.PUBLISHED["besiroglu"].coefficients
HUBER = Objective("huber", 1e-3)


def ladder(sizes: int = 8, horizons: int = 5) -> dict[str, np.ndarray]:
    """Sizes x tokens per parameter."""
    params = np.repeat(np.geomspace(4e7, 2e9, sizes), horizons)
    return {"params": params, "tokens": params * np.tile(np.geomspace(5, 80, horizons), sizes)}


def isoflop(budgets: int = 6, sizes: int = 8) -> dict[str, np.ndarray]:
    """Budgets x sizes around each optimum."""
    flops = np.geomspace(1e18, 10**20.5, budgets)
    params = np.concatenate([np.geomspace(n / 5, n * 5, sizes) for n in additive.optimum(TRUTH, flops)[0]])
    return {"params": params, "tokens": np.repeat(flops, sizes) / (6 * params), "budget": np.repeat(flops, sizes)}


def noisy(runs: dict[str, np.ndarray], own: np.ndarray, by: str | None = None, shared: float = 0.0, seed: int = 0):
    """The runs with losses of the true law; `own` noise [n] and noise of sd `shared` for each value of a column."""
    rng = np.random.default_rng(seed)
    noise = own * rng.standard_normal(len(runs["params"]))
    if by:
        _, block = np.unique(runs[by], return_inverse=True)
        noise += shared * rng.standard_normal(block.max() + 1)[block]
    return runs | {"loss": additive.loss(TRUTH, runs["params"], runs["tokens"]) * np.exp(noise)}


def asked(table: dict[str, np.ndarray]):
    """What is found in a table, and the groups that are resampled."""
    runs = load(table, law=LAW)
    solution = approach3.fit_law(LAW, runs, HUBER)
    kept, what = regrouped(Fitted(LAW, runs, HUBER, solution, 1e22, 6.0, 0.9), 0)
    assert what is not None
    return kept, what


def test_no_alarm_where_runs_are_independent():
    """At most 5 % of tables, heavy tails and falling noise included: 6 of 60 is the 99.5 % point."""
    alarms, rng = 0, np.random.default_rng(5)
    for seed in range(60):
        runs = (ladder(), isoflop())[seed % 2] | {"seed": np.arange(48) % 6 if seed % 2 else np.arange(40) % 5}
        n = len(runs["params"])
        falling = np.geomspace(0.01, 0.0025, n)
        own = (np.full(n, 0.005), falling, 0.005 * np.where(rng.random(n) < 0.05, 8.0, 1.0))[seed % 3]
        alarms += asked(noisy(runs, own, seed=seed))[1].by is not None
    assert alarms <= 7


@pytest.mark.parametrize(
    ("runs", "by", "own", "shared", "names"),
    [
        (ladder(), "params", 0.0022, 0.0045, {"size", "trajectory"}),
        (isoflop(), "budget", 0.003, 0.004, {"budget"}),
        (isoflop() | {"seed": np.arange(48) % 6}, "seed", 0.003, 0.004, {"seed"}),
    ],
    ids=["trunks", "budget", "column"],
)
def test_shared_noise_is_found_and_named(runs, by, own, shared, names):
    found = [asked(noisy(runs, np.full(len(runs["params"]), own), by, shared, seed=seed)) for seed in range(12)]
    right = [(kept, what) for kept, what in found if what.by in names]
    assert len(right) >= 9  # 80 % of tables; 9 of 12 is the 5 % point below that
    shares = [what.share for _, what in right]
    assert np.median(shares) == pytest.approx(shared**2 / (own**2 + shared**2), abs=0.2)
    for kept, what in right:
        assert len(np.unique(kept.group)) == len(np.unique(runs[by]))
        assert what.record(kept.group)["resampled"]


def test_products_and_shares_as_written_out():
    rng = np.random.default_rng(0)
    block, group = np.array([0, 0, 0, 1, 1, 2, 2, 2, 1, 0]), np.array([0, 0, 1, 2, 3, 4, 4, 5, 6, 7])
    residual = rng.standard_normal((3, 10))
    pair = (block[:, None] == block) & (group[:, None] != group)
    expected = np.einsum("li,ij,lj->l", residual, pair, residual)
    np.testing.assert_allclose(products(residual, Candidate("size", block), group), expected, atol=1e-12)
    np.testing.assert_allclose(summed(residual, block)[:, 1], residual[:, block == 1].sum(axis=1), atol=1e-12)

    onto = np.linalg.qr(rng.standard_normal((10, 3)))[0]
    project = np.eye(10) - onto @ onto.T
    member, cell = np.eye(3)[block], np.eye(8)[cells(block, group)]
    across = member @ member.T - cell @ cell.T
    left = project @ (rng.standard_normal(10) + member @ np.array([4.0, -4.0, 1.0]))
    system = [
        [np.trace(project), np.trace(project @ member @ member.T)],
        [np.trace(project @ across), np.trace(project @ across @ project @ member @ member.T)],
    ]
    own, common = np.linalg.solve(system, [left @ left, left @ across @ left])
    assert common > 0
    assert share_of(left, onto, block, group) == pytest.approx(np.clip(common / (own + common), 0, 1), rel=1e-9)


def test_a_fit_resamples_by_what_is_shared_and_says_so():
    table = noisy(ladder(), np.full(40, 0.0022), "params", 0.0045, seed=2)
    alone, named = fit(table, bootstrap=200), fit(table | {"trunk": table["params"]}, bootstrap=200)
    block = alone.record["dependence"]
    assert block["by"] in ("size", "trajectory")
    assert block["groups"] == 8
    assert "shared_noise" in {w["code"] for w in alone.record["warnings"]}
    assert "shared_noise" not in {w["code"] for w in named.record["warnings"]}
    assert alone.interval("alpha") == pytest.approx(named.interval("alpha"))  # as if the trunk had been named


def test_groups_that_lie_across_are_kept_and_it_is_said():
    runs = isoflop() | {"trunk": np.arange(48) % 8}
    found = [asked(noisy(runs, np.full(48, 0.002), "budget", 0.006, seed=seed)) for seed in range(5)]
    crossed = [(kept, what) for kept, what in found if what.by == "budget"]
    assert crossed
    for kept, what in crossed:
        assert len(np.unique(kept.group)) == 8
        assert not what.record(kept.group)["resampled"]


def test_what_is_not_asked():
    runs = load(noisy(ladder(), np.full(40, 0.005)) | {"weight": np.linspace(1, 2, 40)}, {"weight": "weight"}, law=LAW)
    solution = approach3.fit_law(LAW, runs, HUBER)
    assert regrouped(Fitted(LAW, runs, HUBER, solution, 1e22, 6.0, 0.9), 0)[1] is None
    few = ladder(sizes=3, horizons=8)  # too few sizes for anything to be resampled by
    assert "size" not in {one.name for one in dependence.candidates(load(noisy(few, np.full(24, 0.005)), law=LAW), 5)}
    assert fit(noisy(ladder(), np.full(40, 0.005)), bootstrap=0, independent=True).record["dependence"] is None


def test_same():
    assert same(np.array([3.0, 1.0, 3.0 * (1 + 1e-9), 2.0])).tolist() == [0, 1, 0, 2]
    assert same(np.array([7, 7, 2])).tolist() == [0, 0, 1]
