"""Families: the trials of each FLOP budget, around the optimum the prior expects, refused where they cannot answer.

A family takes its sizes from the ladder of the whole sweep (`recipes.ladder`) and spends its budget in whole steps.
With a trunk, trials of one shape share warm-up and learning rate, so that the longer continues the shorter: the warm-
up is then a share of the shortest horizon of that shape. A larger budget added later leaves every trial as it was; a
smaller one shortens the warm-up of the shapes it shares, which makes new trials of them.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

from sweep.config import Sweep
from sweep.design import prior, recipes
from sweep.design.trial import Trial, trunk_key
from sweep.errors import InputError, Refusal
from sweep.models import attention, counting
from sweep.models.shape import Shape

FLOPS_TOLERANCE = 0.01  # of the budget
MOST_STEPS = 2**30  # of a run: sweep.train counts in int32, and a trunk has no horizon below this
LARGEST_RAMP = 0.6  # of the steps: warm-up and cooldown together
SMALLEST_FAMILY = 3  # sizes: a parabola needs three points
SIDE = 1.1  # a size this factor from the expected optimum counts as on its side


@dataclass(frozen=True)
class Setting:
    """What the design needs to know of the tokens and the device."""

    vocab: int
    data: str  # fingerprint of the tokens
    unique_tokens: int
    platform: str  # cpu, gpu, tpu


@dataclass(frozen=True)
class Family:
    """The trials of one budget."""

    budget: float  # FLOPs
    optimum: float  # parameters with the head at which the prior expects the least loss
    trials: tuple[Trial, ...]  # smallest model first
    dropped: tuple[str, ...]  # sizes that were refused, each with its reason
    notes: tuple[str, ...]  # trials that miss the budget by more than 1 percent, each with its reason

    @property
    def sizes(self) -> list[int]:
        """Distinct parameters with the head, smallest first."""
        return sorted({t.params.with_head for t in self.trials})


@dataclass(frozen=True)
class Plan:
    """What a sweep will train."""

    families: tuple[Family, ...]  # smallest budget first
    unique_tokens: int

    @property
    def trials(self) -> list[Trial]:
        """Every trial, by budget and size."""
        return [t for family in self.families for t in family.trials]

    @property
    def epochs(self) -> float:
        """Passes of the longest horizon over the unique tokens."""
        return max(t.tokens for t in self.trials) / self.unique_tokens


def plan(sweep: Sweep, *, vocab: int, data: str, unique_tokens: int, platform: str) -> Plan:
    """The families of `sweep`.

    Args:
        vocab: tokens of the tokenizer.
        data: fingerprint of the training tokens; part of every trial's identity.
        unique_tokens: training tokens that exist.
        platform: cpu, gpu or tpu.

    Raises:
        Refusal: `one_sided`, a family without sizes on both sides of its expected optimum; `repeats_data`, a horizon
            longer than the corpus.
        InputError: two budgets so close that they ask for the same trial; an attention that a size cannot have here.
    """
    setting = Setting(vocab, data, unique_tokens, platform)
    asked = {budget: sizes_of(budget, sweep, setting) for budget in sweep.budgets}
    horizons = [
        (shape, steps) for budget, shapes in asked.items() for shape, steps in horizons_of(budget, shapes, sweep)
    ]
    families = tuple(family_of(budget, shapes, horizons, sweep, setting) for budget, shapes in asked.items())
    made = Plan(families, unique_tokens)
    refuse_attention(made.trials, platform)
    refuse_twins(made)
    refuse_repeats(made.trials, unique_tokens, sweep)
    return made


def single_trial(
    sweep: Sweep, params: float, budget: float, *, vocab: int, data: str, unique_tokens: int, platform: str
) -> Trial:
    """The buildable model nearest to `params` (with the head), trained alone for `budget` FLOPs by the same recipe.

    Raises:
        Refusal: `too_short`, fewer steps than a run needs; `repeats_data`, a horizon longer than the corpus.
    """
    setting = Setting(vocab, data, unique_tokens, platform)
    shape = recipes.nearest_shape(params, sweep, vocab=vocab, platform=platform)
    steps = recipes.steps_of(shape, budget, sweep)
    alone = dataclasses.replace(sweep, trunk=False)
    trial = trial_of(shape, steps, warmup_of(steps, alone), 1.0, sweep.seeds[0], budget, alone, setting)
    if reason := refusal_of(trial, sweep):
        raise Refusal("too_short", f"{budget:.3g} FLOPs, {reason}; choose a larger budget or a smaller model")
    refuse_repeats([trial], unique_tokens, sweep)
    return trial


# One family


def sizes_of(budget: float, sweep: Sweep, setting: Setting) -> list[Shape]:
    """The rungs of the ladder nearest to the expected optimum, at most `sizes`, within the span and half a rung.

    Where the sweep names its sizes, the shapes nearest to those.
    """
    if sweep.params:
        near = {
            recipes.nearest_shape(size, sweep, vocab=setting.vocab, platform=setting.platform): None
            for size in sweep.params
        }
        return sorted(near, key=lambda s: counting.params(s).with_head)
    optimum, _ = prior.optimum(sweep.prior, budget)
    reach = sweep.span * math.sqrt(recipes.grid_ratio(sweep))
    rungs = recipes.ladder(optimum / reach, optimum * reach, sweep, vocab=setting.vocab, platform=setting.platform)
    rungs.sort(key=lambda s: abs(math.log(counting.params(s).with_head / optimum)))
    return sorted(rungs[: sweep.sizes], key=lambda s: counting.params(s).with_head)


def horizons_of(budget: float, shapes: list[Shape], sweep: Sweep) -> list[tuple[Shape, int]]:
    """Shapes and steps of a budget, without the horizons that are too short to train."""
    steps = [(shape, recipes.steps_of(shape, budget, sweep)) for shape in shapes]
    return [(shape, n) for shape, n in steps if n >= sweep.min_steps]


def family_of(
    budget: float, shapes: list[Shape], horizons: list[tuple[Shape, int]], sweep: Sweep, setting: Setting
) -> Family:
    """The trials of `budget` on `shapes`; `horizons` of all budgets say what a trunk has to share."""
    optimum, _ = prior.optimum(sweep.prior, budget)
    trials, dropped, notes = [], [], []
    for shape in shapes:
        steps = recipes.steps_of(shape, budget, sweep)
        shared = [n for other, n in horizons if other == shape and sweep.trunk]
        warmup = warmup_of(min([steps, *shared]), sweep)
        made = [
            trial_of(shape, steps, warmup, factor, seed, budget, sweep, setting)
            for factor in sweep.lr_bracket
            for seed in sweep.seeds
        ]
        if reason := refusal_of(made[0], sweep):
            dropped.append(reason)
            continue
        trials += made
        error = achieved(made[0], sweep) / budget - 1
        if abs(error) > FLOPS_TOLERANCE:
            notes.append(f"{label(shape)}: whole steps miss the budget by {error:+.1%} ({steps} steps)")
    family = Family(budget, optimum, tuple(trials), tuple(dropped), tuple(notes))
    if sweep.params:
        refuse_dropped(family)
    else:
        refuse_one_sided(family, shapes)
    return family


def trial_of(
    shape: Shape, steps: int, warmup: int, factor: float, seed: int, budget: float, sweep: Sweep, setting: Setting
) -> Trial:
    """One trial; `factor` multiplies the recipe's learning rate."""
    recipe = sweep.recipe
    trial = Trial(
        shape=shape,
        steps=steps,
        lr=float(f"{factor * recipes.peak_lr(shape, float(steps * shape.batch_tokens), recipe):.6g}"),
        warmup=warmup,
        cooldown=max(1, round(recipe.cooldown * steps)) if sweep.schedule == "wsd" else 0,
        schedule=sweep.schedule,
        cooldown_shape=recipe.cooldown_shape,
        weight_decay=recipe.weight_decay,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
        grad_clip=recipe.grad_clip,
        seed=seed,
        data_seed=sweep.data_seed,
        data=setting.data,
        budget=budget,
    )
    return dataclasses.replace(trial, trunk=trunk_key(trial)) if sweep.trunk else trial


