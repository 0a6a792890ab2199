"""When a quick compile pays, and that it works here."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from sweep.train import effort

GPUS = [SimpleNamespace(device_kind="NVIDIA H200", platform="gpu")] * 4
CPU = [SimpleNamespace(device_kind="cpu", platform="cpu")]


def test_brief_work():
    assert effort.brief(59 * 0.2 * 989e12 * 4, GPUS)
    assert not effort.brief(61 * 0.2 * 989e12 * 4, GPUS)
    assert effort.brief(14 * 8e9, CPU)
    assert not effort.brief(16 * 8e9, CPU)


def lowered():
    return jax.jit(lambda x: jnp.tanh(x) @ x + 1).lower(jnp.eye(8))


@pytest.mark.parametrize("quick", [False, True])
def test_both_compute_the_same(quick):
    x = jnp.eye(8) * 0.5
    found = effort.compile(lowered(), "cpu", quick=quick)(x)
    assert jnp.allclose(found, jnp.tanh(x) @ x + 1)


def test_the_options_are_known_here():
    for name in ("cpu", "once"):
        assert effort.options(name) == effort.QUICK[name]


def test_unknown_options_are_left_out(monkeypatch):
    monkeypatch.setitem(effort.QUICK, "later", {"xla_no_such_option": True})
    assert effort.options("later") is None
