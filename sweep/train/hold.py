"""A cohort in this run's hands: the claim that keeps others off, renewed while it trains."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sweep.errors import InputError
from sweep.storage import Location
from sweep.tables.cohorts import FOLDER
from sweep.train.claims import BEATS, Claim, Claims, Folder, Standing
from sweep.train.gang.team import Team
from sweep.train.log import Log
from sweep.train.owner import described, gone, owner

EXPIRY = 60.0  # seconds without a sign of its owner, by the store's clock, after which a cohort is anybody's
LOOK = 1.0  # seconds between looks at the claim of another


@dataclass
class Hold:
    """One attempt at a cohort.

    Attributes:
        attempt: its number; files and checkpoints are named by it.
        claim: of the leader, who renews it.
        lost: set when another has taken the cohort over.
        ended: all of the cohort is written, and marked.
    """

    attempt: int
    claim: Claim | None = None
    lost: threading.Event = field(default_factory=threading.Event)
    ended: bool = False

    def finish(self) -> None:
        """Mark the cohort as trained to its end, by this attempt unless another was first."""
        if self.claim is not None:
            self.claim.finish(self.attempt)
            self.ended = True


@contextlib.contextmanager
def holding(folder: Location, log: Log, team: Team) -> Iterator[Hold | None]:
    """Claim a cohort for a team, and hold it within; None where another trains it or has trained it to its end."""
    made: list[Claim | None] = []

    def take() -> int:
        made.append(Claims(Folder(folder), EXPIRY, gone).take(owner()))
        return 0 if made[0] is None else made[0].attempt + older(log)

    attempt = team.share(take)
    if not attempt:
        yield None
        return
    hold = Hold(attempt, made[0] if made else None)
    if hold.claim is None:
        yield hold
        return
    over = threading.Event()
    thread = threading.Thread(target=renew, args=(hold.claim, hold.lost, over), name="claim", daemon=True)
    thread.start()
    try:
        yield hold
    finally:
        over.set()
        thread.join()
        if not (hold.ended or hold.lost.is_set()):
            with contextlib.suppress(InputError):  # it expires
                hold.claim.release()


def renew(claim: Claim, lost: threading.Event, over: threading.Event) -> None:
    """Be heard of until `over`. A store that is away for a while is asked again: training does not wait for it."""
    try:
        while not over.wait(EXPIRY / BEATS):
            with contextlib.suppress(InputError):
                if not claim.renew():
                    return
    finally:
        if not over.is_set():  # also after a fault in here: nobody trains what he does not hold
            lost.set()


def older(log: Log) -> int:
    """Attempts by versions that had no claims: their files keep their numbers."""
    return sum("begun" in event and "owner" not in event for event in log.events())


def settled(folder: Location, stop: threading.Event) -> Standing:
    """Whose a cohort is, once that is certain: its owner gives a sign of life, or is gone."""
    claims = Claims(Folder(folder), EXPIRY, gone)
    first = now = claims.stand()
    while now.state == "held" and not stop.is_set():
        if now.attempt != first.attempt or (now.silent or 0.0) < (first.silent or 0.0):
            break
        time.sleep(LOOK)
        now = claims.stand()
    return now


def sorted_out(out: Location, claimed: Sequence[Sequence[str]], stop: threading.Event) -> tuple[list[str], str]:
    """Of cohorts that others had claimed: those that are free now, and one line about those that others do train.

    Args:
        claimed: their hashes, as each process of this run came upon them.
    """
    names = sorted({name for some in claimed for name in some})
    if not names or stop.is_set():
        return [], ""
    with ThreadPoolExecutor(len(names), "claims") as pool:
        stands = list(pool.map(lambda name: settled(out / FOLDER / name, stop), names))
    free = [name for name, stand in zip(names, stands, strict=True) if stand.state == "free"]
    held = [stand for stand in stands if stand.state == "held"]
    owners = "; ".join(dict.fromkeys(described(stand.owner) for stand in held))
    cohorts = "1 cohort is" if len(held) == 1 else f"{len(held)} cohorts are"
    return free, f"{cohorts} trained by {owners}; repeat the command when that has ended" if held else ""