def warmup_of(steps: int, sweep: Sweep) -> int:
    """Warm-up steps of a horizon."""
    return round(sweep.recipe.warmup * steps)


def achieved(trial: Trial, sweep: Sweep) -> float:
    """FLOPs of a trial by the convention of the budgets."""
    return trial.flops_6nd if sweep.flops == "6nd" else trial.flops_exact


def label(shape: Shape) -> str:
    """How messages name a size."""
    return f"{counting.params(shape).with_head:,} params (width {shape.width})"


# Refusals


def refusal_of(trial: Trial, sweep: Sweep) -> str:
    """Why a trial is not worth training, or nothing."""
    if trial.steps < sweep.min_steps:
        return f"{label(trial.shape)}: {trial.steps} steps, fewer than min_steps {sweep.min_steps}"
    if trial.steps >= MOST_STEPS:
        return f"{label(trial.shape)}: {trial.steps:.3g} steps, more than the {MOST_STEPS:.3g} that are counted"
    ramp = trial.warmup + trial.cooldown
    if ramp > LARGEST_RAMP * trial.steps:
        return (
            f"{label(trial.shape)}: warm-up {trial.warmup} and cooldown {trial.cooldown} take {ramp / trial.steps:.0%} "
            f"of {trial.steps} steps, more than {LARGEST_RAMP:.0%}"
        )
    return ""


