"""What `sweep multiverse` prints: the verdict, the answers, the drivers with what each choice gives, the failures."""

from collections.abc import Mapping
from typing import Any

from sweep.fit.multiverse.axes import AXES
from sweep.fit.multiverse.verdict import size

SHOWN = 6  # choices of an axis in a line
RANKS = (0.05, 0.25, 0.5, 0.75, 0.95)
Record = Mapping[str, Any]


def describe(r: Record) -> str:
    """A multiverse for people."""
    stamp = f"DESPITE {', '.join(r['despite'])}: do not plan with this. " if r["despite"] else ""
    lines = [
        f"{stamp}{r['verdict']}",
        f"{r['source']}: {r['n']} runs, {r['specifications']:,} specifications, {r['passed']:,} pass; "
        f"{r['duplicates']:,} combinations that change nothing are left out",
        *counted(r),
        *(f"failed      {f['n']:,} {f['code']}: {f['reason']}" for f in r["failed"]),
        "",
        *answers(r),
        "",
        *drivers(r),
        "",
        *curve(r),
        "",
        f"{r['timing']['lanes']:,} lanes in {r['timing']['total_s']:.1f} s; "
        f"{r['compiled']['programs']} programs compiled of at most {r['compiled']['at_most']}",
    ]
    return "\n".join([*lines, *(f"warning {w['code']}: {w['message']}" for w in r["warnings"])])


def counted(r: Record) -> list[str]:
    """In which count of parameters all answers are, where fits used several."""
    unit, counts = r.get("params_counted_as"), r["axes"]["count"]
    return [f"N* is counted as {unit}; fits by other counts are converted to it"] if unit and len(counts) > 1 else []


def answers(r: Record) -> list[str]:
    """N*, D* and the loss at the target: over specifications, and with the resamples of each."""
    level = f"{r['level']:.0%}"
    lines = [
        f"{'':12s}{'median':>9s}   {level + ' of fits':20s} {level + ' of their resamples':24s} resampling's share"
    ]
    for name, title, write in (("params", "N*", size), ("tokens", "D*", size), ("loss", "loss", "{:.4f}".format)):
        block, share = r[name], r["variance"][name]["resampling_share"]
        pairs = [span(block[key], write) for key in ("interval", "resampled_interval")]
        told = "" if share is None else f"{share:.0%} of the variance"
        lines.append(f"{title:12s}{write(block['median']):>9s}   {pairs[0]:20s} {pairs[1]:24s} {told}".rstrip())
    return lines


def span(pair: list[float | None], write: Any) -> str:
    """`25B to 128B`, or nothing where there is no interval."""
    low, high = pair
    return "" if low is None or high is None else f"{write(low)} to {write(high)}"


def drivers(r: Record) -> list[str]:
    """Share of the variance by axis, and the median N* of its choices."""
    lines = [f"{'':12s}{'share of the variance of ln':30s}", f"{'':12s}{'N*':>5s} {'D*':>5s} {'loss':>5s}   median N*"]
    for row in r["drivers"]:
        parts = " ".join(f"{row[name]:5.0%}" for name in ("params", "tokens", "loss"))
        choices = sorted(row["choices"], key=lambda c: c["params"])
        if len(choices) > SHOWN:
            choices = [*choices[: SHOWN // 2], None, *choices[-SHOWN // 2 :]]
        told = ", ".join("…" if c is None else f"{c['choice']} {size(c['params'])}" for c in choices)
        lines.append(f"{row['axis']:12s}{parts}   {told}".rstrip())
    return lines


def curve(r: Record) -> list[str]:
    """Some specifications of the curve, with their choices."""
    good = [row for row in r["curve"] if row["status"] == "passed"]
    lines = [f"{'':12s}{'N*':>9s} {'D*':>9s}    loss   specification"]
    for rank in RANKS if len(good) >= len(RANKS) else ():
        row = good[round(rank * (len(good) - 1))]
        choices = ", ".join(row[axis] for axis in AXES)
        lines.append(
            f"{f'at {rank:.0%}':12s}{size(row['params']):>9s} {size(row['tokens']):>9s}  {row['loss']:.4f}   {choices}"
        )
    return lines
