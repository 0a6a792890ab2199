"""A trial of a bundle trained again, in the compiled program and on the mesh that it had, and its loss compared.

The trials of its shape are one program, and how many rows a program has decides last bits: they are trained with it,
and compared too. The other cohorts are left alone: every mesh is that of the whole plan.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep import config
from sweep.bundle.contents import Record
from sweep.design import table
from sweep.design.cohorts import Cohort, cohorts
from sweep.design.trial import Trial
from sweep.errors import InputError
from sweep.tables import io
from sweep.train import engine, store
from sweep.train.data.shards import Corpus, as_dict
from sweep.train.devices import platform
from sweep.train.launch import trials_of
from sweep.train.progress import Quiet
from sweep.versions import differing, installed, processor

DEVIATIONS = 3.0  # of the noise between runs, that a loss may be off where bits cannot be equal
EXECUTION = ("device", "mesh", "mode", "attention", "remat", "micro_batches")  # columns that decide the last bits


@dataclass(frozen=True)
class Retrained:
    """One trial, as it was and as it is now. `noise` is the sd of ln loss between repeats, from `noise_source`."""

    trial: str
    before: float | None
    now: float | None
    exact: bool
    within: bool
    tolerance: float
    noise: float
    noise_source: str
    different: list[str]  # why bits need not be equal; empty where they must be

    @property
    def reproduced(self) -> bool:
        """Bit for bit where nothing differs that decides bits, else within the tolerance."""
        return self.exact or (bool(self.different) and self.within)


def check_trial(folder: Path, name: str) -> None:
    """Before any work: InputError where an unpacked bundle has no such trial, or nothing that could be trained."""
    if not (folder / "sweep.json").exists():
        raise InputError(f"--train {name}: the bundle is of the fit of a table, without a config: nothing to train")
    row_of(name, {row["trial"]: row for row in io.parquet(folder / io.LOSSES_FILE).to_pylist()})


def check_tokens(corpus: Corpus, record: Record) -> None:
    """InputError where a corpus holds other tokens than the sweep was trained on."""
    then = record["data"].get("fingerprint")
    if corpus.fingerprint != then:
        raise InputError(
            f"data {corpus.manifest.name}: other tokens (fingerprint {corpus.fingerprint}, trained on {then}); give "
            "the text of the sweep with --data, or the folder that `sweep data build` wrote of it"
        )


def retrain(folder: Path, record: Record, name: str, corpus: Corpus, out: Path, progress: Quiet) -> list[Retrained]:
    """Train the cohort of the trial `name` into `out`, which continues where it was stopped.

    Args:
        folder: the unpacked bundle, `record` its sweep.json.

    Raises:
        InputError: no such trial, or one that the bundle has no loss of.
        Refusal, Partial: as `sweep run`.
    """
    sweep = config.from_dict(record["config"])
    rows = {row["trial"]: row for row in io.parquet(folder / io.LOSSES_FILE).to_pylist()}
    place = row_of(name, rows)
    known = trials_of(sweep, corpus, record["device"]["platform"])
    if place not in (ids := [t.id for t in known]):
        raise InputError(
            f"trial {place}: this version designs other trials from the config of the bundle; install the version that "
            f"trained it: pip install isoflop=={record['code']}"
        )
    trials = trials_of(sweep, corpus, platform())
    mine = trials[ids.index(place)]
    cohort = next(c for c in cohorts(trials) if mine.id in [t.id for t in c.trials])
    train(sweep, trials, cohort, corpus, out, progress)
    then = {t.id: rows.get(k) for k, t in zip(ids, trials, strict=True)}
    now = {row["trial"]: row for row in io.merged(out).to_pylist()}
    noise = noise_of(list(rows.values()), record)
    found = [judged(t.id, then[t.id], now.get(t.id), record, noise) for t in cohort.trials if then[t.id]]
    return sorted(found, key=lambda r: r.trial != mine.id)


def row_of(name: str, rows: dict[str, Record]) -> str:
    """The trial of a name or of the first digits of one."""
    fitting = [trial for trial in rows if trial.startswith(name)]
    if len(fitting) != 1:
        done = [trial for trial, row in rows.items() if row["status"] == "done"]
        what = "several trials begin so" if fitting else "no such trial"
        raise InputError(f"--train {name}: {what}; the bundle has {', '.join(done[:8])}{', …' * (len(done) > 8)}")
    if rows[fitting[0]]["loss"] is None:
        raise InputError(f"--train {fitting[0]}: it is {rows[fitting[0]]['status']} in the table: no loss to compare")
    return fitting[0]


def train(sweep: config.Sweep, trials: list[Trial], cohort: Cohort, corpus: Corpus, out: Path, progress: Quiet) -> None:
    """Train one cohort of a plan."""
    sweep = dataclasses.replace(sweep, tensorboard=False, wandb="")
    engine.check(sweep, trials)
    store.claim(out, sweep, as_dict(corpus.manifest))
    table.write(trials, out / "plan.parquet")
    engine.run(sweep, trials, out, corpus, progress, but=[c.hash for c in cohorts(trials) if c.hash != cohort.hash])


def noise_of(rows: list[Record], record: Record) -> tuple[float, str]:
    """(sd of ln loss between repeats of a cell, where it is from): the seeds of the table, else the design's guess."""
    cells: dict[tuple, list[float]] = {}
    for row in rows:
        if row["status"] == "done":
            key = tuple(row[name] for name in ("budget", "width", "depth", "steps", "lr"))
            cells.setdefault(key, []).append(math.log(row["loss"]))
    repeated = [losses for losses in cells.values() if len(losses) > 1]
    if repeated:
        squares = sum(sum((x - sum(c) / len(c)) ** 2 for x in c) for c in repeated)
        return math.sqrt(squares / sum(len(c) - 1 for c in repeated)), "the seeds in the table"
    return record["config"]["prior"]["noise"], "prior.noise of the config"


