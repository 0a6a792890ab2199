"""A cohort's state on disk: the stacked arrays and a JSON cursor, as one Orbax checkpoint.

One checkpoint for the whole cohort is as many times fewer files as it has rows, and makes the tree of trunks and
branches consistent by construction. Restoring works onto any mesh: the arrays are read into the sharding asked for.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import NamedSharding, PartitionSpec

from sweep.errors import InputError, Refusal

TURN = threading.Lock()  # to start a save: Orbax tells saves by a counter of the process, and two at once mix them up


class Checkpoints:
    """The checkpoints of one cohort. Saving is asynchronous; `wait` before relying on the last one.

    Cohorts train side by side in threads; a save first waits for the one under way, whichever cohort's it is.
    """

    under_way: "Checkpoints | None" = None

    def __init__(self, folder: Path, keep: int):
        self.folder = folder.absolute()
        self.waiting = threading.Lock()
        self.last: dict[str, Any] | None = None  # cursor of the newest save
        self.failed: Exception | None = None  # what a save ended with
        self.manager = ocp.CheckpointManager(self.folder, options=ocp.CheckpointManagerOptions(max_to_keep=keep))

    def save(self, number: int, state: Any, cursor: dict[str, Any]) -> None:
        """Start saving under `number`, or under the next that is free.

        A run that fell back to an older checkpoint comes to numbers again that are taken, and Orbax drops without a
        word what is not newer than all that is there.
        """
        if cursor == self.last:  # nothing new
            return
        arrays = dict(enumerate_leaves(state))
        note = {"rows": next(iter(arrays.values())).shape[0], "cursor": cursor}
        args = ocp.args.Composite(state=ocp.args.StandardSave(arrays), cursor=ocp.args.JsonSave(note))
        with TURN:
            if Checkpoints.under_way is not None:
                with contextlib.nullcontext() if Checkpoints.under_way is self else contextlib.suppress(Exception):
                    Checkpoints.under_way.wait()  # another cohort's failure is told to that cohort
            Checkpoints.under_way = self
            with storage_errors(self.folder):
                self.manager.save(max([number, *(taken + 1 for taken in self.manager.all_steps())]), args=args)
            self.last = cursor

    def restore(self, like: Any, *, expected: bool, warn: Callable[[str], None]) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable state, shaped and sharded as `like`, with its cursor; None where none was ever saved.

        Meshes pad the rows of a cohort to different lengths, so the leading axis is cut or filled to that of `like`.
        A checkpoint that cannot be read is passed over for the one before, with a warning.

        Raises:
            Refusal: `checkpoint_missing`, one was saved (`expected`) and none can be read: going on would silently
                start from step 0.
        """
        wanted = dict(enumerate_leaves(like))
        for number in sorted(self.manager.all_steps(), reverse=True):
            try:
                state, cursor = self.read(number, wanted)
            except (OSError, ValueError, KeyError) as error:
                warn(
                    f"checkpoint {number} in {self.folder} is unreadable ({type(error).__name__}); trying an older one"
                )
                continue
            leaves = [with_rows(state[name], x) for name, x in wanted.items()]
            return jax.tree.unflatten(jax.tree.structure(like), leaves), cursor
        if expected:
            raise Refusal(
                "checkpoint_missing",
                f"{self.folder}: a checkpoint was saved here and none can be read; "
                "restore the folder, or delete the cohort's folder to start it again",
            )
        return None

    def read(self, number: int, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """One checkpoint: straight into place where its rows agree with `wanted`, else whole on every device."""
        note = self.manager.restore(number, args=ocp.args.Composite(cursor=ocp.args.JsonRestore()))["cursor"]
        abstract = {}
        for name, x in wanted.items():
            where = x.sharding if note["rows"] == x.shape[0] else NamedSharding(x.sharding.mesh, PartitionSpec())
            abstract[name] = jax.ShapeDtypeStruct((note["rows"], *x.shape[1:]), x.dtype, sharding=where)
        found = self.manager.restore(number, args=ocp.args.Composite(state=ocp.args.StandardRestore(abstract)))
        return found["state"], note["cursor"]

    def wait(self) -> None:
        """Block until the last save is on disk. Raises each time what went wrong; Orbax tells whoever asks first."""
        with self.waiting:
            if self.failed is not None:
                raise self.failed
            try:
                with storage_errors(self.folder):
                    self.manager.wait_until_finished()
            except Exception as error:
                self.failed = error
                raise

    def close(self) -> None:
        """Finish and let go of the threads."""
        with TURN, self.waiting, storage_errors(self.folder):
            if Checkpoints.under_way is self:
                Checkpoints.under_way = None
            self.manager.close()


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """A full or locked disk, which the array store reports as ValueError, in one line as InputError."""
    try:
        yield
    except ValueError as error:
        kind = str(error).partition(":")[0]
        if kind not in ("RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAVAILABLE", "NOT_FOUND"):
            raise
        raise InputError(
            f"{folder}: a checkpoint cannot be written ({kind}); free some space, then repeat the command"
        ) from error


def with_rows(found: jax.Array, like: jax.Array | jax.ShapeDtypeStruct) -> jax.Array:
    """`found` with as many rows as `like`, where it belongs; what is added repeats the last row and is never run."""
    if found.shape == like.shape:
        return found
    rows = np.minimum(np.arange(like.shape[0]), found.shape[0] - 1)
    return jax.device_put(np.asarray(found)[rows], like.sharding)


def enumerate_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Leaves under plain names, so that a checkpoint does not depend on our classes."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [
        ("/".join(str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", k)))) for k in path), x)
        for path, x in leaves
    ]
