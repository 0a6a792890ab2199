"""Laws as powers of size and data: the same losses as the laws themselves."""

import numpy as np
import pytest

from sweep import laws
from sweep.plan.powers import FORMS, powers_of
from sweep.plan.surface import UNIQUE, UNLIMITED, Surface

GIVEN = {
    "moe_krajewski": {"granularity": 4.0},
    "moe_ludziejewski": {"experts": 8.0},
    "precision": {"bits_weights": 4.0, "bits_activations": 8.0, "bits_kv": 16.0},
    "data_constrained": {UNIQUE: UNLIMITED},
}
ENTRIES = [
    (law.id, id, entry)
    for law in laws.LAWS.values()
    if law.id in FORMS
    for id, entry in law.published.items()
    if entry.verified
]


@pytest.mark.parametrize(("law", "id", "entry"), ENTRIES, ids=[x[1] for x in ENTRIES])
def test_losses_are_those_of_the_law(law, id, entry):
    given = GIVEN.get(law, {})
    surface = Surface(laws.get(law), entry.coefficients, given=given)
    powers = powers_of(surface.law, entry.coefficients, given)
    assert powers is not None
    best = surface.frontier(np.geomspace(1e18, 1e24, 7))
    params, tokens = best[0][:, None], best[1][:, None] * np.geomspace(1, 100, 5)  # where no parameter goes unfed
    np.testing.assert_allclose(powers.loss(params, tokens), surface.loss(params, tokens), rtol=1e-12)


def test_there_are_entries_of_most_forms():
    assert {x[0] for x in ENTRIES} == set(FORMS) - {"additive_tied"}  # which nobody has published


def test_the_sum_at_a_loss_and_below_the_floor():
    powers = powers_of(laws.get("gamma"), laws.published("xlstm")[1].coefficients, {})
    assert powers is not None
    inner = powers.A * 1e9**-powers.alpha + powers.B * 1e11**-powers.beta
    assert powers.sum_at(powers.loss(1e9, 1e11)) == pytest.approx(inner, rel=1e-12)
    assert np.isnan(powers.sum_at(powers.E))


def test_a_law_of_another_form_has_none():
    law, entry = laws.published("farseer_recalled")
    assert powers_of(law, entry.coefficients, {}) is None
