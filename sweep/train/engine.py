"""Training a sweep: cohorts on groups of devices, each in its own folder of the run directory.

One process trains cohorts side by side on threads. Of several, each trains one cohort after another with the others of
its group, from one thread, while other groups train theirs. Safe to stop at any moment and to start again with the same
command: what is done is kept, what was under way continues from its last checkpoint.
"""

import dataclasses
import threading
import uuid
from collections.abc import Collection
from functools import partial

import jax
import pyarrow as pa

from sweep import files, storage
from sweep.config import Sweep
from sweep.design import room
from sweep.design.cohorts import cohorts
from sweep.design.placement import Place, Schedule, place
from sweep.design.trial import Trial
from sweep.errors import InputError, Partial, Refusal, SweepError, as_values, of_values
from sweep.storage import Location
from sweep.tables import io
from sweep.train import devices, results, store
from sweep.train.away import Away
from sweep.train.board import Board
from sweep.train.capacity import is_out_of_memory
from sweep.train.cohort import COMPILING, CohortRun, Settings
from sweep.train.data.order import validation_windows
from sweep.train.data.shards import Corpus, require_windows
from sweep.train.devices import Device
from sweep.train.dispatch import side_by_side
from sweep.train.gang.news import heeding, leave_word, stopping_together
from sweep.train.gang.team import ALONE, Team
from sweep.train.gang.turns import devices_of, in_turn, shared
from sweep.train.hold import holding, sorted_out
from sweep.train.log import LOG, Log
from sweep.train.outcome import (
    finish,
    folder_of,
    lay_out,
    left_of,
    open_attempt,
    publish,
    record_failure,
    trained_before,
)
from sweep.train.precompile import Precompiled
from sweep.train.progress import Quiet
from sweep.train.stop import Either, interruptible
from sweep.train.telling import Telling, hearing
from sweep.train.tracker import Tracker
from sweep.train.watch import STOPPED

SLOWER = 4.0  # times as long as expected that a chunk may take before its process counts as stuck


