"""The axes of a multiverse as data: what an analyst must choose, and which choices are tried.

An axis that is left empty holds every choice that the table allows. Choices that are named cut it; expressions, columns
and numbers that the table has no name for widen it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from sweep import laws
from sweep.errors import InputError
from sweep.fit.objective import KINDS, Objective
from sweep.laws import Law
from sweep.nearest import nearest

AXES: tuple[str, ...] = ("law", "objective", "subset", "count", "flops", "weights")
WORDS = {
    "law": "the law",
    "objective": "the objective",
    "subset": "the choice of runs",
    "count": "the convention of counting parameters",
    "flops": "the convention of counting FLOPs",
    "weights": "the weighting of runs",
}
FEWEST = 20  # resamples that give an interval
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Axes:
    """Choices by axis; an empty one holds all that the table allows.

    Attributes:
        laws: ids; default: every law of params and tokens whose optimum has a closed form.
        objectives: kinds (sweep.fit.objective).
        deltas: thresholds of huber.
        subsets: `all`, `no_suspects`, `largest` (budgets), `late`, `middle` and `early` (two thirds of the runs by
            tokens per parameter), `families` (each left out, `without_1e+19`), or conditions on params, tokens, flops,
            loss, budget and tokens_per_param.
        counts: of parameters: names of conventions in the table, or columns.
        flops: conventions: `6nd`, or the table's own by name.
        weights: `equal`, `by_family` (each family the same), `by_compute` (root of FLOPs), or expressions over the same
            columns as subsets.
        resamples: of runs, for every fit; 0 for none.
    """

    laws: tuple[str, ...] = ()
    objectives: tuple[str, ...] = KINDS
    deltas: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    subsets: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    flops: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    resamples: int = 200

    def __post_init__(self):
        if self.resamples and self.resamples < FEWEST:
            raise InputError(f"--resamples {self.resamples}: 0 for none, or at least {FEWEST}")

    @property
    def chosen_objectives(self) -> list[Objective]:
        """Kinds, huber once for each delta. Raises InputError for a kind or delta that there is not."""
        kinds = self.objectives or KINDS
        return unique(
            Objective(kind, delta) if kind == "huber" else Objective(kind)
            for kind in kinds
            for delta in (self.deltas or (1e-3,) if kind == "huber" else (1e-3,))
        )

    @property
    def chosen_laws(self) -> list[Law]:
        """The laws. Raises InputError for one that has no compute-optimal split of params and tokens."""
        if not self.laws:
            return [law for law in laws.LAWS.values() if law.inputs == ("params", "tokens") and by_formula(law)]
        return [fitting(laws.get(id)) for id in unique(self.laws)]

    def at(self, resamples: int) -> "Axes":
        """The same with another number of resamples."""
        return replace(self, resamples=resamples)


def by_formula(law: Law) -> bool:
    """Whether a law of the loss has its optimum in closed form."""
    return law.optimum_kind == "closed form" and law.target == "loss" and law.positive


def fitting(law: Law) -> Law:
    """The law, where it is one of the loss with an optimum at a budget."""
    if law.optimum_kind and law.target == "loss" and law.positive:
        return law
    usable = [x.id for x in laws.LAWS.values() if x.optimum_kind and x.target == "loss" and x.positive]
    raise InputError(
        f"--laws {law.id}: it has no compute-optimal params and tokens; those that do: {', '.join(usable)}"
    )


def label(objective: Objective) -> str:
    """`huber 0.001`, `lad`."""
    return f"huber {objective.delta:g}" if objective.kind == "huber" else objective.kind


def unique(values) -> list:
    """Each value once, in order."""
    return list(dict.fromkeys(values))


def choose(
    axis: str,
    found: Mapping[str, Choice],
    asked: tuple[str, ...],
    groups: Mapping[str, list[str]],
    widen: Callable[[str], Choice | None],
) -> dict[str, Choice]:
    """Choices by name: all that were found, or those asked for.

    Args:
        groups: name -> the choices it stands for.
        widen: makes a choice of a text that is no name, or None where it cannot.

    Raises:
        InputError: a name that is none, where nothing can be made of it.
    """
    if not asked:
        return dict(found)
    chosen = {}
    for name in (x for text in asked for x in groups.get(text, [text])):
        choice = found[name] if name in found else widen(name)
        if choice is None:
            known = [*groups, *found]
            raise InputError(f"--{axis} {name!r}: no such choice{nearest(name, known)}; there are {', '.join(known)}")
        chosen[name] = choice
    return chosen


def is_expression(text: str) -> bool:
    """Whether a text is something to compute."""
    return any(sign in text for sign in "<>=*/+-(")
