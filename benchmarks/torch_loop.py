"""The PyTorch peer: a nanoGPT-style script that trains a model of exactly our shapes.

One module a block, one product for queries, keys and values, F.scaled_dot_product_attention, F.rms_norm, rotary tables
kept as buffers, torch.compile or eager, AdamW fused, the gradient clipped by its norm, a learning rate set for each
step, batches cut by NumPy from random places of the token array. `load` copies our parameters in: with them both
models give the same logits (tests/test_benchmarks_peer.py), so that a ratio of speeds is of the same arithmetic.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

from sweep.models.shape import Shape
from sweep.models.transformer import ROPE_BASE

EPS = 1e-6  # of our norms


class Norm(nn.Module):
    """RMSNorm with a gain."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), eps=EPS)


class Block(nn.Module):
    """Attention and feed-forward, each behind its norm and added to the residual stream."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width, inner, shared = shape.width, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.split = [inner, shared, shared]
        self.attention_norm, self.ffn_norm = Norm(width), Norm(width)
        self.qkv = nn.Linear(width, sum(self.split), bias=False)
        self.out = nn.Linear(inner, width, bias=False)
        if shape.qk_norm:
            self.q_norm, self.k_norm = Norm(shape.head_dim), Norm(shape.head_dim)
        if shape.activation == "swiglu":
            self.gate = nn.Linear(width, shape.ffn, bias=False)
        self.up = nn.Linear(width, shape.ffn, bias=False)
        self.down = nn.Linear(shape.ffn, width, bias=False)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.ffn_norm(x))

    def attention(self, x, cos, sin):
        shape, (batch, length, _) = self.shape, x.shape
        parts = self.qkv(x).split(self.split, dim=-1)
        q, k, v = (part.view(batch, length, -1, shape.head_dim).transpose(1, 2) for part in parts)
        if shape.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=shape.heads != shape.kv_heads)
        return self.out(y.transpose(1, 2).reshape(batch, length, -1))

    def feed_forward(self, x):
        if self.shape.activation == "swiglu":
            return self.down(F.silu(self.gate(x)) * self.up(x))
        return self.down(F.gelu(self.up(x), approximate="tanh"))


def rotate(x, cos, sin):
    """Rotary positions of [B, H, L, A], pairs (i, i + A/2)."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Transformer(nn.Module):
    """Inputs and, where given, targets, both [B, L]: to the mean loss in nats a token, or to logits."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.scale = math.sqrt(shape.width)
        self.embed = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList([Block(shape) for _ in range(shape.depth)])
        self.norm = Norm(shape.width)
        self.head = nn.Linear(shape.width, shape.vocab, bias=False)
        if shape.tied:
            self.head.weight = self.embed.weight
        half = shape.head_dim // 2
        frequency = ROPE_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
        angle = torch.arange(shape.seq_len, dtype=torch.float32)[:, None] * frequency[None, :]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, inputs, targets=None):
        x = self.embed(inputs) * self.scale
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def load(model: Transformer, params: dict) -> None:
    """Copy our parameters into `model`: every one of them, by name.

    Raises:
        KeyError, RuntimeError: a name or a size that only one of the two has.
    """
    blocks = {name: next(iter(leaf.values())) for name, leaf in params["blocks"].items()}
    state = {"embed.weight": params["embed"]["embedding"], "norm.weight": params["norm"]["scale"]}
    state["head.weight"] = params["unembed" if "unembed" in params else "embed"]["embedding"]
    for i in range(len(model.blocks)):
        own = {name: np.asarray(leaf[i]) for name, leaf in blocks.items()}
        matrices = {"qkv": np.concatenate([own.pop(n).reshape(own_width(own), -1) for n in ("q", "k", "v")], axis=1)}
        matrices["out"] = own.pop("out").reshape(-1, own_width(own))
        for name in [name for name in own if own[name].ndim == 2]:
            matrices[name] = own.pop(name)
        state |= {f"blocks.{i}.{name}.weight": matrix.T for name, matrix in matrices.items()}
        state |= {f"blocks.{i}.{name}.weight": gain for name, gain in own.items()}
    model.load_state_dict({name: torch.tensor(np.array(leaf)) for name, leaf in state.items()})


def own_width(block: dict) -> int:
    """Width of the residual stream that the arrays of one block read."""
    return len(block["attention_norm"])


class Loop(NamedTuple):
    """What a script holds while it trains."""

    model: Transformer
    loss: Callable[[Any, Any], Any]  # the model, compiled or not
    optimizer: Any
    device: str
    autocast: bool


def make(shape: Shape, params: dict, *, compiled: bool, device: str = "cpu") -> Loop:
    """A script for `shape` that starts from our `params`; on a CPU PyTorch uses as many threads as there are cores."""
    model = Transformer(shape)
    load(model, params)
    model.to(device)
    decays = [p for p in model.parameters() if p.ndim >= 2]
    gains = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), eps=1e-8, fused=True)
    loss = torch.compile(model, dynamic=False) if compiled else model
    return Loop(model, loss, optimizer, device, shape.dtype == "bfloat16")


def train(loop: Loop, data: Iterator[np.ndarray], steps: int, *, peak: float, warmup: int = 20) -> float:
    """`steps` steps from a linear warm-up to the rate `peak`; returns the last loss, the only one that is read."""
    loss = torch.zeros(())
    for step in range(steps):
        for group in loop.optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / warmup)
        window = torch.from_numpy(next(data)).long().to(loop.device)
        with torch.autocast(loop.device, torch.bfloat16, enabled=loop.autocast):
            loss = loop.loss(window[:, :-1], window[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)
        loop.optimizer.step()
        loop.optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())
