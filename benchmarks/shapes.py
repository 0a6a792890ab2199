"""The models that are measured, and the made-up text they read."""

import numpy as np

from sweep.configs import laptop
from sweep.design.recipes import shape_of
from sweep.models import attention
from sweep.models.shape import Shape

# width x depth, head_dim, vocabulary, sequence, tokens a step: 2M, 7M, 27M, 110M and 235M parameters
ACCELERATOR = (
    (128, 4, 64, 8192, 512, 16_384),
    (256, 6, 64, 8192, 1024, 16_384),
    (384, 8, 64, 32_768, 1024, 32_768),
    (768, 12, 64, 32_768, 1024, 131_072),
    (1024, 16, 128, 32_768, 2048, 65_536),
)
CPU = ((16, 2, 16, 256, 64, 512), (32, 2, 16, 256, 128, 1024), (64, 3, 16, 256, 128, 1024))
DEMO_WIDTHS = (16, 28, 56)  # of configs/laptop.py: 10k, 26k and 90k parameters
PEER = (256, 4, 64, 256, 256, 2048)  # beside them on a CPU: where the products are large enough to fill it
SMALL_TRIAL = {"cpu": (16, 2, 16, 256, 64, 512), "accelerator": (128, 4, 64, 8192, 512, 8192)}


def shape(
    width: int, depth: int, head_dim: int, vocab: int, seq_len: int, batch_tokens: int, *, platform: str
) -> Shape:
    """A model of this project in the dtype and with the attention that `platform` (cpu, gpu, tpu) gets."""
    heads, dtype = max(1, width // head_dim), "float32" if platform == "cpu" else "bfloat16"
    return Shape(
        vocab=vocab,
        width=width,
        depth=depth,
        heads=heads,
        kv_heads=heads,
        head_dim=width // heads,
        ffn=round(width * 8 / 3 / 8) * 8,
        seq_len=seq_len,
        batch=max(1, batch_tokens // seq_len),
        dtype=dtype,
        attention=attention.choose(platform, dtype, heads, width // heads, seq_len).implementation,
    )


def ladder(platform: str) -> list[Shape]:
    """The sizes whose speed is measured, smallest first."""
    return [shape(*dims, platform=platform) for dims in (CPU if platform == "cpu" else ACCELERATOR)]


def small_trial(platform: str) -> Shape:
    """The small model of the cohort comparison."""
    return shape(*SMALL_TRIAL["cpu" if platform == "cpu" else "accelerator"], platform=platform)


def peers(platform: str) -> list[Shape]:
    """The models that are trained beside PyTorch: on a CPU three of the demo and a larger one."""
    if platform != "cpu":
        return ladder(platform)
    demo = [shape_of(width, laptop.SWEEP, vocab=256, platform=platform) for width in DEMO_WIDTHS]
    return [*demo, shape(*PEER, platform=platform)]


def walk(vocab: int, tokens: int, seed: int = 0) -> np.ndarray:
    """A text that can be learned: each token lies 0 to 3 above the one before, so its entropy is ln 4 nats/token."""
    steps = np.random.default_rng(seed).integers(0, 4, tokens)
    return (np.cumsum(steps) % vocab).astype(np.uint16 if vocab <= 2**16 else np.uint32)
