"""What is left of a run directory, read from its files alone: no JAX, and no folder is listed where a name will do."""

from dataclasses import dataclass

from sweep import storage
from sweep.errors import InputError
from sweep.storage import Location
from sweep.tables.cohorts import DONE, FOLDER, named
from sweep.train.claims import Claims, Folder, Standing
from sweep.train.owner import gone

SWEEP = "sweep.json"
EXPIRY = 60.0  # as sweep.train.hold, which cannot be asked: it needs JAX (a test holds them equal)


@dataclass(frozen=True)
class Left:
    """The cohorts of a sweep, by hash.

    Attributes:
        cohorts: how many there are.
        stands: of those that are not done, whose they are.
        damaged: of those whose claims cannot be read, why.
    """

    cohorts: int
    stands: dict[str, Standing]
    damaged: dict[str, str]

    @property
    def free(self) -> list[str]:
        """Those that nobody trains."""
        return [name for name, stand in self.stands.items() if stand.state == "free"]


def left_of(out: Location) -> Left:
    """What is left of the sweep in `out`.

    Raises:
        InputError: no sweep is there, its list of cohorts is damaged, or the store cannot be read.
    """
    if storage.read(out / SWEEP) is None:
        raise InputError(f"{out}: holds no sweep; lay one out with `sweep run CONFIG --out {out} --engine none`")
    names = named(out)
    if not names:
        raise InputError(
            f"{out}: names no cohorts; lay the sweep out anew: `sweep run CONFIG --out {out} --engine none`"
        )
    marks = storage.read_many([out / FOLDER / name / DONE for name in names])
    waiting = [name for name, mark in zip(names, marks, strict=True) if mark is None]
    seen = storage.each(lambda name: stand_of(out, name), waiting, out)
    pairs = list(zip(waiting, seen, strict=True))
    stands = {name: stand for name, stand in pairs if isinstance(stand, Standing) and stand.state != "done"}
    return Left(len(names), stands, {name: why for name, why in pairs if isinstance(why, str)})


def crashes_of(out: Location, name: str, attempts: int) -> int:
    """How many attempts at a cohort ended with the process that trained it, as supervisors have written down."""
    marks = [out / FOLDER / name / crash(attempt) for attempt in range(1, attempts + 1)]
    return sum(mark is not None for mark in storage.read_many(marks))


def crash(attempt: int) -> str:
    """The file that says how the process of an attempt ended."""
    return f"crash-{attempt:04d}"


def stand_of(out: Location, name: str) -> Standing | str:
    """Whose a cohort is, or what is wrong with its claims."""
    try:
        return Claims(Folder(out / FOLDER / name), EXPIRY, gone).stand()
    except InputError as error:
        return f"{out / FOLDER / name}/{error}"
