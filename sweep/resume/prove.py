"""The proof: a sweep trained once in one piece, and again and again with kills, and what came out side by side."""

import dataclasses
import json
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep import config
from sweep.config import Sweep
from sweep.errors import InputError, Refusal
from sweep.resume import children, compare, journal, kills
from sweep.resume.children import Child, Team
from sweep.resume.compare import Comparison, Difference
from sweep.resume.kills import Kill, Progress
from sweep.resume.struck import Struck, counts, settle, told

POLL, CLOSE = 0.005, 0.0005  # seconds between looks at the logs, and at the folder of a checkpoint that is written
SAVES = 3  # checkpoints that are to be written between two kills
LEAST = 1e-4  # minutes between checkpoints
ENDED = {  # exit codes after a signal; 0: it was done before
    "SIGTERM": (0, 3, -signal.SIGTERM),  # saved and stopped, or was not listening yet
    "SIGKILL": (0, -signal.SIGKILL),
}
CHOOSE = -1
MOST_DEVICES = 32  # of a CPU that are made for the other mesh
PATIENCE = 10.0  # times as long as the run without interruption and a minute may one take that goes on
MISSES = 8  # children of one round that may end before their kill comes: such a kill is made in another round

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Proof:
    """The evidence. `interval_s`: seconds between checkpoints of the runs that were killed."""

    kills: list[Struck]
    comparisons: list[Comparison]
    skipped: list[str]
    interval_s: float

    @property
    def differences(self) -> list[Difference]:
        """What must not be."""
        return [difference for one in self.comparisons for difference in one.differences]


@dataclass(frozen=True)
class Directory:
    """A run directory below the folder of a proof, and what is trained in it."""

    path: Path
    sweep: Path
    minutes: float | None
    platform: str

    @property
    def words(self) -> list[str]:
        """Of the command that trains it."""
        every = [] if self.minutes is None else ["--checkpoint.minutes", repr(self.minutes)]
        return ["run", str(self.sweep), "--out", str(self.path), *every]

    def start(self, team: Team, number: int):
        """The command as a child."""
        notes = self.path.with_name(f"{self.path.name}-output") / f"{number:03d}"
        return children.started(self.words, team, notes, self.platform)


class Prover:
    """What the parts of one proof share: where they are, and the run that nobody interrupted."""

    def __init__(self, sweep: Sweep, folder: Path, seed: int, platform: str, tell: Tell):
        self.sweep, self.folder, self.seed, self.platform, self.tell = sweep, folder, seed, platform, tell
        self.config = written(sweep, folder)
        self.reference = Directory(folder / "uninterrupted", self.config, None, platform)
        self.flops: dict[str, float] = {}
        self.totals: dict[str, int] = {}
        self.seconds = 0.0  # of the process that trained it
        self.interval = 0.0  # minutes
        self.struck: list[Struck] = []

    def train_whole(self, count: int) -> None:
        """Train it in one piece, and decide from it how often the others save, so that a kill has something to lose.

        Args:
            count: kills of one round.

        Raises:
            InputError, Refusal: what the command ended with.
        """
        self.tell("training it without interruption")
        with self.reference.start(Team(), 0) as child:
            child.wait()
            refuse_failed(child)
            self.seconds = time.monotonic() - child.began
        hashes, path = journal.cohorts(self.reference.path), self.reference.path
        self.flops = {c: json.loads((path / "cohorts" / c / "spec.json").read_text())["flops"] for c in hashes}
        whole = {c: journal.lineage(journal.events(path, c)) for c in hashes}
        self.totals = {c: line.steps for c, line in whole.items()}
        trained = sum(line.seconds for line in whole.values())
        self.interval = max(LEAST, min(self.sweep.checkpoint.minutes, trained / 60 / (SAVES * max(1, count))))

    @property
    def patience(self) -> float:
        """Seconds after which a process that goes on counts as stuck."""
        return PATIENCE * (self.seconds + 60)

    def directory(self, name: str) -> Directory:
        """A run directory that is killed."""
        return Directory(self.folder / name, self.config, self.interval, self.platform)

    def round(self, name: str, planned: Sequence[tuple[Kill, Team]], last: Team, exactly: bool) -> Comparison:
        """Train a run directory with a kill for each of the first processes, to its end, and compare it.

        A kill that its process did not live to see, since it came to its end before, is left out; who wants so many
        counts `struck`.

        Raises:
            Refusal: `resume_failed`, a process that was to go on could not.
        """
        directory = self.directory(name)
        progress = Progress(directory.path, self.flops)
        mine: list[tuple[Struck, dict[str, int]]] = []
        for number, (kill, team) in enumerate(planned):
            if all(journal.done(directory.path, cohort) for cohort in self.flops):
                break
            with directory.start(team, number) as child:
                struck = self.strike(child, kill, team, progress, name)
            if struck is not None:
                mine.append((struck, counts(directory.path)))
                self.tell(f"{name}: {told(struck)}")
        with directory.start(last, len(planned)) as child:
            if not child.wait(self.patience):
                why = f"did not end in {self.patience:.0f} s, the uninterrupted one took {self.seconds:.0f} s"
                raise Refusal("resume_failed", f"{directory.path}: the process that was to end it {why}")
            self.refuse_unresumed(child, name)
        settle(directory.path, mine)
        self.struck += [struck for struck, _ in mine]
        return compare.compared(name, directory.path, self.reference.path, exactly=exactly)

    def elsewhere(self, name: str, team: Team) -> Comparison:
        """Killed after a save, gone on as another team, killed so again, ended as before. Raises as `round`."""
        random_ = random.Random(f"{name} {self.seed}")
        early, late = (Kill("SIGKILL", random_.uniform(*span), saved=True) for span in ((0.1, 0.4), (0.5, 0.8)))
        return self.round(name, [(early, Team()), (late, team)], Team(), exactly=False)

    def other_devices(self) -> int:
        """A number of devices that gives other meshes, 0 where none is known. A CPU may have any number.

        With at most as many devices as cohorts each cohort has one device; then with more.
        """
        if self.platform != "cpu":
            return 0
        alone = journal.meshes(self.reference.path) == ["1x1"]
        return min(2 * len(self.flops), MOST_DEVICES) if alone else 1

    def strike(self, child: Child, kill: Kill, team: Team, progress: Progress, part: str) -> Struck | None:
        """Kill a child when it is time; None where it ended before. Raises as `round`."""
        progress.look()
        progress.saved = False
        before, moved = kills.unfinished(progress.directory), []
        rank = random.Random(f"rank {self.seed} {part} {kill.progress}").randrange(team.processes)
        while not child.ended:
            moved = progress.look() or moved
            if kills.due(kill, child.began, progress, moved):
                break
            time.sleep(POLL)
        broken, how = "", "SIGKILL" if kill.how == "uncommitted" else kill.how
        if child.ended:  # before its kill: each of its processes must have ended well
            if not child.wait(children.GRACE):
                child.stop()
            for each in range(team.processes):
                self.refuse_unresumed(child, part, each)
            return None
        if kill.how == "uncommitted":
            broken = between(child, progress.directory, before)
        else:
            child.send(signal.Signals[how], rank)
        if not child.wait(children.GRACE if team.processes > 1 else None):
            child.stop()
        code = child.code(rank)
        if code not in ENDED[how]:
            self.refuse_unresumed(child, part, rank)
        if code == 0:
            return None
        moved = progress.look() or moved
        cohort = moved[-1] if moved else ""
        step = journal.lineage(journal.events(progress.directory, cohort)).steps if cohort else 0
        left = kills.unfinished(progress.directory) - before
        broken = broken if any(folder.name == broken for folder in left) else ""
        total = self.totals.get(cohort, 0)
        return Struck(part, kill.when, how, progress.share, cohort, step, total, code, broken, str(team))

    def refuse_unresumed(self, child: Child, part: str, rank: int = 0) -> None:
        """Refuse to call it the same where a process that should go on, or end by our signal, ended otherwise."""
        if code := child.code(rank):
            where = self.folder / part
            raise Refusal("resume_failed", f"{where}: a process ended with exit code {code}: {child.said(rank)}")


