"""Parabolas against the law that made the families, against NumPy, published fits, and the published bias."""

import csv
import json

import numpy as np
import pytest

from sweep.fit import approach2
from sweep.fit.approach2 import families, isoflop, line_weights, lines, vertices
from sweep.laws import additive
from sweep.laws.additive import Additive
from sweep.tables.load import load

BUDGETS = np.geomspace(1e17, 1e21, 5)


def alone(runs):
    found = isoflop(runs, np.empty((0, len(runs))))
    assert found is not None
    return found


def test_vertex_is_polyfits():
    rng = np.random.default_rng(0)
    params = np.geomspace(1e8, 1e10, 9)
    tokens = 1e20 / 6 / params
    loss = 2.5 + 0.04 * (np.log(params) - 21) ** 2 + 0.002 * rng.standard_normal(9)
    weight = np.stack([np.ones(9), np.arange(9.0)])
    found = vertices(params, tokens, loss, weight)
    for lane in (0, 1):
        c2, c1, c0 = np.polyfit(np.log(params), loss, 2, w=np.sqrt(weight[lane]))
        assert found.ln_params[lane] == pytest.approx(-c1 / (2 * c2), rel=1e-9)
        assert found.loss[lane] == pytest.approx(c0 - c1**2 / (4 * c2), rel=1e-9)
        assert found.coefficients[lane, 2] == pytest.approx(c2, rel=1e-8)
    np.testing.assert_allclose(found.ln_params + found.ln_tokens, np.log(1e20 / 6), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [
        (lambda x: (x - 0.1) ** 2, "ok"),
        (lambda x: -(x**2), "not_upward"),
        (lambda x: 3 * x, "not_upward"),
        (lambda x: (x - 5) ** 2, "minimum_outside"),
    ],
)
def test_verdicts(loss, verdict):
    x = np.linspace(-1, 1, 5)
    found = vertices(np.exp(20 + x), np.exp(22 - x), 3 + loss(x), np.ones((1, 5)))
    assert approach2.VERDICTS[found.status[0]] == verdict
    assert np.isfinite(found.ln_params[0]) == (verdict == "ok")


def test_a_resample_with_two_sizes_gives_no_vertex():
    x = np.linspace(-1, 1, 5)
    found = vertices(np.exp(20 + x), np.exp(22 - x), 3 + x**2, np.array([[1.0, 0, 3, 0, 0], [1, 1, 1, 0, 0]]))
    assert [approach2.VERDICTS[s] for s in found.status] == ["too_few_sizes", "ok"]


def test_precision_covers_the_scatter_of_vertices(simulate, law):
    """The stated sd against the spread over 150 noisy copies, and against the closed form of the planner."""
    budgets, sizes, span, noise = np.geomspace(1e19, 1e21, 4), 9, 4.0, 0.004
    tops, stated, ratios = [], [], []
    for seed in range(150):
        found = alone(load(simulate(budgets, sizes=sizes, span=span, noise=noise, seed=seed)))
        tops.append([v.ln_params[0] for v in found.vertices])
        stated.append([p.ln_params_sd for p in found.precision])
        ratios.append([p.curvature_t for p in found.precision])
    tops = np.array(tops)
    np.testing.assert_allclose(np.median(stated, axis=0), np.nanstd(tops, axis=0), rtol=0.25)
    loss = additive.frontier(law, budgets)
    curvature = law.alpha * law.beta * (loss - law.E)
    h = np.log(span)
    expected = noise * loss / curvature / np.sqrt(sizes * h**2 * (sizes + 1) / (3 * (sizes - 1)))
    np.testing.assert_allclose(np.median(stated, axis=0), expected, rtol=0.25)
    assert (np.median(ratios, axis=0) > 5).all()


def test_a_flat_family_gives_no_vertex(simulate):
    table = simulate(BUDGETS, sizes=9, noise=0.002, seed=1)
    flat = table["budget"] == BUDGETS[2]
    table["loss"][flat] = 3.0 + 0.002 * np.random.default_rng(4).standard_normal(9)
    found = alone(load(table))
    assert not found.good[2]
    assert abs(found.precision[2].curvature_t) < 3
    assert found.good[[0, 1, 3, 4]].all()