def judged(trial: str, then: Any, now: Any, record: Record, noise: tuple[float, str]) -> Retrained:
    """One trial's two rows side by side."""
    before, after = then["loss"], None if now is None else now["loss"]
    different = [f"{name} {then[name]}, now {now[name]}" for name in EXECUTION if now and then[name] != now[name]]
    different += differing(record["versions"], installed())
    was = record["device"].get("processor")
    if then["device"] == "cpu" and was != processor():
        different.append(f"processor {was or 'not recorded'}, now {processor()}")
    tolerance = DEVIATIONS * noise[0]
    if now is None or before is None or after is None:
        return Retrained(trial, before, after, False, False, tolerance, *noise, different)
    within = abs(math.log(after / before)) <= tolerance
    exact = (before, then["loss_se"]) == (after, now["loss_se"])
    return Retrained(trial, before, after, exact, within, tolerance, *noise, different)


def verdict(found: Retrained) -> str:
    """One line for people."""
    if found.now is None or found.before is None:
        return f"trial {found.trial}: NOT REPRODUCED: loss {found.before}, now {found.now}"
    if found.exact:
        return f"trial {found.trial}: loss {found.now!r} nats/token, the same bit for bit"
    off = math.log(found.now) - math.log(found.before)
    told = f"loss {found.before:.6f}, now {found.now:.6f} nats/token, {off:+.2g} in ln loss"
    limit = f"{DEVIATIONS:g} sd of {found.noise:.2g} ({found.noise_source})"
    if not found.different:
        return f"trial {found.trial}: NOT REPRODUCED: {told}; device, mesh and versions are the same, so bits should be"
    word = "inside" if found.within else "NOT REPRODUCED, outside"
    return f"trial {found.trial}: {told}, {word} {limit}; bits may differ: {'; '.join(found.different)}"
