"""Loss with the vocabulary as an input, and the vocabulary that a model size wants.

    L_u = -E + A1 / N_nv**alpha1 + A2 / N_v**alpha2 + B / D**beta

L_u is the loss less that of a unigram model, so that vocabularies compare; it is negative (Tao et al. 2024, arXiv
2407.13623, approach 3). N_nv parameters without embeddings, N_v = V d those of the embeddings; here in parameters and
tokens, where the source counts N_nv and N_v in millions and D in 1e9.
"""

from typing import Annotated, NamedTuple

import numpy as np

from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, Published, Real, amplitude, exponent, free, power


class Vocab(NamedTuple):
    """Coefficients."""

    E: Annotated[
        Real, free("nats/token, gain over a unigram model that is left at infinite scale", -20.0, 20.0, (2.0, 8.0))
    ]
    A1: Annotated[Real, amplitude("nats/token x params^alpha1", (10.0, 1e5))]
    A2: Annotated[Real, amplitude("nats/token x vocab_params^alpha2", (10.0, 1e6))]
    B: Annotated[Real, amplitude("nats/token x tokens^beta", (1e2, 1e7))]
    alpha1: Annotated[Real, exponent("exponent of the other parameters")]
    alpha2: Annotated[Real, exponent("exponent of the parameters of the vocabulary")]
    beta: Annotated[Real, exponent("exponent of tokens")]


def loss(law: Vocab, params: Real, vocab_params: Real, tokens: Real) -> Real:
    """Unigram-normalised loss L_u in nats/token."""
    size = law.A1 * power(params, -law.alpha1) + law.A2 * power(vocab_params, -law.alpha2)
    return -law.E + size + law.B * power(tokens, -law.beta)


def budget(params: Real) -> Real:
    """FLOPs at which `params` non-vocabulary parameters are compute-optimal (approach 1: N_nv = 0.0834 sqrt(C))."""
    return (params * np.exp(2.48465)) ** 2


def best_by_isoflop(params: Real, width: Real) -> Real:
    """Vocabulary size by approach 1: N_v = 0.2041 C**0.41636."""
    return np.exp(-1.58903) * budget(params) ** 0.41636 / width


def best_by_derivative(params: Real, width: Real) -> Real:
    """Vocabulary size by approach 2: N_v grows as N_nv**0.8354 from 3145728 at 33e6."""
    return 3145728 * (params / 33e6) ** 0.8354 / width


def best(law: Vocab, params: Real, width: Real, flops: Real | None = None) -> Real:
    """Vocabulary size of the least L_u for a model of `params` other parameters and width `width` (approach 3).

    FLOPs default to those at which the size is compute-optimal; tokens follow from 6 (N_nv + N_v) D = C. The minimum
    solves alpha2 A2 / N_v**alpha2 = beta B / D**beta * N_v / (N_nv + N_v), by bisection in ln N_v.
    """
    flops = budget(params) if flops is None else flops
    low, high = np.log(np.asarray(params, float)) - 15, np.log(np.asarray(params, float)) + 5
    for _ in range(60):
        middle = (low + high) / 2
        vocab = np.exp(middle)
        tokens = flops / (FLOPS_PER_PARAM_TOKEN * (params + vocab))
        falls = law.alpha2 * law.A2 * vocab**-law.alpha2 > law.beta * law.B * tokens**-law.beta * vocab / (
            params + vocab
        )
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    return (np.exp((low + high) / 2) / width)[()]


LAW = build(
    id="vocab",
    formula="L_u = -E + A1 / N_nv^alpha1 + A2 / N_v^alpha2 + B / D^beta",
    coefficients=Vocab,
    inputs=(Input("params", "parameters without embeddings"), "vocab_params", "tokens"),
    loss=loss,
    source="Tao et al. 2024, arXiv 2407.13623, approach 3",
    output="loss less that of a unigram model, nats/token",
    positive=False,
    published={
        "tao": Published(
            Vocab(
                5.53278,
                1.83139 * 1e6**0.446606,
                0.195842 * 1e6**0.670737,
                2.12411 * 1e9**0.446606,
                0.446606,
                0.670737,
                0.446606,
            ),
            "Tao et al. 2024, arXiv 2407.13623, the authors' code, units of this file",
            "V",
        )
    },
    limits={"params": "-E + A2 / N_v^alpha2 + B / D^beta"},
)
