"""A cohort's state on disk: the stacked arrays and a JSON cursor, as one Orbax checkpoint.

One checkpoint for the whole cohort is as many times fewer files as it has rows, and makes the tree of trunks and
branches consistent by construction. Restoring works onto any mesh: the arrays are read into the sharding asked for.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from sweep.errors import Refusal


TURN = threading.Lock()  # to start a save: Orbax tells saves by a counter of the process, and two at once mix them up


class Checkpoints:
    """The checkpoints of one cohort. Saving is asynchronous; `wait` before relying on the last one.

    Cohorts train side by side in threads; a save first waits for the one under way, whichever cohort's it is.
    """

    under_way: "Checkpoints | None" = None

    def __init__(self, folder: Path, keep: int):
        self.folder = folder.absolute()
        self.waiting = threading.Lock()
        self.manager = ocp.CheckpointManager(self.folder, options=ocp.CheckpointManagerOptions(max_to_keep=keep))

    def save(self, number: int, state: Any, cursor: dict[str, Any]) -> None:
        """Start saving; `number` rises with every save."""
        arrays = dict(enumerate_leaves(state))
        args = ocp.args.Composite(state=ocp.args.StandardSave(arrays), cursor=ocp.args.JsonSave(cursor))
        with TURN:
            if Checkpoints.under_way is not None:
                Checkpoints.under_way.wait()
            Checkpoints.under_way = self
            self.manager.save(number, args=args)

    def restore(self, like: Any, *, expected: bool, warn: Callable[[str], None]) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable state, shaped and sharded as `like`, with its cursor; None where none was ever saved.

        A checkpoint that cannot be read is passed over for the one before, with a warning.

        Raises:
            Refusal: `checkpoint_missing`, one was saved (`expected`) and none can be read: going on would silently
                start from step 0.
        """
        abstract = {
            name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding) for name, x in enumerate_leaves(like)
        }
        want = ocp.args.Composite(state=ocp.args.StandardRestore(abstract), cursor=ocp.args.JsonRestore())
        for number in sorted(self.manager.all_steps(), reverse=True):
            try:
                found = self.manager.restore(number, args=want)
            except (OSError, ValueError, KeyError) as error:
                warn(
                    f"checkpoint {number} in {self.folder} is unreadable ({type(error).__name__}); trying an older one"
                )
                continue
            leaves = [found["state"][name] for name, _ in enumerate_leaves(like)]
            return jax.tree.unflatten(jax.tree.structure(like), leaves), found["cursor"]
        if expected:
            raise Refusal(
                "checkpoint_missing",
                f"{self.folder}: a checkpoint was saved here and none can be read; "
                "restore the folder, or delete the cohort's folder to start it again",
            )
        return None

    def wait(self) -> None:
        """Block until the last save is on disk."""
        with self.waiting:
            self.manager.wait_until_finished()

    def close(self) -> None:
        """Finish and let go of the threads."""
        with TURN, self.waiting:
            if Checkpoints.under_way is self:
                Checkpoints.under_way = None
            self.manager.close()


def enumerate_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Leaves under plain names, so that a checkpoint does not depend on our classes."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [
        ("/".join(str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", k)))) for k in path), x)
        for path, x in leaves
    ]
