"""The PyTorch peer computes what we compute, learns, and its part of the benchmark says when it cannot be measured."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import peer, shapes, train
from sweep.models import counting, functional

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # its own, as it is imported

SMALL = dataclasses.replace(shapes.shape(16, 2, 8, 32, 16, 32, platform="cpu"), kv_heads=1)


def test_without_torch_the_part_says_so(monkeypatch):
    monkeypatch.setattr(peer.importlib.util, "find_spec", lambda name: None)
    found = list(peer.measure([SMALL], jax.local_devices(), seconds=1.0))
    assert [one["status"] for one in found] == ["skipped: PyTorch is not installed: pip install -e '.[bench]'"]
    assert not train.failed({"peer": found})
    header = {"device": "cpu", "cores": 2, "versions": {"jax": "0"}, "date": "today"}
    assert "pip install -e '.[bench]'" in train.table({**header, "peer": found})


def test_sizes_are_those_of_the_demo_and_a_wide_one():
    sizes = [(counting.params(s).total, s.batch_tokens) for s in shapes.peers("cpu")]
    assert sizes[:3] == [(10_480, 256), (26_404, 256), (89_544, 256)]
    wide = shapes.peers("cpu")[3]
    assert (wide.width, wide.depth, wide.seq_len, wide.batch) == (256, 4, 256, 8)


@pytest.fixture(scope="module")
def loop():
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e '.[bench]'")
    from benchmarks import torch_loop

    return torch_loop


@pytest.fixture(scope="module")
def window():
    return np.random.default_rng(0).integers(0, SMALL.vocab, (2, SMALL.seq_len + 1)).astype(np.int32)


def spread(params):
    """Gains away from one and distinct, so that one left out or misplaced shows."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: np.asarray(x) + 0.1 * rng.standard_normal(x.shape).astype(np.float32), params)


@pytest.mark.parametrize(
    "changes",
    [{}, {"kv_heads": 2}, {"tied": False, "activation": "gelu", "qk_norm": False}],
    ids=str,
)
def test_same_weights_same_logits_and_loss(loop, window, changes):
    import torch  # pyright: ignore[reportMissingImports]

    shape = dataclasses.replace(SMALL, **changes)
    params = jax.tree.map(jnp.asarray, spread(functional.init(shape, jax.random.key(0))))
    model = loop.make(shape, params, compiled=False).model
    assert sum(p.numel() for p in model.parameters()) == counting.params(shape).total
    tokens = torch.from_numpy(window).long()
    logits = model(tokens[:, :-1]).detach().numpy()
    assert np.abs(logits - np.asarray(functional.apply(shape, params, jnp.asarray(window)[:, :-1]))).max() < 1e-4
    ours = float(functional.token_losses(shape, params, jnp.asarray(window)).mean())
    assert float(model(tokens[:, :-1], tokens[:, 1:]).detach()) == pytest.approx(ours, abs=1e-5)


def test_the_loop_learns(loop, window):
    made = loop.make(SMALL, functional.init(SMALL, jax.random.key(0)), compiled=False)
    first = loop.train(made, iter([window]), 1, peak=0.0)
    assert loop.train(made, iter([window] * 60), 60, peak=1e-2) < 0.5 * first


@pytest.mark.slow
def test_a_measured_shape_starts_from_one_loss(loop):
    """Both contestants run, from the same weights."""
    found = peer.one(SMALL, jax.local_devices()[:1], 0.0, steps=2)
    losses = found["first_loss"].values()
    assert max(losses) - min(losses) < 1e-4
    assert found["ratio"] > 0
    assert found["peer"] in ("torch_eager", "torch_compiled")
    assert len(train.peer_cells({**found, "status": "done"}).split()) == 6