def run(
    sweep: Sweep,
    trials: list[Trial],
    out: Location,
    corpus: Corpus,
    progress: Quiet | None = None,
    gang: Team = ALONE,
    but: Collection[str] = (),
) -> pa.Table:
    """Train `trials` into the run directory `out`; returns the merged loss table.

    Args:
        out: already claimed for this sweep (store.claim).
        progress: what to show while it goes on.
        gang: the processes that train it; all make this call.
        but: hashes of cohorts that are left alone. Meshes are those of the whole plan.

    Raises:
        Partial: stopped by a signal, or some cohorts failed; everything finished is in the table.
        InputError: the disk is full or the folder cannot be written.
        what a cohort of several processes fails with, unless all of them meet it: the others wait, the gang must end.
    """
    progress = progress or Quiet()
    if not gang.alone:
        gang = gang.part(gang.share(lambda: uuid.uuid4().hex), gang.members)  # apart from other calls in this process
        progress = progress if gang.leads else Telling(gang)
    if sweep.tensorboard:
        progress = Board(files.local(out) / "tensorboard", progress)
    if sweep.wandb:
        progress = Tracker(sweep, out, progress)
    schedule, group = schedule_of(trials, gang), devices_of(gang)
    everything = [p.cohort for p in schedule.places if p.cohort.hash not in but]
    turns = shared(schedule, lambda: left_of(out, everything), gang)
    for waiting in turns.places:
        require_windows(corpus, waiting.cohort.shape.seq_len, waiting.cohort.shape.batch)
    windows = validation_windows(corpus.val, sweep.architecture.seq_len, sweep.data.val_tokens)
    code = store.versions().get("isoflop", "unknown")
    origin = results.Origin(sweep.name, code, len(corpus.train), corpus.bytes_per_token)
    limit = None if gang.alone else least_memory(gang)
    problems: list[BaseException] = []
    away = Away(progress.note, gang.watch.moved)
    trained: set[str] = set()
    teams: dict[str, Team] = {}
    elsewhere: set[str] = set()  # others train them, or have trained them meanwhile

    def prepare(place: Place, group: list[Device], team: Team = gang) -> CohortRun:
        folder, every = folder_of(out, place.cohort), sweep.checkpoint
        where, keeping = store.checkpoints_of(out, sweep, place.cohort.hash), (every.minutes, every.keep)
        settings = Settings(folder, sweep.curve_points, *keeping, sweep.memory, limit=limit, checkpoints=where)
        made = CohortRun(place.cohort, group, place.axes.trial, (corpus.train, windows), settings, team)
        made.machine.watch.stop = stop
        made.on_chunk, made.away = each_chunk, away
        if team.leads:
            made.on_begin = begun
            progress.prepared(made)
        return made

    def begun(training: CohortRun) -> None:
        away.until("rows", partial(open_attempt, training, origin), stop)
        progress.begun(training)

    def each_chunk(training: CohortRun) -> None:
        patience = max(gang.watch.times.stuck, SLOWER * training.longest)
        gang.watch.doing(f"training cohort {training.cohort.hash}", patience)
        if training.team.leads:
            away.kept("rows", partial(publish, training, origin))
            progress.update(training)

    ahead = turns.places if gang.alone and devices.platform() != "cpu" else []
    programs = Precompiled(prepare, ahead, group)

    def guarded(place: Place, group: list[Device], team: Team = gang) -> None:
        """Train, and keep what goes wrong for later: one cohort's failure does not stop the others."""
        try:
            if team.alone:  # again, from what was saved, where the store was away as the cohort was claimed or read
                away.until("cohort", partial(one, place, group, team), stop)
            else:
                one(place, group, team)
        except SweepError as error:
            too_large = isinstance(error, Refusal) and error.code == "too_large"
            if not (team.alone or too_large or isinstance(error, Partial)):
                raise
            if too_large and team.leads:
                progress.failed(place.cohort, str(error))
                record_failure(out, place.cohort, origin, error)
            problems.append(error)
        except OSError as error:
            stop.set()
            problems.append(InputError(f"{out}: {error.strerror or error}; free some space, then repeat the command"))
            if not team.alone:
                raise problems[-1] from error
        except jax.errors.JaxRuntimeError as error:
            if not team.alone:
                raise
            progress.failed(place.cohort, str(error).splitlines()[0])
            record_failure(out, place.cohort, origin, error)
            problems.append(Partial(f"cohort {place.cohort.hash} failed: {str(error).splitlines()[0]}"))
        except BaseException as error:  # a fault of ours: end every cohort, and let the caller see it whole
            if not gang.alone:
                raise
            stop.set()
            problems.append(error)

    def one(place: Place, group: list[Device], team: Team) -> None:
        if team.share(stop.is_set):
            raise Partial(STOPPED)
        gang.watch.doing(f"compiling cohort {place.cohort.hash}", COMPILING)
        folder = folder_of(out, place.cohort)
        with Log(folder / LOG) as log, holding(folder, log, team) as hold:
            if hold is None:
                elsewhere.add(place.cohort.hash)
                return
            away.back("cohort")
            if team.leads:
                log.write(given=len(group))
                progress.turn(place.cohort)
            training = programs.take(place, group) if gang.alone else prepare(place, group, team)
            try:
                train_to_end(training, Either(stop, hold.lost), hold.attempt)
            except Partial:
                if not team.share(lambda: hold.lost.is_set() and not stop.is_set()):
                    raise
                elsewhere.add(place.cohort.hash)
                return
            if team.leads:
                away.until("rows", partial(finish, training, origin), stop)
                away.until("rows", hold.finish, stop)
                progress.done(training)
        trained.add(place.cohort.hash)

    def train_each(places: tuple[Place, ...]) -> None:
        if gang.alone:
            side_by_side(places, group, guarded, stop)
        else:
            in_turn(dataclasses.replace(turns, places=places), gang, group, guarded, teams)

    if gang.leads:
        lay_out(out, everything, [place.cohort for place in turns.places])
    todo = {place.cohort.hash for place in turns.places}
    ended = [c for c in everything if c.hash not in todo] if gang.leads else []
    stands = storage.each(lambda c: trained_before(out, c), ended, out)
    done = {c.hash: stand for c, stand in zip(ended, stands, strict=True)}
    rows = {row["trial"]: row for row in io.merged(out).to_pylist()} if gang.leads else {}
    meshes = [] if gang.alone else [str(place.axes) for place in turns.places]
    with interruptible() as stop:  # also while the tables are merged
        with (
            stopping_together(gang, stop),
            programs,
            progress.showing(everything, done, rows, meshes),
            hearing(gang, progress),
        ):
            waiting = turns.places
            while waiting:
                elsewhere.clear()
                train_each(waiting)
                free, held = gang.share(partial(sorted_out, out, gang.gather(sorted(elsewhere)), stop))
                waiting = tuple(place for place in turns.places if place.cohort.hash in free)
                problems += [Partial(held)] if held and not waiting else []
            if gang.alone and stop.is_set() and trained < todo and not problems:
                problems.append(Partial(STOPPED))
            if not gang.alone:
                problems = of_everybody(problems, gang)
        return concluded(out, gang, problems, away, stop)


