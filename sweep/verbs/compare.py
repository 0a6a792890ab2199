"""`sweep compare`: laws side by side by what they foretell, or the arms of a table by what their compute buys."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from sweep import quantity
from sweep.errors import InputError
from sweep.fit.arms import compare_arms
from sweep.fit.compare import compare
from sweep.fit.rolling import default_laws, roll
from sweep.verbs.arms_text import describe_arms
from sweep.verbs.compare_text import describe
from sweep.verbs.output import Output
from sweep.verbs.table import FittingArgs


@dataclass(frozen=True)
class Args(FittingArgs):
    """Compare laws on a table by held-out error, or arms (architectures, optimisers, data) by compute.

    Each law is fitted below a budget and asked for the runs above it, for origins that roll back from the largest
    budget. An information criterion is the second opinion. With --by, the arms named in a column are fitted together
    and apart: do they share exponents, and how much compute is one worth in terms of the other?

    Example: sweep compare losses.csv --laws additive,gamma,kaplan_lnd

    Example: sweep compare losses.csv --by arch --compute 1e22
    """

    laws: str | None = None
    """Ids, comma between them; default: the laws that the table's columns feed. With --by: one law."""
    by: str | None = None
    """Column that names the arms."""
    resamples: Annotated[int, tyro.conf.arg(aliases=("--bootstrap",))] = 100
    """Of runs, below and above each origin (of each arm, with --by), for the doubt of differences."""
    compute: Annotated[float | None, tyro.conf.arg(aliases=("--target-compute",))] = field(
        default=None, metadata=quantity.COMPUTE
    )
    """With --by: FLOPs at which the arms are judged; default: the largest compute that all arms reach."""
    level: float = 0.9
    """Of the intervals."""
    seed: int = 0
    """Of the resampling."""


def run(args: Args) -> Output:
    """Compare, and say what was found."""
    if args.resamples < 20 or not 0 < args.level < 1:
        raise InputError(f"compare: resamples {args.resamples}, level {args.level}; at least 20, and within (0, 1)")
    objective, options = args.minimised, args.reading
    if args.by:
        data = compare_arms(
            args.source, args.by, law=args.laws or "additive", objective=objective, target=args.compute,
            level=args.level, seed=args.seed, count=args.resamples, **options,
        )  # fmt: skip
        return Output(data, describe_arms(data))
    ids = parse_laws(args.laws) or default_laws(args.source, **options)
    rolled = roll(
        args.source, ids, objective=objective, level=args.level, seed=args.seed, count=args.resamples, **options
    )
    data = compare(rolled, objective, args.level, args.seed)
    return Output(data, describe(data))


def parse_laws(text: str | None) -> list[str]:
    """["a", "b"] of "a,b"; empty for nothing."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
