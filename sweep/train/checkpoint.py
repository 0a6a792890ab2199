"""A cohort's state on disk: the stacked arrays and a JSON cursor, as one Orbax checkpoint.

One checkpoint for the whole cohort is as many times fewer files as it has rows, and makes the tree of trunks and
branches consistent by construction. It is written by all processes of the cohort, and read by any number of them onto
any mesh: the arrays are read into the sharding asked for.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath

from sweep.errors import Refusal
from sweep.storage import Location
from sweep.train import sums
from sweep.train.gang.team import ALONE, Team
from sweep.train.saver import Saver, place, telling, whole

TEMPORARY = ".orbax-checkpoint-tmp"  # in names of what Orbax has not finished
OTHER_NUMBERS = "other numbers than were saved"


class Saved(NamedTuple):
    """The name of a checkpoint. Attempts never write to one another's: two may run where one was taken for dead."""

    number: int  # chunks of the cohort
    attempt: int

    def __str__(self) -> str:
        return str(self.number) if self.attempt == 1 else f"{self.number}-{self.attempt}"


def parsed(name: str) -> Saved | None:
    """`12`, `12-2`; None where it is no name of a checkpoint."""
    number, _, attempt = name.partition("-")
    if not number.isdecimal() or not (attempt or "1").isdecimal():
        return None
    return Saved(int(number), int(attempt or 1))


