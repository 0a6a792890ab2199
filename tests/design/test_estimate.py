"""Memory against XLA's own account of a training step; hours by arithmetic."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from models import counting, functional
from models.shape import Shape
from sweep.design import estimate
from sweep.design.cohorts import cohorts
from sweep.design.trial import Trial

SMALL = Shape(vocab=256, width=16, depth=1, heads=1, kv_heads=1, head_dim=16, ffn=44, seq_len=128, batch=8)
DEEP = dataclasses.replace(SMALL, width=64, depth=4, heads=4, kv_heads=4, ffn=172)
WIDE_VOCAB = dataclasses.replace(SMALL, vocab=8192, width=128, heads=2, kv_heads=2, head_dim=64, ffn=344, batch=4)


def cohort(shape: Shape, steps: int):
    return cohorts([Trial(shape, steps, 0.01, 5, 0, "cosine", "sqrt", 0.1, 0.9, 0.95, 1.0, 0, 0, "d")])[0]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SMALL, DEEP, WIDE_VOCAB], ids=["small", "deep", "vocab"])
def test_activations_are_near_what_xla_allocates_for_a_gradient(shape):
    params = jax.eval_shape(lambda: functional.init(shape, jax.random.key(0)))
    windows = jax.ShapeDtypeStruct((shape.batch, shape.seq_len + 1), jnp.int32)
    gradient = jax.jit(jax.grad(lambda p, w: functional.token_losses(shape, p, w).mean()))
    account = gradient.lower(params, windows).compile().memory_analysis()
    assert account is not None
    assert estimate.activation_bytes(shape) == pytest.approx(account.temp_size_in_bytes, rel=0.3)


def test_a_trial_holds_its_state_as_well():
    state = 18 * counting.params(DEEP).total
    assert estimate.trial_bytes(DEEP) == state + estimate.activation_bytes(DEEP)


def test_flash_attention_keeps_no_square():
    flash = dataclasses.replace(DEEP, attention="cudnn", seq_len=4096)
    assert estimate.activation_bytes(flash) < 0.1 * estimate.activation_bytes(
        dataclasses.replace(flash, attention="xla")
    )


def test_the_probe_measures_the_ends_and_the_middle_once_each():
    asked = []

    def measure(shape: Shape) -> float:
        asked.append(shape)
        return 1e9

    groups = [cohort(dataclasses.replace(SMALL, width=w, head_dim=w), 100) for w in (64, 8, 16, 32, 48)]
    speeds = estimate.probe(groups, measure)
    assert [s.width for s in asked] == [8, 32, 64]
    assert [s.shape for s in speeds] == asked
    assert len(estimate.probe(groups[:1], measure)) == 1


def test_time_is_work_over_speed_between_the_probed_sizes():
    speeds = [estimate.Speed(SMALL, 1e9), estimate.Speed(DEEP, 4e9)]
    assert estimate.seconds(cohort(SMALL, 100), speeds) == pytest.approx(cohort(SMALL, 100).flops / 1e9)
    assert estimate.seconds(cohort(DEEP, 100), speeds) == pytest.approx(cohort(DEEP, 100).flops / 4e9)
    middle = cohort(dataclasses.replace(SMALL, width=32, head_dim=32), 100)
    assert middle.flops / 4e9 < estimate.seconds(middle, speeds) < middle.flops / 1e9
    assert estimate.seconds(middle, speeds[:1]) == pytest.approx(middle.flops / 1e9)