def test_three_sizes_a_family_say_nothing_of_scatter(simulate):
    found = alone(load(simulate(BUDGETS, sizes=3)))
    assert all(np.isnan(p.curvature_t) for p in found.precision)
    assert found.good.all()
    assert np.isfinite(found.params.slope[0])


SURFACES = {
    "symmetric": Additive(1.69, 400.0, 400.0, 0.31, 0.31),
    "chinchilla": Additive(1.69, 406.4, 410.7, 0.34, 0.28),
    "asymmetric": Additive(1.69, 406.4, 410.7, 0.465, 0.155),
}
SPANS = (2, 4, 8, 16)
PUBLISHED_BIAS = [  # arXiv 2603.22339: percent error of D*(1e24), half-widths of 2 to 16, by surface and grid
    ("symmetric", "centred", (0, 0, 0, 0)),
    ("chinchilla", "centred", (-0.33, -1.30, -2.90, -5.10)),
    ("asymmetric", "centred", (-1.67, -6.50, -13.91, -23.12)),
    ("symmetric", "offset", (3.97, 3.47, 2.65, 1.51)),
    ("chinchilla", "offset", (7.11, 5.69, 3.38, 0.24)),
    ("asymmetric", "offset", (19.22, 14.41, 6.96, -2.42)),
    ("symmetric", "drift", (6.07, 5.17, 3.70, 1.69)),
    ("chinchilla", "drift", (11.61, 9.83, 6.94, 3.05)),
    ("asymmetric", "drift", (34.57, 30.04, 22.97, 14.00)),
]


def parabola_error(surface, grid, span):
    """Percent error of D*(1e24) of noise-free parabolas in D through 15 sizes a budget, by the product's own pieces."""
    shift = {"centred": np.ones(5), "offset": np.full(5, 3.0), "drift": np.geomspace(1, 3, 5)}[grid]
    best = additive.optimum(surface, BUDGETS)[1] * shift
    tops = []
    for budget, centre in zip(BUDGETS, best, strict=True):
        tokens = np.geomspace(centre / span, centre * span, 15)
        params = budget / (6 * tokens)
        found = vertices(params, tokens, additive.loss(surface, params, tokens), np.ones((1, 15)))
        # below +-x3 an offset grid does not hold the optimum: its parabola's vertex is taken wherever it lies
        top = -found.coefficients[0, 1] / (2 * found.coefficients[0, 2]) + np.log(params).mean()
        tops.append(np.log(budget / 6) - top)
    answer = lines(np.log(BUDGETS), np.array([tops])).at(1e24)[0]
    return 100 * (answer / additive.optimum(surface, 1e24)[1] - 1)


@pytest.mark.parametrize(("surface", "grid", "errors"), PUBLISHED_BIAS)
def test_published_bias_of_noise_free_parabolas(surface, grid, errors):
    found = [parabola_error(SURFACES[surface], grid, span) for span in SPANS]
    assert found == pytest.approx(errors, abs=0.02)


def test_exponents_of_noise_free_families(simulate, law):
    found = alone(load(simulate(BUDGETS)))
    assert (found.params.slope[0], found.tokens.slope[0]) == pytest.approx(additive.allocation(law), abs=1e-6)


def test_families_are_found_without_a_budget_column(simulate):
    table = simulate(BUDGETS)
    del table["budget"]
    table["flops"] = table["flops"] * np.exp(np.random.default_rng(0).uniform(0, 0.04, 35))
    found = families(load(table))
    assert [len(rows) for _, rows in found] == [7] * 5
    assert all(budget is None for budget, _ in found)
    assert families(load({**table, "flops": np.geomspace(1e17, 1e21, 35)})) == []


def test_lines():
    rng = np.random.default_rng(0)
    x = np.log([1e18, 1e19, 1e20, 1e21])
    y, weight = rng.standard_normal((3, 4)), np.array([1.0, 4.0, 2.0, 0.5])
    y[1, 0], y[2, :2] = np.nan, np.nan
    found = lines(x, y, weight)
    for lane, points in ((0, slice(0, 4)), (1, slice(1, 4))):
        slope, intercept = np.polyfit(x[points], y[lane, points], 1, w=np.sqrt(weight[points]))
        assert found.slope[lane] == pytest.approx(slope)
        assert found.intercept[lane] == pytest.approx(intercept)
    assert np.isnan(found.slope[2])  # two points make a line, but no doubt