def train_to_end(training: CohortRun, stop: threading.Event, attempt: int) -> None:
    """Train a cohort; with the next choice, from the last checkpoint, where the device runs out of memory."""
    team = training.team
    with heeding(team, training.log.write):
        while True:
            try:
                training.run(stop, attempt)
                return
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if not team.alone:  # the others wait in a program: it is the next command that takes the next choice
                    leave_word(team, **training.out_of_memory())
                    raise InputError(
                        f"cohort {training.cohort.hash} ran out of memory as it trained; repeat the command on every "
                        "host: it goes on from the last checkpoint and takes less memory"
                    ) from error
                training.shrink()


def of_everybody(problems: list[BaseException], gang: Team) -> list[BaseException]:
    """The problems of all processes, once all have come to the end of their cohorts."""
    told = gang.gather([as_values(problem) for problem in problems if isinstance(problem, SweepError)])
    return [of_values(values) for mine in told for values in mine]


def concluded(out: Location, gang: Team, problems: list[BaseException], away: Away, stop: threading.Event) -> pa.Table:
    """The merged loss table; raises the gravest of the problems, the same one in all processes."""
    made: list[pa.Table] = []
    try:
        gang.share(lambda: away.until("tables", lambda: made.append(io.merge(out)), stop))
    except SweepError as error:
        problems = [*problems, error]  # behind what went wrong first, of which it may be a consequence
    for problem in sorted(problems, key=lambda p: isinstance(p, Partial)):
        raise problem
    return made[0] if made else io.read(out / "losses.parquet")


def schedule_of(trials: list[Trial], gang: Team = ALONE) -> Schedule:
    """Which devices of the gang train which cohort.

    Of the whole plan, not of what is left: a mesh decides the last bits of a loss.
    """
    group, platform = devices_of(gang), devices.platform()
    memory = least_memory(gang) if platform != "cpu" else None  # on a CPU no mesh takes less of it
    return place(cohorts(trials), len(group), platform, memory, len(group) // len(gang.members))


def least_memory(gang: Team) -> int:
    """Bytes of a device, the least of all processes, of which each can ask its own devices alone."""
    return -gang.most(-devices.memory_bytes(jax.local_devices()[0]))


def check(sweep: Sweep, trials: list[Trial], gang: Team = ALONE) -> None:
    """Before a folder is written. Raises InputError where memory.micro_batches does not divide some cohort's batch."""
    for one in schedule_of(trials, gang).places:
        next(room.choices(one.cohort.shape, one.axes.data, sweep.memory))
