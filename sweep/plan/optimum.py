"""What to train for a budget or a loss, where serving has its price: lanes and demands broadcast through one call.

A run costs k N D to train, and serving costs what S more training tokens would (the load, `Costs.load`), so that every
question is about N (D + S), the spend. The best N and D obey

    worth(N, D) = 1 + S / D,     worth = alpha A N^-alpha / (beta B D^-beta)

(Sardana et al. 2024, arXiv 2401.00448, with S = T / 3 for T tokens at the price of training). S = 0 is Chinchilla's
optimum. For laws that are powers of size and data that is a closed form or a bracketed root; others are searched along
the constraint.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.laws import additive, search
from sweep.plan import root
from sweep.plan.surface import Surface

NAMES = {"spend": "budget", "params": "size", "tokens": "number of tokens", "ratio": "ratio of tokens to params"}
SIZES = np.linspace(np.log(1e3), np.log(1e17), 129)  # ln N, where a law without a closed form is searched
SLACK = 1 + 1e-9  # times a limit: what lies on it may round to above it
ANSWERS = (
    {"spend"}, {"loss"}, {"params"}, {"tokens"}, {"params", "tokens"}, {"spend", "params"}, {"spend", "tokens"},
    {"spend", "ratio"}, {"loss", "params"}, {"loss", "tokens"}, {"loss", "ratio"}, {"params", "ratio"},
    {"tokens", "ratio"},
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is fixed: one or two of these, the rest is found. All may carry lanes.

    Attributes:
        spend: N (D + S).
        loss: nats/token.
        ratio: D / N.
        load: S, tokens of training that cost what serving does.
    """

    spend: Any = None
    loss: Any = None
    params: Any = None
    tokens: Any = None
    ratio: Any = None
    load: Any = 0.0


def solve(surface: Surface, wish: Wish) -> tuple[Any, Any]:
    """(params, tokens) that answer a wish, within the surface's limits of tokens and size; NaN where nothing does.

    Raises:
        InputError: too little is fixed, or too much.
    """
    fixed = {name for name in ("spend", "loss", "params", "tokens", "ratio") if getattr(wish, name) is not None}
    if fixed not in ANSWERS:
        named = " and ".join(f"a {NAMES.get(name, name)}" for name in sorted(fixed)) or "nothing"
        raise InputError(
            f"plan: {named} given; give a target such as --compute 1e22 or --loss 2.1, or hold --params and --tokens"
        )
    with np.errstate(all="ignore"):
        params, tokens = two_fixed(surface, wish) if len(fixed) == 2 else one_fixed(surface, wish, *fixed)
    return params, tokens


def one_fixed(surface: Surface, wish: Wish, fixed: str) -> tuple[Any, Any]:
    """The best run within the limits: at one that binds the other quantity follows.

    Along the constraint the loss (or the spend) has one valley, so the best run within a limit lies on it.
    """
    if fixed == "params":
        return wish.params, np.minimum(right_tokens(surface, wish.params, wish.load), surface.most_tokens)
    if fixed == "tokens":
        return np.minimum(right_params(surface, wish.tokens, wish.load), surface.most_params), wish.tokens
    if fixed == "spend":
        return spent_within(surface, wish, *at_spend(surface, wish.spend, wish.load))
    params, tokens = at_loss(surface, wish.loss, wish.load)
    if np.isfinite(surface.most_tokens):
        held = np.minimum(tokens, surface.most_tokens)
        params, tokens = np.where(tokens > held, surface.params_for(held, wish.loss), params)[()], held
    if np.isfinite(surface.most_params):
        held = np.minimum(params, surface.most_params)
        needed = within(surface.tokens_for(held, wish.loss), surface.most_tokens)
        params, tokens = held, np.where(params > held, needed, tokens)[()]
    return params, tokens


def spent_within(surface: Surface, wish: Wish, params: Any, tokens: Any) -> tuple[Any, Any]:
    """The best run of a spend within both limits, from the best without any.

    At one limit the whole spend buys the other quantity. Where that meets the second limit too, both hold and part of
    the spend is left over.
    """
    seen = np.minimum(tokens, surface.most_tokens)
    size = np.where(tokens > seen, wish.spend / (seen + wish.load), params)
    held = np.minimum(size, surface.most_params)
    return held, np.where(size > held, tokens_left(surface, wish, held), seen)[()]


