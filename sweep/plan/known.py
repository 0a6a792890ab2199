"""Public models with their sizes and tokens, dated, and the runs that published laws were measured on.

Sizes and tokens are as their makers state them, rounded as they round them. They differ in tokenizer, data and repeats,
so a law of other data speaks of them only loosely.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Model(NamedTuple):
    """A public language model: parameters, training tokens, month of release, and who says so."""

    params: float
    tokens: float
    date: str
    source: str


MODELS = {
    "GPT-3": Model(175e9, 300e9, "2020-05", "Brown et al., arXiv 2005.14165"),
    "Gopher": Model(280e9, 300e9, "2021-12", "Rae et al., arXiv 2112.11446"),
    "MT-NLG": Model(530e9, 270e9, "2022-01", "Smith et al., arXiv 2201.11990"),
    "Chinchilla": Model(70e9, 1.4e12, "2022-03", "Hoffmann et al., arXiv 2203.15556"),
    "PaLM": Model(540e9, 780e9, "2022-04", "Chowdhery et al., arXiv 2204.02311"),
    "LLaMA 7B": Model(6.7e9, 1.0e12, "2023-02", "Touvron et al., arXiv 2302.13971"),
    "LLaMA 65B": Model(65.2e9, 1.4e12, "2023-02", "Touvron et al., arXiv 2302.13971"),
    "Llama 2 70B": Model(70e9, 2.0e12, "2023-07", "Touvron et al., arXiv 2307.09288"),
    "TinyLlama": Model(1.1e9, 3.0e12, "2024-01", "Zhang et al., arXiv 2401.02385; about three passes over its data"),
    "Llama 3 8B": Model(8e9, 15e12, "2024-04", "Grattafiori et al., arXiv 2407.21783"),
    "Llama 3.1 405B": Model(405e9, 15.6e12, "2024-07", "Grattafiori et al., arXiv 2407.21783"),
    "SmolLM3 3B": Model(3e9, 11.2e12, "2025-07", "Hugging Face, model card of SmolLM3-3B"),
}


class Evidence(NamedTuple):
    """[smallest, largest] of the runs behind a law; `epochs`, passes over unique tokens, where they repeated them."""

    params: tuple[float, float]
    tokens: tuple[float, float]
    flops: tuple[float, float]
    tokens_per_param: tuple[float, float]
    source: str
    epochs: tuple[float, float] | None = None


def evidence_of(ranges: Mapping[str, Sequence[float]], source: str) -> Evidence:
    """Evidence of the `range` block of a fit."""
    names = ("params", "tokens", "flops", "tokens_per_param", "epochs")
    n, d, c, r, e = ((float(ranges[x][0]), float(ranges[x][1])) if x in ranges else None for x in names)
    if not (n and d and c and r):
        raise ValueError("a fit without params and tokens has no evidence to plan on")  # sweep.fit.result.read_record
    return Evidence(n, d, c, r, source, e)


CHINCHILLA = Evidence(
    (5.73e7, 1.62e10),
    (8.19e8, 3.18e11),
    (1.40e18, 1.30e22),
    (0.456, 341.0),
    "the 240 runs of Hoffmann et al. 2022, figure 4, as Besiroglu et al. 2024 read them off",
)
EVIDENCE = {
    "hoffmann": CHINCHILLA,
    "besiroglu": CHINCHILLA,
    "sardana": CHINCHILLA,
    "muennighoff_repeated": Evidence(
        (7.10e6, 8.67e9),
        (1e8, 9e11),
        (4.26e15, 9.26e21),
        (0.0912, 63_800.0),
        "the 182 runs that Muennighoff et al. 2023 fitted, 1e8 to 1.78e11 unique tokens",
        (1.0, 9_000.0),
    ),
}
