"""Exact counts of parameters and training FLOPs, by stated conventions.

Parameters, three conventions (never mixed in one table without saying so):
    total          every trained number, a tied head counted once
    non_embedding  without the embedding and without the head
    with_head      non_embedding plus one vocab x width matrix: the weights that multiply every token
Published counts follow others still; `chinchilla_params` reproduces the labels of Hoffmann et al. 2022, table A9.

FLOPs of training on one token, two conventions:
    exact   matrix products of the blocks and the head, attention over the causal half of the square, embedding lookup
            free, backward = 2 x forward. Norms, softmax and the optimizer are left out: they are not matrix work, and
            every published FLOP count leaves them out.
    6nd     6 x parameters (Kaplan et al. 2020), here with_head
"""

from dataclasses import dataclass

from sweep.models.shape import Shape


@dataclass(frozen=True)
class Params:
    """Numbers of parameters of one shape under each convention."""

    total: int
    non_embedding: int
    with_head: int


def block_matmul_params(shape: Shape) -> int:
    """Weights of one block that multiply every token: attention projections and feed-forward."""
    attention = shape.width * shape.head_dim * (2 * shape.heads + 2 * shape.kv_heads)
    matrices = 3 if shape.activation == "swiglu" else 2
    return attention + matrices * shape.width * shape.ffn


def norm_params(shape: Shape) -> int:
    """RMSNorm gains: two a block and one at the end, and one a head dimension for queries and for keys."""
    per_block = 2 * shape.width + (2 * shape.head_dim if shape.qk_norm else 0)
    return shape.depth * per_block + shape.width


def leaves(shape: Shape) -> dict:
    """Dimensions of every array of the parameter tree, by the names of the modules; blocks lead with the depth axis."""
    width, inner = shape.width, (shape.heads, shape.head_dim)
    keys = (shape.kv_heads, shape.head_dim)
    matrix, norm = {"embedding": (shape.vocab, width)}, {"scale": (width,)}
    block = {
        "attention_norm": norm,
        "q": {"kernel": (width, *inner)},
        "k": {"kernel": (width, *keys)},
        "v": {"kernel": (width, *keys)},
        "out": {"kernel": (*inner, width)},
        "ffn_norm": norm,
        "up": {"kernel": (width, shape.ffn)},
        "down": {"kernel": (shape.ffn, width)},
    }
    if shape.qk_norm:
        block |= {"q_norm": {"scale": (shape.head_dim,)}, "k_norm": {"scale": (shape.head_dim,)}}
    if shape.activation == "swiglu":
        block |= {"gate": {"kernel": (width, shape.ffn)}}
    blocks = {name: {leaf: (shape.depth, *dims) for leaf, dims in part.items()} for name, part in block.items()}
    return {"embed": matrix, "blocks": blocks, "norm": norm} | ({} if shape.tied else {"unembed": matrix})


def params(shape: Shape) -> Params:
    """Parameters of `shape`, equal to the sizes of the real parameter tree (tests/models/test_counting.py)."""
    non_embedding = shape.depth * block_matmul_params(shape) + norm_params(shape)
    matrix = shape.vocab * shape.width
    return Params(
        total=non_embedding + matrix * (1 if shape.tied else 2),
        non_embedding=non_embedding,
        with_head=non_embedding + matrix,
    )


def forward_flops_per_token(shape: Shape, *, causal: bool = True) -> float:
    """FLOPs of the forward pass on one token of a full sequence.

    Args:
        causal: count attention scores up to the diagonal, (L + 1) / 2 keys a query; False counts the whole square,
            which is what the XLA implementation computes.
    """
    keys = (shape.seq_len + 1) / 2 if causal else float(shape.seq_len)
    scores = 4 * keys * shape.heads * shape.head_dim  # query x key, then weight x value
    return shape.depth * (2 * block_matmul_params(shape) + scores) + 2 * shape.vocab * shape.width


def train_flops_per_token(shape: Shape, *, causal: bool = True) -> float:
    """FLOPs of forward and backward on one token, convention `exact`."""
    return 3 * forward_flops_per_token(shape, causal=causal)


def flops_6nd(shape: Shape, tokens: float) -> float:
    """Training FLOPs by the rule 6 N D, N counted with the head."""
    return 6.0 * params(shape).with_head * tokens


def chinchilla_params(depth: int, width: int, ffn: int, head_dim: int, heads: int, vocab: int = 32_000) -> int:
    """Size labels of Hoffmann et al. 2022, table A9: the fifth width^2 is the relative-position projection."""
    return depth * (5 * width * heads * head_dim + 2 * width * ffn) + vocab * width


def chinchilla_flops_per_sequence(
    depth: int,
    width: int,
    ffn: int,
    head_dim: int,
    heads: int,
    *,
    seq_len: int = 2048,
    vocab: int = 32_000,
    include_embed: bool = True,
    include_logits: bool = True,
) -> float:
    """Training FLOPs of one sequence, Hoffmann et al. 2022, appendix F (full attention square, backward = 2 x forward).

    Table A4 of the paper is reproduced only with both flags off; the appendix's own formula has both terms.
    """
    s, hk = seq_len, heads * head_dim
    layer = 6 * s * width * hk + 4 * s * s * hk + 3 * heads * s * s + 2 * s * hk * width + 4 * s * width * ffn
    ends = 2 * s * vocab * width * (include_embed + include_logits)
    return 3.0 * (depth * layer + ends)
