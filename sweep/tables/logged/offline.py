"""W&B's runs on disk, `wandb/offline-run-*/run-ID.wandb`: a log of blocks as LevelDB has it, of protobuf records."""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweep.errors import InputError
from sweep.tables.logged.history import STEP, History, Lost, by_step, with_settings
from sweep.tables.logged.protocol import parsed

ENDING = ".wandb"
IDENTITY = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
BLOCK, HEAD = 32_768, 7  # bytes of a block, and in front of each piece of a record: checksum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
CUT = "the file is cut: its writer was stopped, or still writes"
STATES = {0: "finished"}  # by exit code; others crashed


def runs_below(folder: Path) -> list[History]:
    """The runs of a `wandb` folder, of one run's folder, or of one file. A run continued offline is several."""
    files = sorted(folder.rglob(f"*{ENDING}")) if folder.is_dir() else [folder]
    runs: dict[str, History] = {}
    for file in sorted(files, key=lambda f: f.parent.name):  # offline-run-DATE_TIME-ID
        if file.is_file():
            made = run_of(file)
            before = runs.get(made.name)
            runs[made.name] = made if before is None else continued(before, made)
    return list(runs.values())


def continued(before: History, made: History) -> History:
    """A run that went on under its id: points of both, the later ones where both have a step."""
    points, again = by_step((p[STEP], p) for p in [*before.points, *made.points])
    lost = [*before.lost, *made.lost]
    if again:
        lost.append(Lost("values", again, "logged again by the run as it went on: the last counts", made.name))
    return History(made.name, before.config | made.config, points, made.state, lost)


def run_of(file: Path) -> History:
    """The run in a file. Raises InputError where it is none, or of another version of the format."""
    data = file.read_bytes()
    if not data.startswith(IDENTITY):
        raise InputError(f"{file}: not a run of W&B that this version can read; export its history as CSV instead")
    run, config = History(file.stem.removeprefix("run-")), {}
    logged: list[tuple[int, dict[str, Any]]] = []
    run.state = "running"
    for content in records(data, file, run):
        record = parsed("Record", content)
        if record is None:
            run.lost.append(Lost("records", 1, "not a record of W&B", str(file)))
            continue
        if record.HasField("run"):
            run.name = record.run.name or record.run.id or run.name
            config |= changes(record.run.config)
            config |= {"job_type": record.run.job} if record.run.job else {}
        if record.HasField("config"):
            config |= changes(record.config)
        if record.HasField("exit"):
            run.state = STATES.get(record.exit.code, "crashed")
        if record.HasField("history"):
            values = {key_of(item): value_of(item.value) for item in record.history.item}
            step = record.history.step.number if record.history.HasField("step") else values.get("_step", 0)
            logged.append((int(step), values))
    with_settings(run, config)
    run.points, again = by_step(logged)
    if again:
        run.lost.append(Lost("values", again, "logged again at the same step: the last counts", run.name))
    return run


def records(data: bytes, file: Path, run: History) -> Iterator[bytes]:
    """The records, put together of their pieces; what is not whole is told to `run`."""
    at, pieces = len(IDENTITY), None
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < HEAD:  # filled with zeros
            at += left
            continue
        if at + HEAD > len(data):
            run.lost.append(Lost("bytes", len(data) - at, CUT, str(file)))
            return
        crc, size, kind = struct.unpack("<IHB", data[at : at + HEAD])
        content = data[at + HEAD : at + HEAD + size]
        if len(content) < size:
            run.lost.append(Lost("bytes", len(data) - at, CUT, str(file)))
            return
        if zlib.crc32(content, zlib.crc32(bytes([kind]))) != crc or kind not in (WHOLE, FIRST, MIDDLE, LAST):
            run.lost.append(Lost("bytes", left, "damaged: a record fails its checksum", str(file)))
            at, pieces = at + left, None
            continue
        at += HEAD + size
        if kind in (WHOLE, FIRST):
            pieces = content
        elif pieces is not None:  # else its beginning was damaged
            pieces += content
        if kind in (WHOLE, LAST) and pieces is not None:
            yield pieces
            pieces = None


def changes(record: Any) -> dict[str, Any]:
    """The settings that a record sets; W&B wraps those of its own API as {"value": …}."""
    found = {key_of(item): value_of(item.value) for item in record.update}
    return {key: x["value"] if isinstance(x, dict) and "value" in x else x for key, x in found.items()}


def key_of(item: Any) -> str:
    """A name; inner names are joined by points."""
    return item.key or ".".join(item.nested)


def value_of(text: str) -> Any:
    """A value as JSON has it, NaN and infinity too."""
    try:
        return json.loads(text)
    except ValueError:
        return text
