"""`sweep fit`: a loss table in, a law with its doubt out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from sweep.errors import InputError
from sweep.fit import Fit, fit
from sweep.fit.result import FIT_FILE
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Fit a scaling law to a table of finished runs, with intervals, by all three approaches.

    The table needs the columns params, tokens and loss (nats/token); flops defaults to 6 x params x tokens. Nobody
    types start values: the fit finds the global optimum by itself and says how sure it is.

    Example: sweep fit runs/laptop --bootstrap 4000

    Example: sweep fit losses.csv --columns params=N tokens=D loss=val_loss --where "outlier == 0" --out fit/
    """

    table: tyro.conf.Positional[str]
    """CSV or Parquet file, or the directory of a sweep."""
    law: str = "additive"
    """Form of the law."""
    objective: str = "huber"
    """huber, lad, log_mse (all three in ln loss) or mse (in loss)."""
    delta: float = 1e-3
    """Residual of ln loss above which huber counts linearly instead of squared."""
    where: str | None = None
    """Keep the rows that satisfy this, such as "outlier == 0" or "epochs <= 1 and dataset == 'c4'"."""
    columns: tuple[str, ...] = ()
    """Names in your table, or expressions, such as params=N "tokens=C/(6*N)" loss=val; also flops, budget, trunk,
    and run for curves."""
    units: str | None = None
    """Of the loss: nats, bits (both per token) or bpb (bits per byte); guessed and said where not stated."""
    bytes_per_token: str | None = None
    """With --units bpb: a number or a column."""
    despite: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Code of a refusal to override, such as collinear; repeatable. Every output that follows says so."""
    bootstrap: int = 1000
    """Resamples of runs for the intervals; 0 for none. Runs of one trunk are drawn together."""
    seed: int = 0
    """Of the resampling."""
    level: float = 0.9
    """Share of the resamples inside an interval."""
    target_compute: float | None = None
    """FLOPs at which the answer is wanted; default: the sweep's target, else 10 x the largest fitted."""
    out: str | None = None
    """Directory for fit.json and lanes.parquet; default for the directory of a sweep: its fit/."""


def run(args: Args) -> Output:
    """Fit, save where asked to, and describe."""
    found = fit(
        args.table,
        law=args.law,
        objective=args.objective,
        delta=args.delta,
        where=args.where,
        columns=parse_columns(args.columns),
        bootstrap=args.bootstrap,
        seed=args.seed,
        level=args.level,
        target_compute=args.target_compute,
        units=args.units,
        bytes_per_token=args.bytes_per_token,
        despite=args.despite,
    )
    out = args.out or (str(Path(args.table) / "fit") if Path(args.table).is_dir() else None)
    text = describe(found)
    if out:
        found.save(out)
        text += f"\n\nsaved {Path(out) / FIT_FILE}"
    return Output(found.to_json(), text)


def parse_columns(pairs: tuple[str, ...]) -> dict[str, str]:
    """{"params": "N"} of ("params=N",). Raises InputError for a pair without a name on both sides."""
    result = {}
    for pair in pairs:
        key, separator, name = pair.partition("=")
        if not (key and separator and name):
            raise InputError(f"--columns {pair}: write input=column, such as params=N")
        result[key] = name
    return result


def describe(found: Fit) -> str:
    """The fit for people: verdict, law, approaches side by side, warnings."""
    r = found.to_json()
    objective = r["objective"]
    kind = objective["kind"] + (f" {objective['delta']:g}" if objective["delta"] else "")
    starts = r["approach3"]["starts"]
    agree = f"{starts['agree']} of {starts['of']} starts agree"
    stamp = f"DESPITE {', '.join(r['despite'])}: do not plan with this. " if r["despite"] else ""
    head = [
        f"{stamp}{r['source']}: {r['n']} runs, {r['status'].replace('_', ' ')} ({agree}), "
        f"{kind} objective {objective['value']:.9e}, residual sd {r['residual_sd']:.2g} in ln loss",
        r["units"]["statement"],
        "",
        f"{r['formula']}     {r['level']:.0%} interval of {r['bootstrap']} resamples",
    ]
    law = [f"  {name:6s} {show(value):>11s}   {span(r['interval'][name])}" for name, value in r["params"].items()]
    return "\n".join([*head, *law, "", *side_by_side(r), *notes(r)])


def side_by_side(r: dict[str, Any]) -> list[str]:
    """The three approaches: exponents and what each says at the target."""
    target = r["target"]
    lines = [f"{'':22s}{'a':>7s} {'':15s} {'b':>7s} {'':15s}  N*, D* at {target['flops']:.3g} FLOPs"]
    titles = ("1 envelope of curves", "2 isoFLOP parabolas", "3 the law above")
    for k, title in enumerate(titles, start=1):
        block, answer = r[f"approach{k}"], target[f"approach{k}"]
        if block["a"] is None or answer is None:
            lines.append(f"{title:22s}no answer: {block['reason']}")
            continue
        a, b = (f"{block[x]:7.3f} {span(block[f'{x}_interval'], 3):15s}" for x in ("a", "b"))
        n, d = (f"{show(answer[x])} {span(answer[f'{x}_interval'])}" for x in ("params", "tokens"))
        lines.append(f"{title:22s}{a} {b}  {n}, {d}")
    loss = target["approach3"]
    if loss["loss"] is not None:
        lines.append(f"loss at that optimum by the law: {loss['loss']:.4f} {span(loss['loss_interval'], 4)} nats/token")
    return lines


def notes(r: dict[str, Any]) -> list[str]:
    """Warnings, one a line."""
    return ["", *(f"warning {w['code']}: {w['message']}" for w in r["warnings"])] if r["warnings"] else []


def show(value: float | None) -> str:
    """Five digits, or a dash for what is unknown."""
    return "-" if value is None else f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.5g}"


def span(pair: list[float | None], decimals: int | None = None) -> str:
    """[low, high], or nothing where there is no interval."""
    low, high = pair
    if low is None or high is None:
        return ""
    if decimals is not None:
        return f"[{low:.{decimals}f}, {high:.{decimals}f}]"
    return f"[{low:.3g}, {high:.3g}]"
