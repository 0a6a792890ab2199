"""FLOPs of traced programs, against products counted by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train.ahead import flops, gpus
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh


def of(function, *shapes, dtype=jnp.float32) -> float | None:
    arrays = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    return flops.traced(jax.make_jaxpr(function)(*arrays).jaxpr, steps=13)


def test_products_scans_branches_and_batches():
    a, b = (3, 5), (5, 7)
    assert of(lambda x, y: x @ y, a, b) == 2 * 3 * 5 * 7
    assert of(jax.vmap(lambda x, y: x @ y), (11, *a), (11, *b)) == 11 * 210
    assert of(lambda x: jax.lax.scan(lambda c, _: (c @ c, None), x, length=6)[0], (4, 4)) == 6 * 2 * 64
    assert of(lambda x: jax.lax.cond(x[0, 0] > 0, lambda y: y @ y @ y, lambda y: y @ y, x), (4, 4)) == 2 * 2 * 64
    assert of(lambda x: jnp.exp(x), (4, 4)) == 0


def test_the_backward_pass_and_what_it_computes_again():
    def loss(x, w):
        return jnp.tanh(x @ w).sum()

    assert of(jax.grad(loss, argnums=(0, 1)), (3, 5), (5, 7)) == 3 * 210
    assert of(jax.grad(jax.checkpoint(loss), argnums=(0, 1)), (3, 5), (5, 7)) == 4 * 210  # the product, once again


def test_a_loop_that_ends_by_itself_is_the_one_over_steps_and_one_inside_of_it_has_no_count():
    def until_large(x, inner=lambda c: c @ c):
        return jax.lax.while_loop(lambda c: c.sum() < 1e9, inner, x)

    assert of(until_large, (4, 4)) == 13 * 128
    assert of(lambda x: until_large(x, until_large), (4, 4)) is None
    assert of(lambda x: jax.lax.while_loop(lambda c: c.sum() < 1e9, lambda c: c + c, x) @ x, (4, 4)) == 128


def test_each_device_counts_its_own_part():
    mesh = make_mesh(jax.devices(), 4)
    by_both = jax.shard_map(
        lambda x, w: x @ w, mesh=mesh, in_specs=(P(("trial", "data")), P()), out_specs=P(("trial", "data"))
    )
    whole_on_each = jax.shard_map(lambda x, w: x @ w, mesh=mesh, in_specs=(P("trial"), P()), out_specs=P("trial"))
    assert of(by_both, (16, 5), (5, 7)) == 16 * 2 * 5 * 7
    assert of(whole_on_each, (16, 5), (5, 7)) == 2 * 16 * 2 * 5 * 7  # both devices of a trial do the same


def test_the_loss_of_a_model_is_the_exact_count_with_the_whole_square():
    """XLA's attention computes the whole square; three times the forward pass, but nothing flows into the tokens."""
    shape = Shape(
        vocab=64, width=32, depth=2, heads=2, kv_heads=1, head_dim=16, ffn=48, seq_len=16, batch=4, qk_norm=False
    )
    for mode in ("map", "vmap"):
        mesh = make_mesh(jax.devices()[:1], 1)
        tokens, windows = np.zeros(4096, np.uint16), np.zeros((4, 17), np.int32)
        machine = Machine(shape, mesh, Execution(mode), 5, tokens, windows)
        with jax.set_mesh(mesh):
            done = flops.traced(machine.trace_chunk(3).jaxpr.jaxpr, 5)
        trained = 5 * shape.batch_tokens * counting.train_flops_per_token(shape, causal=False)
        assert done == pytest.approx(3 * trained, rel=1e-3)


# Attention kernels, as a multiple of one product over the whole square


def gradient_of(attention):
    def loss(q, k, v):
        return jnp.sin(attention(q, k, v).astype(jnp.float32)).sum()

    return jax.grad(loss, argnums=(0, 1, 2))


def test_splash_by_the_tiles_it_touches():
    """Two products forward; four for keys and values and three for queries backward; three of four tiles of 512."""
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernel
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as mask

    batch, length, heads, dim = 2, 1024, 4, 128
    names = ("q", "kv", "kv_compute", "q_dkv", "kv_dkv", "kv_dkv_compute", "q_dq", "kv_dq")

    def attend(q, k, v):
        causal = mask.MultiHeadMask([mask.CausalMask((length, length))] * heads)
        blocks: dict[str, Any] = {f"block_{name}": 512 for name in names}
        sizes = kernel.BlockSizes(**blocks)
        one = kernel.make_splash_mha(mask=causal, block_sizes=sizes, head_shards=1, q_seq_shards=1)
        return jax.vmap(one)(q, k, v)

    shape = (batch, heads, length, dim)
    square = 2 * batch * heads * dim * length**2
    done = of(gradient_of(attend), shape, (batch, 2, length, dim), (batch, 2, length, dim), dtype=jnp.bfloat16)
    assert done == pytest.approx(9 * 3 / 4 * square, rel=1e-3)


@pytest.mark.parametrize(("queries", "keys", "tiles"), [(1, 1, 1), (4, 4, 10), (4, 2, 6), (2, 4, 6)])
def test_tiles_at_or_below_the_diagonal(queries, keys, tiles):
    below = sum(column / keys < (row + 1) / queries for row in range(queries) for column in range(keys))
    assert flops.touched(queries, keys) == below == tiles


def test_cudnn_is_two_products_forward_and_five_backward_over_the_causal_half():
    def attend(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="cudnn")

    half = 2 * 2 * 4 * 64 * 512 * 513 / 2
    with gpus.pretend_cudnn("9.0"):
        done = of(gradient_of(attend), (2, 512, 4, 64), (2, 512, 2, 64), (2, 512, 2, 64), dtype=jnp.bfloat16)
    assert done == pytest.approx(7 * half)


def test_a_kernel_that_is_not_known_has_no_count():
    from jax.experimental import pallas as pl

    def double(x):
        def kernel(x_ref, out_ref):
            out_ref[...] = x_ref[...] * 2

        return pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype))(x)

    assert of(lambda x: double(x) @ x, (8, 8)) is None
