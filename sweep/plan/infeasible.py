"""Why nothing answers, as a refusal with its evidence: one line, what, where, what to do."""

import math

import numpy as np

from sweep.errors import InputError, Refusal
from sweep.plan.optimum import SLACK, Wish
from sweep.plan.question import SPENT, Question, Run
from sweep.plan.source import Source
from sweep.plan.surface import UNIQUE, Surface
from sweep.quantity import MOST_FLOPS

ENDLESS = 1e30  # params or tokens of a run without limits
SMALLEST = 1e6  # parameters, where the runs behind a law are not known


def check(source: Source, question: Question) -> None:
    """Refuse a budget that serving alone exceeds at the smallest size, and a loss at or below the floor."""
    surface = source.surface
    wish = question.wish(surface)
    if question.target in SPENT and question.served:
        least = question.fixed.get("params") or (source.evidence.params[0] if source.evidence else SMALLEST)
        if wish.spend <= least * wish.load:
            unit = "FLOPs" if question.target == "compute" else question.costs.unit
            serving = least * wish.load * question.price(surface)
            size = "that size" if "params" in question.fixed else "the smallest size behind the law"
            raise Refusal(
                "infeasible",
                f"serving {question.served:.3g} tokens at N = {least:.3g} ({size}) alone takes {serving:.3g} {unit}, "
                f"the budget is {question.value:.3g}; raise it, serve less, or ask for a loss (--loss, --like-compute)",
            )
    if wish.loss is not None:
        check_floor(source, question, float(np.asarray(wish.loss)))


def check_floor(source: Source, question: Question, loss: float) -> None:
    """Refuse a loss at or below what the law leaves for infinite size and text, or what the text that exists leaves."""
    free = source.surface.unlimited
    if not loss > free.floor:
        pair = source.interval(source.lanes.unlimited.floor) if source.lanes else [None, None]
        about = f", {source.level:.0%} interval [{pair[0]:.4g}, {pair[1]:.4g}]" if None not in pair else ""
        about = ", held fixed" if free.floor_name in (source.record.get("fixed_coefficients") or ()) else about
        endless = "what the law, which has no floor, gives at 1e30 params and tokens,"
        name = f"the floor of the law, {free.floor_name} =" if free.floor_name else endless
        raise Refusal(
            "below_floor",
            f"target loss {loss:.4g} is at or below {name} {float(free.floor):.4g} {source.unit}{about}: no model "
            "reaches it; ask for a higher loss",
        )
    if source.surface.repeats and not loss > (least := float(source.surface.loss(ENDLESS, ENDLESS))):
        unique = source.surface.given[UNIQUE]
        other = " (that of a run on text without limit)" if question.target != "loss" else ""
        raise Refusal(
            "data_limited",
            f"target loss {loss:.4g}{other} is at or below {least:.4g} {source.unit}, the least that {unique:.3g} "
            "unique tokens give at any size and any number of passes: get more text, or ask for a higher loss",
        )


def refuse(source: Source, question: Question, run: Run) -> None:
    """Raise where a run is not finite, or where what is held fixed breaks the limit of size."""
    surface, wish = source.surface, question.wish(source.surface)
    if run.params > surface.most_params * SLACK:
        raise InputError(
            f"plan: {' and '.join(question.fixed)} held fixed make {run.params:.4g} params, more than --max-params "
            f"{surface.most_params:.4g}; leave one out"
        )
    if all(np.isfinite(x) and x > 0 for x in (run.params, run.tokens)):
        if run.flops > MOST_FLOPS:
            raise out_of_this_world(source, question, run)
        check_falling(source, float(run.params), float(run.tokens))
        return
    check_falling(source, *(min(x, ENDLESS) for x in (surface.most_params, surface.most_tokens)))
    if wish.loss is not None:
        raise out_of_reach(surface, question, wish)
    raise Refusal(
        "no_optimum",
        f"{source.name}: the law has no best size here (an exponent at its bound, or a search without a minimum)",
    )


def check_falling(source: Source, params: float, tokens: float) -> None:
    """Refuse a law whose loss rises with size or with text, as one of negative exponents does: its best run is none."""
    surface = source.surface
    here = float(surface.loss(params, tokens))
    more = {"params": surface.loss(2 * params, tokens), "tokens": surface.loss(params, 2 * tokens)}
    rises = [name for name, loss in more.items() if float(loss) > here * SLACK]
    if rises:
        raise Refusal(
            "no_optimum",
            f"{source.name}: the loss of the law rises with {' and '.join(rises)}, so no size is best: the table does "
            "not show what they are worth; add runs, or fit another law",
        )


def out_of_reach(surface: Surface, question: Question, wish: Wish) -> Refusal:
    """The refusal of a loss that nothing reaches within the limits and with what is held fixed."""
    held = ", ".join(f"{name} {value:.3g}" for name, value in question.fixed.items())
    sized, texted = math.isfinite(surface.most_params), math.isfinite(surface.most_tokens)
    who = f"no run with {held}" if held else f"no size{f' up to {surface.most_params:.3g}' * sized}"
    on = f" on {surface.most_tokens:.3g} unique tokens" * texted
    free = question.answer(surface.unlimited)
    limited = texted and not sized and np.isfinite(free.tokens)
    needed = f"; without the limit it takes {float(free.tokens):.3g} tokens" if limited else ""
    cures = ["get more text, or use a law that knows repetition"] * texted + ["raise --max-params"] * sized
    return Refusal(
        "data_limited" if texted and not sized else "unreachable",
        f"{who} reaches a loss of {float(wish.loss):.4g}{on}{needed}; {least_of(surface, wish)}: "
        f"{', '.join([*cures, 'or ' * bool(cures) + 'ask for a higher loss'])}",
    )


def out_of_this_world(source: Source, question: Question, run: Run) -> Refusal:
    """The refusal of an answer that is finite and that nobody can train, such as a loss a hair above the floor."""
    near, cure = "", "ask for less"
    if question.wish(source.surface).loss is not None:
        gap = float(run.loss) - float(source.surface.unlimited.floor)
        near, cure = (
            f", because the target lies {gap:.2g} {source.unit} above the floor of the law",
            "ask for a higher loss",
        )
    return Refusal(
        "unreachable",
        f"the answer, {float(run.params):.3g} params on {float(run.tokens):.3g} tokens, takes {float(run.flops):.3g} "
        f"FLOPs, more than anybody can train{near}: {cure}",
    )


def least_of(surface: Surface, wish: Wish) -> str:
    """The least loss that what is fixed can reach within the limits."""
    params, tokens = (min(x, ENDLESS) for x in (wish.params or surface.most_params, wish.tokens or surface.most_tokens))
    if wish.ratio is not None:
        params = min(params, tokens / wish.ratio)
        tokens = params * wish.ratio
    return f"the least within reach is {float(surface.loss(params, tokens)):.4g}"
