"""Orbax, set up for the processes of one team: what is written, who writes it, when it counts as whole.

A process of a gang saves with its team alone. Orbax's own defaults would ask all processes of the gang, make process 0
write what is written once, and meet on the devices without a limit of time; so each part is told who belongs to it.
A checkpoint is written where it stays, and a last file, commit_success.txt, says that it is whole: no rename is
needed, which a mounted bucket refuses or does file by file.
"""

import contextlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint import options, type_handlers

from sweep.errors import InputError
from sweep.storage import Location, disk
from sweep.storage.trouble import os_error
from sweep.train.gang.team import Team

COMMITTED = "commit_success.txt"  # Orbax's; in every whole checkpoint since Orbax 0.12.3
STAMPS = "_CHECKPOINT_METADATA"  # Orbax's; older ones have in it when they were committed
SAVING = 1200  # seconds: how long members wait for the slowest one to write its part
LATE = re.compile(r"timed out task names:([^[]*)")  # in the error of a barrier: a task a line, 3 or .../task:3
DEAD = re.compile(r"Task (\d+) heartbeat timeout")
MAY = "see that this host may write there, then repeat the command"
KINDS = {  # of the array store's errors, as they begin, and what to do; a disk's have the number of the system's error
    "RESOURCE_EXHAUSTED": "make room, then repeat the command",
    "PERMISSION_DENIED": MAY, "UNAUTHENTICATED": MAY, "UNAVAILABLE": MAY, "NOT_FOUND": MAY,
}  # fmt: skip


