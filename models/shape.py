"""What is static in a compiled program: one compile for each distinct `Shape`."""

from dataclasses import dataclass
from typing import Literal

Activation = Literal["swiglu", "gelu"]
Attention = Literal["xla", "chunked", "cudnn", "splash"]
Dtype = Literal["float32", "bfloat16"]
LOGITS_AT_ONCE = 2**27  # elements on a device; above it the head and the softmax run in slices of the sequence
SCAN_FROM = 8  # blocks; below it the scan is unrolled, which runs a few percent faster


@dataclass(frozen=True)
class Shape:
    """Dimensions of a decoder-only transformer and of its batch.

    Raises:
        ValueError: a dimension below one, heads that kv_heads does not divide, or an odd head_dim (RoPE turns pairs).
    """

    vocab: int  # V tokens
    width: int  # D, the residual stream
    depth: int  # blocks
    heads: int  # H query heads
    kv_heads: int  # K key/value heads; heads / kv_heads queries share one
    head_dim: int  # A, per head
    ffn: int  # F, the hidden width of the feed-forward
    seq_len: int  # L tokens
    batch: int  # B sequences a step
    tied: bool = True  # the head is the embedding transposed
    activation: Activation = "swiglu"
    qk_norm: bool = True
    dtype: Dtype = "float32"  # of the compute; weights, moments, softmax and loss stay float32
    attention: Attention = "xla"  # implementation, chosen by models.attention.choose and recorded

    def __post_init__(self):
        for name in ("vocab", "width", "depth", "heads", "kv_heads", "head_dim", "ffn", "seq_len", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"shape: {name} is {getattr(self, name)}; it must be at least 1")
        if self.heads % self.kv_heads:
            raise ValueError(f"shape: {self.kv_heads} kv_heads do not divide {self.heads} heads")
        if self.head_dim % 2:
            raise ValueError(f"shape: head_dim is {self.head_dim}; RoPE turns pairs, so it must be even")

    @property
    def batch_tokens(self) -> int:
        """Tokens a step."""
        return self.batch * self.seq_len
