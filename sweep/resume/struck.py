"""A kill as it was, and what it has cost by what the logs say afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.resume import journal


@dataclass
class Struck:
    """A kill as it was, and what became of it.

    Attributes:
        part: the run directory that it was in.
        when: what was planned, in words.
        how: the signal.
        done: share of the sweep that was trained, as the logs had it.
        cohort, step: that trained a chunk last before it, and the steps that it had taken, all rows together.
        total: steps of that cohort.
        lost: steps that were trained again, of all cohorts; known when the run has ended, as `outcome` is.
        lost_s: seconds of device time that they had taken.
        code: exit code.
        broken: checkpoint that it left without its mark, "" for none.
        outcome: in words.
    """

    part: str
    when: str
    how: str
    done: float
    cohort: str
    step: int
    total: int
    code: int
    broken: str
    team: str
    lost: int = 0
    lost_s: float = 0.0
    outcome: str = ""


def counts(path: Path) -> dict[str, int]:
    """Events in the log of each cohort."""
    return {cohort: len(journal.events(path, cohort)) for cohort in journal.cohorts(path)}


def settle(path: Path, struck: Sequence[tuple[Struck, Mapping[str, int]]]) -> None:
    """What each kill cost, by what the attempts after it began with.

    Args:
        struck: kills in order, with the number of events that the log of each cohort had.
    """
    for cohort in journal.cohorts(path):
        events = journal.events(path, cohort)
        before = 0
        for kill, ends in struck:
            end = ends.get(cohort, 0)
            begun = next((event for event in events[end:] if "begun" in event), None)
            trained = any("rows" in event for event in events[before:end])
            if begun is not None and trained:
                chunks = journal.lineage(events[:end]).chunks[begun["chunk"] :]
                kill.lost += sum(chunk.steps for chunk in chunks)
                kill.lost_s += sum(chunk.seconds for chunk in chunks)
                if cohort == kill.cohort:
                    kill.outcome = f"went on from chunk {begun['chunk']}" if begun["chunk"] else "began anew"
            before = end
    for kill, _ in struck:
        kill.outcome = kill.outcome or ("its cohort had ended" if kill.cohort else "had trained nothing yet")


def told(kill: Struck) -> str:
    """A kill in a line."""
    where = f"cohort {kill.cohort} at {kill.step:,} of {kill.total:,} steps" if kill.cohort else "before any chunk"
    between = f", checkpoint {kill.broken} written and not committed" if kill.broken else ""
    return f"{kill.how} at {kill.done:.0%}: {where}{between}"