def tokens_left(surface: Surface, wish: Wish, params: Any) -> Any:
    """Tokens that a spend leaves for a size, up to those that there are; NaN where serving alone takes the spend."""
    tokens = wish.spend / params - wish.load
    return np.where(tokens > 0, np.minimum(tokens, surface.most_tokens), np.nan)[()]


def within(values: Any, most: float) -> Any:
    """Values up to a limit; NaN above it, but for rounding."""
    return np.where(values <= most * SLACK, np.minimum(values, most), np.nan)[()]


def two_fixed(surface: Surface, wish: Wish) -> tuple[Any, Any]:
    """Where two constraints meet, within the limits of what was not itself held fixed."""
    n, d, m = wish.params, wish.tokens, wish.ratio
    if n is not None and d is not None:
        return n, d
    if wish.spend is not None:
        if n is not None:
            return n, tokens_left(surface, wish, n)
        if d is not None:
            return np.minimum(wish.spend / (d + wish.load), surface.most_params), d
        n = 2 * wish.spend / (wish.load + np.sqrt(wish.load**2 + 4 * m * wish.spend))  # N (m N + S) = spend
        n = np.minimum(n, np.minimum(surface.most_params, surface.most_tokens / m))
        return n, m * n
    if wish.loss is not None:
        if n is not None:
            return n, within(surface.tokens_for(n, wish.loss), surface.most_tokens)
        if d is not None:
            return within(surface.params_for(d, wish.loss), surface.most_params), d
        n = np.exp(root.rising(lambda x: wish.loss - surface.loss(np.exp(x), m * np.exp(x))))
        n = within(n, min(surface.most_params, surface.most_tokens / m))
        return n, m * n
    return (n, m * n) if n is not None else (d / m, d)


def at_spend(surface: Surface, spend: Any, load: Any) -> tuple[Any, Any]:
    """Least loss with N (D + S) = spend."""
    law = surface.powers
    if np.all(np.asarray(load) == 0):
        if law is not None:
            return additive.optimum(law.inner, spend, 1.0)
        return surface.law.optimum(surface.coefficients, spend, 1.0, **surface.given)
    if law is not None:
        x = root.rising(lambda x: excess(surface, spend / (np.exp(x) + load), np.exp(x), load))
        return spend / (np.exp(x) + load), np.exp(x)
    _, tokens = search.optimum(lambda n, d: surface.loss(spend / (d + load), d), spend, 1.0)
    return spend / (tokens + load), tokens


def at_loss(surface: Surface, loss: Any, load: Any) -> tuple[Any, Any]:
    """Least N (D + S) with the loss reached."""
    law = surface.powers
    if law is None:

        def along(x: Any) -> Any:
            spend = np.exp(x) * (surface.tokens_for(np.exp(x), loss) + load)
            return np.where(np.isnan(spend), np.inf, spend)

        params = np.exp(search.valley(along, SIZES))
        return params, surface.tokens_for(params, loss)
    left = law.sum_at(loss)

    def reached(x: Any) -> Any:  # Sardana et al. 2024, from eq. 3: with N eliminated, falling in D
        data = law.B * np.exp(-law.beta * x)
        return left - data * (1 + law.beta / law.alpha * (1 + load * np.exp(-x)))

    tokens = np.exp(root.rising(reached))
    return surface.params_for(tokens, loss), tokens


def right_tokens(surface: Surface, params: Any, load: Any) -> Any:
    """Tokens with which `params` is the right size under the load."""
    return np.exp(root.rising(lambda x: excess(surface, params, np.exp(x), load)))


def right_params(surface: Surface, tokens: Any, load: Any) -> Any:
    """Size for which `tokens` is the right horizon under the load."""
    return np.exp(root.rising(lambda x: -excess(surface, np.exp(x), tokens, load)))


def excess(surface: Surface, params: Any, tokens: Any, load: Any) -> Any:
    """How far ln worth is above what the load makes right: above 0 where the model is too small for its tokens."""
    return np.log(surface.worth(params, tokens)) - np.log1p(load / tokens)


def right_load(surface: Surface, params: Any, tokens: Any) -> Any:
    """The load under which (params, tokens) is right, in training tokens; negative where no demand makes it so."""
    return tokens * (surface.worth(params, tokens) - 1)
