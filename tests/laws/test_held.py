"""A law with held coefficients is the law of the others: its loss, optimum, block and bounds; what may not be held."""

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError
from sweep.laws.held import held_text, hold

N, D = np.array([1e8, 1e9, 4e9]), np.array([2e10, 1e10, 3e11])


@pytest.mark.parametrize("names", [["E"], ["alpha"], ["A", "beta"], ["E", "A", "B"], ["E", "A", "B", "alpha"]])
def test_it_gives_what_the_whole_law_gives(names):
    law = laws.get("additive")
    whole = laws.published("besiroglu")[1].coefficients
    part = hold(law, {name: getattr(whole, name) for name in names})
    assert part.names == tuple(name for name in law.names if name not in names)
    theta = part.theta(type(part.coefficients(np.zeros(len(part.names)), np.zeros(2)))(
        *(getattr(whole, name) for name in part.names)), np.zeros(2))  # fmt: skip
    free = part.coefficients(theta, np.zeros(2))
    np.testing.assert_allclose(part.loss(free, N, D), law.loss(whole, N, D), rtol=1e-12)
    np.testing.assert_allclose(part.optimum(free, 1e22), law.optimum(whole, 1e22), rtol=1e-9)
    np.testing.assert_allclose(part.allocation(free), law.allocation(whole), rtol=1e-9)
    if part.linear:
        features, _ = part.features(N, D)
        shape = np.array([getattr(whole, name) for name in part.shape])
        block = np.array([getattr(whole, name) for name in part.linear]) @ part.basis(shape, features)
        block = block + (part.offset(shape, features) if part.offset else 0.0)
        np.testing.assert_allclose(block, law.loss(whole, N, D), rtol=1e-12)


def test_one_law_for_one_set_of_values():
    law = laws.get("additive")
    assert hold(law, {}) is law
    assert hold(law, {"E": 1.6, "A": 400}) is hold(law, {"A": 400.0, "E": 1.6})
    assert held_text({"E": 1.6}) == "E = 1.6 held fixed"
    assert held_text({}) == held_text(None) == ""


@pytest.mark.parametrize("id", sorted(laws.LAWS))
def test_every_law_takes_any_coefficient(id):
    law = laws.get(id)
    for name, p in law.parameters.items():
        if len(law.names) > 1:
            part = hold(law, {name: p.start[0]})
            assert name not in part.names
            assert np.isfinite(part.design(4)).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"e": 1.6}, "--fix e: law additive has no such coefficient"),
        ({"alphas": 0.3}, "did you mean 'alpha'"),
        ({"E": -1.0}, r"--fix E=-1: E lies between 0 and inf \(nats/token, irreducible loss\)"),
        ({"alpha": 9.0}, "--fix alpha=9: alpha lies between 0 and 3"),
        ({"E": np.nan}, "lies between"),
        ({"E": 1.6, "A": 1.0, "B": 1.0, "alpha": 0.3, "beta": 0.3}, "nothing is left to fit"),
    ],
)
def test_what_cannot_be_held(values, message):
    with pytest.raises(InputError, match=message):
        hold(laws.get("additive"), values)