def written(sweep: Sweep, folder: Path) -> Path:
    """The sweep as a file that `sweep run` reads, without what goes to places of others."""
    keeping = dataclasses.replace(sweep.checkpoint, folder="")
    plain = dataclasses.replace(sweep, tensorboard=False, wandb="", checkpoint=keeping)
    file = folder / "sweep.json"
    file.write_text(json.dumps({"config": config.to_dict(plain)}, indent=1))
    return file


def refuse_failed(child: Child) -> None:
    """The line of a command that could not train the sweep at all."""
    if code := child.code():
        said = child.said().partition("sweep run: ")[2] or child.said()
        raise InputError(f"the run without interruption ended with exit code {code}: {said}")


def between(child: Child, directory: Path, before: set[Path]) -> str:
    """Kill a process between the write of a checkpoint and its mark; the checkpoint's name, "" where it ended before.

    It is frozen as soon as a folder without the mark is seen, then looked at again: only such a process is killed.
    """
    while not child.ended:
        found = kills.unfinished(directory) - before
        if not found:
            time.sleep(CLOSE)
            continue
        child.send(signal.SIGSTOP)
        if still := sorted(found & kills.unfinished(directory)):
            child.send(signal.SIGKILL)
            return still[0].name
        child.send(signal.SIGCONT)
    return ""


def prove(
    sweep: Sweep, folder: Path, count: int, seed: int, *, devices: int, processes: int, platform: str, tell: Tell
) -> Proof:
    """Train, kill, resume, compare.

    Args:
        folder: empty; keeps every run directory.
        count: kills on the same mesh.
        devices: of the other mesh; 0: none is tried; CHOOSE: on a CPU so many that it is another.
        processes: of the gang; below 2: none is tried.

    Raises:
        InputError: the sweep cannot be trained at all.
        Refusal: `resume_failed`, what was killed did not go on.
    """
    prover = Prover(sweep, folder, seed, platform, tell)
    prover.train_whole(min(count, kills.A_ROUND))
    found: list[Comparison] = []
    missing = count
    for attempt in range(count + MISSES):
        planned = kills.plan(missing, seed + attempt * 1000, prover.seconds)[0]
        name = f"killed-{attempt + 1}"
        found.append(prover.round(name, [(kill, Team()) for kill in planned], Team(), exactly=True))
        missing = count - len(prover.struck)
        if missing <= 0:
            break
    skipped = [f"{missing} kills: the sweep ends before they come; take a longer one"] if missing > 0 else []
    other = prover.other_devices() if devices == CHOOSE else devices
    if not other:
        skipped.append("another mesh: --devices says how many devices it has")
    else:
        found.append(prover.elsewhere("other-devices", Team(devices=other)))
        if not found[-1].moves:
            skipped.append(f"another mesh: with {other} devices no checkpoint went to one; choose other --devices")
    if processes < 2:
        skipped.append("other processes: --processes says how many share the devices of this host")
    else:
        found.append(prover.elsewhere("other-processes", Team(processes)))
    return Proof(prover.struck, found, skipped, prover.interval * 60)
