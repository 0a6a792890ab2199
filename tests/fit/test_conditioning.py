"""The condition of a law's own Jacobian: against a Jacobian in closed form, and singular directions by name."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.conditioning import LIMIT, condition
from sweep.laws.additive import Additive
from sweep.laws.moe import Krajewski
from sweep.tables.load import load

RNG = np.random.default_rng(0)
PARAMS, TOKENS = np.exp(RNG.uniform(np.log([1e7, 1e9]), np.log([1e10, 1e12]), (60, 2))).T


def test_the_additive_law_against_its_derivatives():
    law, truth = laws.get("additive"), Additive(1.8, 480.0, 2100.0, 0.35, 0.37)
    runs = load({"params": PARAMS, "tokens": TOKENS, "loss": law.loss(truth, PARAMS, TOKENS)})
    _, shift = law.features(PARAMS, TOKENS)
    number, _ = condition(law, runs, law.theta(truth, shift))
    model, data = 480 / PARAMS**0.35, 2100 / TOKENS**0.37
    x, y = np.log(PARAMS) - np.log(PARAMS).mean(), np.log(TOKENS) - np.log(TOKENS).mean()
    rows = np.stack([model, data, np.full(60, 1.8), -model * x, -data * y]) / runs.loss
    expected = np.linalg.cond((rows / np.linalg.norm(rows, axis=1, keepdims=True)).T)
    assert number == pytest.approx(expected, rel=1e-5)


def test_a_constant_input_names_what_it_hides():
    law, truth = laws.get("moe_krajewski"), Krajewski(0.5, 2.0, 0.6, 18.0, 0.115, 31.0, 0.147)
    vary = np.where(np.arange(60) % 2, 2.0, 16.0)
    for granularity, seen in ((np.full(60, 8.0), False), (vary, False), (RNG.choice([1, 2, 4, 8, 16], 60) * 1.0, True)):
        table = {"params": PARAMS, "tokens": TOKENS, "granularity": granularity}
        runs = load({**table, "loss": law.loss(truth, *table.values())}, law=law)
        number, weak = condition(law, runs, law.theta(truth, np.zeros(3)))
        assert (number < LIMIT) is seen
        if not seen:
            assert {"g", "gamma", "a"} <= set(weak)


def test_a_term_at_its_bound_is_left_out():
    law = laws.get("moe_krajewski")
    runs = load({"params": PARAMS, "tokens": TOKENS, "granularity": np.full(60, 8.0), "loss": np.ones(60)}, law=law)
    number, _ = condition(law, runs, law.theta(Krajewski(0.5, 0.0, 0.6, 18.0, 0.115, 31.0, 0.147), np.zeros(3)))
    assert number < LIMIT
