"""What is said of families that are wide, off their optimum, or drift off it."""

import numpy as np
import pytest

from sweep.fit.isoflop_warnings import about_isoflop, drift


def family(flops, off_centre=0.0, bias=0.001, status="ok"):
    odd = {"status": status, "reason": "fewer than three sizes", "bias": None, "off_centre": None}
    found = {"budget": flops, "flops": flops, "status": "ok", "off_centre": off_centre, "bias": bias}
    return found if status == "ok" else {**found, **odd}


def codes(families):
    return [warning["code"] for warning in about_isoflop({"approach2": {"families": families}})]


BUDGETS = 10.0 ** np.arange(18, 23)


def test_good_families_pass():
    assert codes([family(c, off_centre=0.1 * (-1) ** i) for i, c in enumerate(BUDGETS)]) == []
    assert codes([]) == []


def test_wide_families():
    found = about_isoflop({"approach2": {"families": [family(c, bias=-0.08) for c in BUDGETS]}})
    assert [warning["code"] for warning in found] == ["parabola_bias"]
    assert "8%" in found[0]["message"]


def test_off_centre():
    found = about_isoflop({"approach2": {"families": [family(1e18, np.log(2)), family(1e19), family(1e20)]}})
    assert [warning["code"] for warning in found] == ["off_centre"]
    assert "1 of 3 vertices" in found[0]["message"]
    assert "2 x at 1e+18" in found[0]["message"]
    assert codes([family(1e18, np.log(1.4)), family(1e19), family(1e20)]) == []


def test_drift():
    wobble = 0.01 * np.array([1, -1, 1, -1, 1])
    moving = 0.1 * np.log(BUDGETS / BUDGETS[2]) + wobble
    slope, t = drift([family(c, off) for c, off in zip(BUDGETS, moving, strict=True)])
    assert slope == pytest.approx(0.1, abs=0.005)
    design = np.stack([np.ones(5), np.log(BUDGETS)], axis=1)
    covariance = (
        np.linalg.inv(design.T @ design) * np.sum((moving - design @ np.linalg.lstsq(design, moving)[0]) ** 2) / 3
    )
    assert t == pytest.approx(slope / np.sqrt(covariance[1, 1]), rel=1e-6)
    assert "drift" in codes([family(c, off) for c, off in zip(BUDGETS, moving, strict=True)])
    assert "drift" not in codes([family(c, off) for c, off in zip(BUDGETS[:3], moving, strict=False)])


def test_families_without_a_vertex_are_listed():
    found = about_isoflop({"approach2": {"families": [family(c, status="too_few_sizes") for c in BUDGETS]}})
    assert "leaves out 5 of 5 families: 1e+18 (fewer than three sizes)" in found[0]["message"]
    assert found[0]["message"].endswith("…")
