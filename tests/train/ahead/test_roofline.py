"""The bound of a step, by numbers worked by hand."""

import pytest

from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train.ahead import roofline

SHAPE = Shape(
    vocab=10,
    width=4,
    depth=2,
    heads=1,
    kv_heads=1,
    head_dim=4,
    ffn=8,
    seq_len=8,
    batch=6,
    qk_norm=False,
    dtype="bfloat16",
)
# A block: 4 x 4 x 4 = 64 weights of attention and 3 x 4 x 8 = 96 of the feed-forward: 160; two blocks and the head: 360
# products a token, 720 FLOPs; scores 4 x 4.5 keys x 4 = 72 a block, 144. Forward 864, training 2592. 48 tokens.
# Weights: 320 + 5 gains of 4 + 40 = 380.


def test_the_counts_that_the_examples_use():
    assert counting.train_flops_per_token(SHAPE) == 2592
    assert counting.params(SHAPE).total == 380


@pytest.mark.parametrize(
    ("given", "flops", "size"),
    [
        # two readings of 380 bfloat16 weights 1520, update 32 x 380 = 12160, kept 100 twice, logits 16 x 10 x 48 = 7680
        ({"data": 1, "remat": "none", "micro_batches": 1}, 48 * 2592, 1520 + 12160 + 200 + 7680),
        # a device has half of the tokens and of the state, and all of the weights
        ({"data": 2, "remat": "dots", "micro_batches": 1}, 24 * 2592, 1520 + 6080 + 200 + 3840),
        # the blocks once more, 864 - 80 of the head; weights read three times, for each of three parts
        ({"data": 1, "remat": "full", "micro_batches": 3}, 48 * (2592 + 784), 9 * 760 + 12160 + 200 + 7680),
    ],
)
def test_a_step_by_hand(given, flops, size):
    step = roofline.step(SHAPE, kept=100.0, **given)
    assert step.flops == pytest.approx(flops)
    assert step.bytes == pytest.approx(size)


def test_the_slower_of_computing_and_moving_bounds():
    step = roofline.Step(flops=100.0, bytes=10.0)
    assert step.seconds(peak=50.0, bandwidth=10.0) == 2.0
    assert step.seconds(peak=1000.0, bandwidth=10.0) == 1.0


def test_a_cohort_is_bound_by_its_work_and_by_its_longest_trial():
    assert roofline.cohort_seconds(0.5, longest=100, total=800, groups=4) == 100.0
    assert roofline.cohort_seconds(0.5, longest=300, total=800, groups=4) == 150.0