class Raised(logging.Filter):
    """Drops what is logged with a traceback though it is raised too, and we tell it in one line: by Orbax, and by
    asyncio of the further arrays of a checkpoint whose first one could not be read or written.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info:
            return True
        error, frames = record.exc_info[1], traceback.walk_tb(record.exc_info[2])
        files = [record.pathname, *(frame.f_code.co_filename for frame, _ in frames)]
        of_arrays = "tensorstore_spec" in str(error) or (error is not None and os_error(error) is not None)
        return not of_arrays and not any("orbax" in file for file in files)


RAISED = Raised()


class Hush:
    """Drops what the threads of the array store print when a save or a read fails: of several arrays, the first that
    fails is raised, and the others then find the event loop of Orbax closed. Each would be a traceback.
    """

    def __init__(self, before: Callable[["sys.UnraisableHookArgs"], object]):
        self.before = before

    def __call__(self, found: "sys.UnraisableHookArgs") -> None:
        if found.object is not None or str(found.exc_value) != "Event loop is closed":
            self.before(found)


def hush() -> None:
    """Put it before what Python does with such errors, once."""
    if not isinstance(sys.unraisablehook, Hush):
        sys.unraisablehook = Hush(sys.unraisablehook)


class Own:
    """An array that lies on devices of this process alone. Orbax refuses such a `jax.Array` where there are other
    processes, since it takes it for a copy that each of them has; it saves anything that looks like an array.
    """

    def __init__(self, array: jax.Array):
        self.array = array

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array, name)


class Saver:
    """Saves and reads trees of arrays, each with a JSON note, in folders that are given. One save at a time.

    Every member of the team makes the same calls; in `read` no member waits for another.
    """

    def __init__(self, team: Team):
        for name in ("absl", "asyncio"):
            logging.getLogger(name).addFilter(RAISED)  # no second time if it is there
        hush()
        self.team = team
        roles = options.MultiprocessingOptions(
            primary_host=team.members[0],
            active_processes=set(team.members),
            barrier_sync_key_prefix=team.key(),  # barriers of two teams, or of two savers of one, must not share a name
        )
        arrays = type_handlers.ArrayHandler(
            primary_host=team.members[0],
            use_replica_parallel=False,  # it would run programs on the devices to cut arrays that are small
            enable_write_sharding_file=False,  # where they belong is known when they are read
        )
        self.arrays = ocp.PyTreeCheckpointHandler(
            multiprocessing_options=roles,
            type_handler_registry=type_handlers.create_type_handler_registry((jax.Array, arrays), (Own, arrays)),
        )
        self.note = ocp.JsonCheckpointHandler(multiprocessing_options=roles)
        # Folders are made before `save` returns. Orbax's other way tells members of them under names that it counts in
        # each process for itself, and takes one team's folder for another's.
        timing = options.AsyncOptions(timeout_secs=SAVING, create_directories_asynchronously=False)
        protocol = options.AtomicityOptions(mode=options.AtomicityMode.COMMIT_FILE)
        both = ocp.CompositeCheckpointHandler(
            state=self.arrays,
            cursor=self.note,
            composite_options=ocp.CompositeOptions(
                multiprocessing_options=roles, async_options=timing, atomicity_options=protocol
            ),
        )
        self.saver = ocp.AsyncCheckpointer(
            both, async_options=timing, multiprocessing_options=roles, atomicity_options=protocol
        )

    def save(self, folder: epath.Path, arrays: dict[str, jax.Array], note: dict[str, Any]) -> None:
        """Start saving; what is at `folder` is written over. The arrays are copied before it returns."""
        items = {name: Own(x) if x.is_fully_addressable else x for name, x in arrays.items()}
        args = ocp.args.Composite(state=ocp.args.PyTreeSave(items), cursor=ocp.args.JsonSave(note))
        with telling(folder):
            self.saver.save(folder, args=args, force=True)

    def wait(self, folder: epath.Path) -> None:
        """Block until the last save, to `folder`, is whole. Orbax tells what went wrong once."""
        with telling(folder):
            self.saver.wait_until_finished()

    def read_note(self, folder: epath.Path) -> dict[str, Any]:
        """The note."""
        return dict(self.note.restore(folder / "cursor"))

    def read(self, folder: epath.Path, wanted: Mapping[str, jax.Array | jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
        """Arrays of the shapes, types and shardings of `wanted`, each read straight into its place. Where one is longer
        or shorter than it was saved, it is filled with zeros or cut.
        """
        how = {
            name: ocp.ArrayRestoreArgs(
                restore_type=jax.Array, dtype=x.dtype, sharding=x.sharding, global_shape=x.shape, strict=False
            )
            for name, x in wanted.items()
        }
        return self.arrays.restore(folder / "state", args=ocp.args.PyTreeRestore(item=wanted, restore_args=how))

    def close(self, folder: epath.Path) -> None:
        """Finish what is under way, to `folder`, and let go of the threads."""
        with telling(folder):
            self.saver.close()


def place(folder: Location | str) -> epath.Path:
    """Where checkpoints can be written: a folder, or an address that begins with gs://.

    Raises:
        InputError: an address of another kind.
    """
    text = str(folder)
    scheme, slashes, _ = text.partition("://")
    if slashes and scheme != "gs":
        raise InputError(
            f"{text}: checkpoints cannot be written to {scheme}://; mount the bucket as a folder on every host "
            "(docs/pods.md says how) and give that folder"
        )
    return epath.Path(text) if slashes else epath.Path(text).resolve()


def whole(folder: epath.Path) -> bool:
    """Whether the save of a checkpoint came to its end."""
    if (folder / COMMITTED).exists():
        return True
    try:  # as Orbax left it before 0.12.3
        return json.loads((folder / STAMPS).read_text()).get("commit_timestamp_nsecs") is not None
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def telling(folder: epath.Path) -> Iterator[None]:
    """A full or locked disk, and a process that does not come, in one line as InputError."""
    try:
        yield
    except ValueError as error:  # of the array store
        number, kind = os_error(error), str(error).partition(":")[0]
        if number is None and kind not in KINDS:
            raise
        said, advice = (kind, KINDS.get(kind)) if number is None else (os.strerror(number), disk.advice(number))
        raise InputError(f"{folder}: a checkpoint cannot be written: {said}; {advice}") from error
    except (jax.errors.JaxRuntimeError, TimeoutError) as error:
        late = missing(error)
        if not late:
            raise
        raise InputError(
            f"{folder}: a checkpoint cannot be written, {late} did not take part in time; see its log, then repeat "
            "the command"
        ) from error
    except OSError as error:
        if error.errno is None:
            raise
        said, advice = error.strerror, disk.advice(error.errno)
        raise InputError(f"{folder}: a checkpoint cannot be written: {said}; {advice}") from error


def missing(error: BaseException) -> str:
    """The processes that a barrier has waited for in vain, as its error names them: process 3. Nothing where it names
    none.
    """
    texts = [str(e) for e in (error, error.__cause__) if e is not None]
    late = {int(n) for t in texts for lines in LATE.findall(t) for n in re.findall(r"(\d+)\s*$", lines, re.MULTILINE)}
    late |= {int(n) for t in texts for n in DEAD.findall(t)}
    return f"process{'es' * (len(late) > 1)} {', '.join(map(str, sorted(late)))}" if late else ""