def test_no_vertex_weighs_more_than_twice_the_median_one():
    weight = line_weights(np.array([1e-9, 0.1, 0.1, 10.0, np.nan]))
    assert weight[0] / weight[1] == pytest.approx(2)
    assert weight[3] < 1e-3 * weight[1]
    assert weight[4] == pytest.approx(weight[1])
    assert line_weights(np.full(3, np.nan)).tolist() == [1, 1, 1]


def test_resamples_spread_around_the_table(simulate, law):
    runs = load(simulate(BUDGETS, sizes=9, noise=0.003, seed=2))
    weight = np.random.default_rng(0).multinomial(45, np.full(45, 1 / 45), size=300).astype(float)
    found = isoflop(runs, weight)
    assert found is not None
    assert found.params.slope.shape == (301,)
    low, high = np.nanpercentile(found.params.slope[1:], [5, 95])
    assert low < additive.allocation(law)[0] < high
    assert high - low < 0.1


def test_published_vertices(datasets):
    """Independent parabolas and lines of the same tables: every vertex, and the exponent through the used ones."""
    reference = json.loads((datasets / "reference_fits.json").read_text())["fits"]
    compared = 0
    for fit in reference.values():
        if not fit.get("approach2"):
            continue
        where = "outlier == 0" if fit["subset"].startswith("outlier==0") else None
        runs = load(datasets / f"{fit['table']}.csv", where=where)
        used = [row for row in fit["approach2"]["budgets"] if row["used"]]
        tops = []
        for row in used:
            rows = np.flatnonzero(runs.budget == row["budget"])
            assert len(rows) == row["n"]
            found = vertices(runs.params[rows], runs.tokens[rows], runs.loss[rows], np.ones((1, len(rows))))
            assert np.exp(found.ln_params[0]) == pytest.approx(row["N_opt"], rel=1e-6)
            assert found.loss[0] == pytest.approx(row["L_min"], rel=1e-9)
            tops.append(found.ln_params[0])
            compared += 1
        through = lines(np.log([row["budget"] for row in used]), np.array([tops]))
        assert through.slope[0] == pytest.approx(fit["approach2"]["a"], abs=1e-6)
    assert compared > 100


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ("oa_epochai_chinchilla", 0.48, 0.56),  # Hoffmann et al. 2022, table 2: .49 (.462, .534)
        ("oa_ml_scalefit_chinchilla", 0.48, 0.57),
        ("oa_misfitting_fineweb_c4", 0.45, 0.60),  # by interpolation, in the source's own analysis: .584
        ("oa_marin_comma", 0.33, 0.50),
        ("xlstm_llama_ctx2048", 0.53, 0.58),  # the source's own parabolas: .575, of the same budgets
    ],
)
def test_published_isoflop_tables(datasets, table, low, high):
    runs = load(datasets / f"{table}.csv", where="outlier == 0")
    weight = np.random.default_rng(0).multinomial(len(runs), np.full(len(runs), 1 / len(runs)), size=300)
    found = isoflop(runs, weight.astype(float))
    assert found is not None
    a = found.params.slope
    assert low < a[0] < high
    below, above = np.nanpercentile(a[1:], [5, 95])
    assert low - 0.03 < below < a[0] < above < high + 0.03


def test_published_power_laws(datasets):
    """Evo (Nguyen et al. 2024): 32 optima read off a figure, exponents of four architectures."""
    published = {
        "Transformer++": (0.552, 0.551),
        "Mamba": (0.388, 0.487),
        "Hyena": (0.504, 0.499),
        "StripedHyena": (0.483, 0.539),
    }
    with (datasets / "evo_optima.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    for model, exponents in published.items():
        for variable, exponent in zip(("params", "tokens"), exponents, strict=True):
            points = [r for r in rows if (r["model"], r["variable"]) == (model, variable)]
            x, y = (np.log([float(r[key]) for r in points]) for key in ("flops", "value"))
            assert lines(x, y[None]).slope[0] == pytest.approx(exponent, abs=0.002)