class Checkpoints:
    """The checkpoints of one cohort. Saving is asynchronous; `wait` before relying on the last one.

    All members of the team make the same calls. The leader alone looks at what is there, and deletes.
    """

    def __init__(self, folder: Location | str, keep: int, team: Team = ALONE, attempt: int = 1):
        """Makes the folder.

        Args:
            keep: how many checkpoints, the newest, stay.
            team: the processes that train the cohort.
            attempt: whose the checkpoints are that are saved; those of all attempts are read.

        Raises:
            InputError: checkpoints cannot be written to such an address.
        """
        self.folder, self.keep, self.team, self.mine = place(folder), keep, team, attempt
        self.saver = Saver(team)
        self.there = [Saved(*one) for one in team.share(self.look)]  # a listing may be late: all go by one
        self.bad: set[Saved] = set()  # could not be read
        self.under_way: Saved | None = None
        self.last: dict[str, Any] | None = None  # cursor of the newest save
        self.failed: Exception | None = None  # what a save ended with

    def at(self, saved: Saved) -> epath.Path:
        """Where a checkpoint is."""
        return self.folder / str(saved)

    def look(self) -> list[Saved]:
        """The whole checkpoints, the newest last. What a save has left that was broken off is deleted."""
        children, there = [], []
        with telling(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # a store has no empty folders
                children = list(self.folder.iterdir())
            for child in children:
                if (saved := parsed(child.name)) and whole(child):
                    there.append(saved)
                elif parsed(child.name.partition(TEMPORARY)[0]):  # of an attempt before: this one has saved nothing yet
                    child.rmtree(missing_ok=True)
        return sorted(there)

    def save(self, number: int, state: Any, cursor: dict[str, Any]) -> None:
        """Start saving under `number`, or under the next that is free, once the save before is whole.

        A run that fell back to an older checkpoint comes to numbers again that are taken.
        """
        if cursor == self.last:  # nothing new
            return
        self.wait()
        name = Saved(max([number, *(taken.number + 1 for taken in self.there)]), self.mine)
        arrays = dict(enumerate_leaves(state))
        note = {"cursor": cursor, "shapes": shapes(arrays)}
        if self.team.alone:  # of several, one that does not come must be met by the save's barrier, which names it
            note["sums"] = self.sums(arrays)
        self.saver.save(self.at(name), arrays, note | {"digest": digest(note)})
        self.under_way, self.last = name, cursor

    def restore(self, like: Any, *, expected: bool, warn: Callable[[str], None]) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable state, shaped and sharded as `like`, with its cursor; None where none was ever saved.

        Meshes pad the rows of a cohort to different lengths: rows that `like` has in addition are zeros, and never
        trained. A checkpoint that one member cannot read is passed over by all for the one before, with a warning.

        Raises:
            Refusal: `checkpoint_missing`, one was saved (`expected`) and none can be read: going on would silently
                start from step 0.
        """
        wanted = dict(enumerate_leaves(like))
        for saved in reversed(self.there):
            state, note, trouble = self.tried(saved, wanted)
            troubles = self.team.gather(trouble)
            if not any(troubles) and "sums" in note and not sums.agree(note["sums"], self.sums(state)):
                troubles = [OTHER_NUMBERS] * len(troubles)
            if not any(troubles):
                return jax.tree.unflatten(jax.tree.structure(like), [state[name] for name in wanted]), note["cursor"]
            del state  # before the next is read
            self.bad.add(saved)
            if self.team.leads:
                kinds = dict.fromkeys(told(self.team, troubles))
                warn(f"checkpoint {saved} in {self.folder} is unreadable ({', '.join(kinds)}); trying an older one")
        if expected:
            raise Refusal(
                "checkpoint_missing",
                f"{self.folder}: a checkpoint was saved here and none can be read; "
                "restore the folder, or, while no worker trains it, delete the cohort's folder to start it again",
            )
        return None

    def tried(self, saved: Saved, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str | None]:
        """(arrays, note, None), or what kind of trouble there was."""
        try:
            note = self.saver.read_note(self.at(saved))
            if note.get("digest") not in (None, digest({k: v for k, v in note.items() if k != "digest"})):
                return {}, {}, OTHER_NUMBERS
            if note.get("shapes", shapes(wanted)) != shapes(wanted):
                raise ValueError("other shapes")  # the array store would cut or fill them without a word
            return self.saver.read(self.at(saved), wanted), {**note, "cursor": note["cursor"]}, None
        except (jax.errors.JaxRuntimeError, MemoryError):  # no fault of the files
            raise
        except Exception as error:  # whatever the array store, its codecs and Orbax raise over a damaged file
            return {}, {}, type(error).__name__

    def sums(self, arrays: dict[str, Any]) -> list[int]:
        """Of the bits of each row (sweep.train.sums), of all members."""
        return sums.together(self.team.gather(sums.of_shards(arrays)))

    def wait(self) -> None:
        """Block until the last save is on disk, then delete the oldest. Raises each time what went wrong."""
        if self.failed is not None:
            raise self.failed
        try:
            self.saver.wait(self.folder)
        except Exception as error:
            self.failed = error
            raise
        if self.under_way is not None:
            self.there.append(self.under_way)
            self.under_way = None
            self.thin()

    def forget(self) -> None:
        """A save that failed: another may be begun."""
        self.failed = self.under_way = self.last = None

    def thin(self) -> None:
        """Keep the newest that are good."""
        kept = [saved for saved in self.there if saved not in self.bad][-self.keep :]
        for saved in set(self.there).difference(kept):
            if self.team.leads:
                with telling(self.folder):
                    self.at(saved).rmtree(missing_ok=True)
        self.there = kept

    def close(self) -> None:
        """Finish and let go of the threads."""
        self.saver.close(self.folder)


def told(team: Team, troubles: Sequence[str | None]) -> list[str]:
    """The kind of each member's trouble; with its number where there are several members."""
    both = zip(team.members, troubles, strict=True)
    return [kind if team.alone else f"{kind} on process {member}" for member, kind in both if kind]


def digest(note: dict[str, Any]) -> str:
    """SHA-256 of a note as JSON, which may hold NaN."""
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()


def shapes(arrays: dict[str, Any]) -> dict[str, list[int]]:
    """Of one row of each array."""
    return {name: list(x.shape[1:]) for name, x in arrays.items()}


def enumerate_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Leaves under plain names, so that a checkpoint does not depend on our classes."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [
        ("/".join(str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", k)))) for k in path), x)
        for path, x in leaves
    ]
