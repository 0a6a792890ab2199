"""What `sweep verify-resume` prints: a row a kill, a row a comparison, the verdict."""

from collections import Counter
from collections.abc import Sequence

from sweep.resume.compare import TOLERANCE, Comparison
from sweep.resume.prove import Proof
from sweep.resume.struck import Struck

KILLS = ("", "run", "when", "signal", "cohort", "step", "lost", "exit", "outcome")
RUNS = ("run", "meshes", "trials", "points", "steps", "losses", "must be")


def text(name: str, proof: Proof, kept: str | None) -> str:
    """The evidence for people."""
    struck = table([KILLS, *(kill_row(i + 1, kill) for i, kill in enumerate(proof.kills))])
    runs = table([RUNS, *(run_row(one) for one in proof.comparisons)])
    found = proof.differences
    lines = [f"{name}: {many(proof.kills)}; a checkpoint every {proof.interval_s:.2g} s", "", *struck, "", *runs, ""]
    lines += [f"not tried: {one}" for one in proof.skipped]
    lines += [str(difference) for difference in found[:10]]
    lines += [f"and {len(found) - 10} more"] * (len(found) > 10)
    lines += [verdict(proof)]
    lines += [f"kept in {kept}"] * bool(kept)
    return "\n".join(lines)


def many(kills: Sequence[Struck]) -> str:
    """How many kills of each kind."""
    kinds = Counter("between write and commit" if kill.broken else kill.how for kill in kills)
    return f"{len(kills)} kills ({', '.join(f'{n} {kind}' for kind, n in kinds.most_common())})"


def kill_row(number: int, kill: Struck) -> tuple[str, ...]:
    """One kill."""
    broken = f"; checkpoint {kill.broken} was not committed" if kill.broken else ""
    step = f"{kill.step:,} of {kill.total:,}" if kill.cohort else ""
    when = f"{kill.done:.0%} done" + (f", {kill.when}" if kill.when.endswith("s in") else "")
    lost = f"{kill.lost:,} steps, {kill.lost_s:.2f} s" if kill.lost else "nothing"
    return (
        str(number), kill.part, when, kill.how, kill.cohort, step, lost, str(kill.code), kill.outcome + broken,
    )  # fmt: skip


def run_row(one: Comparison) -> tuple[str, ...]:
    """One comparison."""
    losses = "bit-equal" if one.largest == 0 else f"within {one.largest:.1e}"
    must = "bit-equal" if one.exactly else f"within {TOLERANCE:g}"
    verdict = "" if not one.differences else f"   {len(one.differences)} DIFFER"
    meshes = ", ".join(one.moves or one.meshes)
    return one.name, meshes, str(one.trials), str(one.points), f"{one.steps:,}", losses, must + verdict


def verdict(proof: Proof) -> str:
    """The last line: it names the first trial and step that differ, if any does."""
    if not (found := proof.differences):
        return (
            "the same: every step of every trial counts once, and tables and curves are those of the uninterrupted run"
        )
    named = sorted((d for d in found if d.trial), key=lambda d: d.step) or found
    return f"NOT the same: {named[0]}"


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns side by side."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