def refuse_attention(trials: Iterable[Trial], platform: str) -> None:
    """Raise InputError where the config asks for a kernel that the platform lacks, or that does not take the heads."""
    for shape in dict.fromkeys(t.shape for t in trials):
        if why := attention.refusal(shape.attention, platform, shape.dtype, shape.head_dim, shape.seq_len):
            raise InputError(
                f"config: architecture.attention is {shape.attention!r}, which {label(shape)} cannot have: {why}; "
                "leave it to auto"
            )


def uncovered(sizes: list[int], optimum: float) -> str:
    """What `sizes` lack to find a minimum near `optimum` parameters, or nothing."""
    if not any(n < optimum / SIDE for n in sizes):
        return "0 sizes below"
    if not any(n > optimum * SIDE for n in sizes):
        return "0 sizes above"
    return f"only {len(sizes)} sizes around" if len(sizes) < SMALLEST_FAMILY else ""


def refuse_dropped(family: Family) -> None:
    """Raise Refusal where a size that was asked for cannot be trained."""
    if family.dropped:
        raise Refusal("too_short", f"budget {family.budget:.3g}: {'; '.join(family.dropped)}; raise the budget")


def refuse_one_sided(family: Family, shapes: list[Shape]) -> None:
    """Raise Refusal unless the family has three sizes and one on each side; `shapes` are those before any drop."""
    lack = uncovered(family.sizes, family.optimum)
    if not lack:
        return
    reasons = f" ({'; '.join(family.dropped)})" if family.dropped else ""
    cure = (
        "raise the budget, lower recipe.width_step, widen span, or correct the prior"
        if uncovered([counting.params(s).with_head for s in shapes], family.optimum)
        else "raise the budget, or lower recipe.batch_tokens or min_steps"
    )
    raise Refusal(
        "one_sided",
        f"budget {family.budget:.3g} has {lack} the expected optimum of {family.optimum:,.0f} params{reasons}; {cure}",
    )


def refuse_twins(made: Plan) -> None:
    """Raise InputError where two families ask for the same training."""
    owner: dict[str, float] = {}
    for trial in made.trials:
        other = owner.setdefault(trial.id, trial.budget)
        if other != trial.budget:
            raise InputError(
                f"config: budgets {other:g} and {trial.budget:g} ask for the same {trial.steps} steps of "
                f"{label(trial.shape)}; put them further apart"
            )


def refuse_repeats(trials: list[Trial], unique_tokens: int, sweep: Sweep) -> None:
    """Raise Refusal where a horizon passes over the corpus more than once and the sweep does not allow it."""
    if not trials or sweep.data.allow_repeat:
        return
    longest = max(trials, key=lambda t: t.tokens)
    if longest.tokens > unique_tokens:
        raise Refusal(
            "repeats_data",
            f"budget {longest.budget:.3g}, {label(longest.shape)} needs {longest.tokens:,} tokens of {unique_tokens:,} "
            f"unique: {longest.tokens / unique_tokens:.1f} epochs; use smaller budgets, more text, "
            "or --data.allow-repeat",
        )
