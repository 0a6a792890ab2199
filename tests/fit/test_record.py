"""What a fit keeps of the runs it was made from."""

import numpy as np
import pytest

from sweep import laws
from sweep.fit.record import ranges
from sweep.plan.known import evidence_of
from sweep.tables.load import load


def test_passes_over_unique_tokens_are_kept_and_are_evidence_for_a_plan():
    rng = np.random.default_rng(0)
    tokens = 10 ** rng.uniform(9, 11, 12)
    passes = rng.uniform(1, 32, 12)
    table = {"params": 10 ** rng.uniform(7, 9, 12), "tokens": tokens, "unique_tokens": tokens / passes}
    law = laws.get("data_constrained")
    runs = load({**table, "loss": rng.uniform(2, 4, 12)}, law=law)
    span = ranges(law, runs)
    assert span["epochs"] == pytest.approx([passes.min(), passes.max()])
    assert evidence_of(span, "the runs").epochs == pytest.approx((passes.min(), passes.max()))
    plain = ranges(laws.get("additive"), runs)
    assert "epochs" not in plain
    assert evidence_of(plain, "the runs").epochs is None
