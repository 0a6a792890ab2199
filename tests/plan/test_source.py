"""Where a plan's law comes from, and which laws cannot be planned with."""

import dataclasses

import numpy as np
import pytest

from sweep.errors import InputError, Refusal
from sweep.plan.source import source_of
from sweep.plan.surface import UNIQUE


def test_a_fit_brings_its_lanes(found, tmp_path):
    found.save(tmp_path / "fit")
    for law in (found, tmp_path / "fit", str(tmp_path / "fit" / "fit.json")):
        source = source_of(law)
        assert source.surface.k == pytest.approx(6)
        assert source.lanes is not None
        assert np.shape(source.lanes.coefficients.E) == (int(found.usable.sum()),)
        assert source.level == 0.9
        assert source.evidence is not None
        assert source.evidence.flops == pytest.approx((1e18, 1e20))
    assert source_of(found, level=0.5).level == 0.5


def test_published_coefficients_are_a_point():
    source = source_of("besiroglu")
    assert source.lanes is None
    assert source.interval(np.ones(100)) == [None, None]
    assert [w["code"] for w in source.warnings] == ["no_interval"]
    assert source_of("kaplan").evidence is None


@pytest.mark.parametrize(
    ("id", "given", "why"),
    [
        ("nosuch", None, "no published coefficients of that id"),
        ("besirogluu", None, "did you mean 'besiroglu'"),
        ("kaplan_compute", None, "does not say how to split"),
        ("kaplan_size", None, "does not say how to split"),
        ("gemstones", None, "does not say how to split"),
        ("kaplan_batch", None, "critical batch"),
        ("kumar", None, "--given bits_activations=VALUE,bits_kv=VALUE,bits_weights=VALUE"),
        ("besiroglu", {"experts": 8.0}, "does not read experts"),
    ],
)
def test_what_cannot_be_planned_with(id, given, why):
    with pytest.raises(InputError, match=why):
        source_of(id, given)


def test_unverified_coefficients_are_refused():
    with pytest.raises(Refusal, match="nobody could check") as refusal:
        source_of("farseer_recalled")
    assert refusal.value.code == "unverified"


def test_other_inputs_are_held():
    bits = {"bits_weights": 16.0, "bits_activations": 16.0, "bits_kv": 16.0}
    assert source_of("kumar", bits).surface.loss(1e9, 2e10) == pytest.approx(3.0497, abs=0.02)


def test_unique_tokens_are_an_input_or_a_limit():
    with pytest.raises(InputError, match="needs --unique-tokens"):
        source_of("muennighoff_repeated").limited(None)
    assert source_of("muennighoff_repeated").limited(1e10).surface.given[UNIQUE] == 1e10
    assert source_of("besiroglu").limited(1e10).surface.most_tokens == 1e10
    assert source_of("besiroglu").limited(None).surface.most_tokens == np.inf


@pytest.mark.parametrize(
    ("change", "code"), [({"status": "not_converged"}, "not_converged"), ({"despite": ["collinear"]}, "collinear")]
)
def test_a_refused_fit_is_refused_unless_overridden(found, change, code):
    bad = dataclasses.replace(found, record={**found.record, **change})
    with pytest.raises(Refusal, match=f"--despite {code}") as refusal:
        source_of(bad)
    assert refusal.value.code == code
    source = source_of(bad, overridden=(code,))
    assert source.despite == (code,)
    assert [w["code"] for w in source.warnings] == [code]


def test_loss_beyond_the_fitted_compute_is_wider_by_what_the_backtest_missed(found):
    block = {"diagnostics": {"backtest": {"status": "ok", "origins": [{"score_rms": 3.0}]}}}
    plain, missed = source_of(found), source_of(dataclasses.replace(found, record={**found.record, **block}))
    inside, beyond = (1e9, 1e10), (1e10, 2e11)
    assert missed.loss_interval(*inside) == plain.loss_interval(*inside)
    narrow, wide = (np.array(source.loss_interval(*beyond), float) for source in (plain, missed))
    assert np.diff(wide) == pytest.approx(np.sqrt(5) * np.diff(narrow), rel=1e-6)
