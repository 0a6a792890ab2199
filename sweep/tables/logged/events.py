"""TensorBoard's event files: records of a length, its checksum, an Event, its checksum (TensorFlow's TFRecord)."""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sweep.tables.logged.history import History, Lost, by_step
from sweep.tables.logged.protocol import parsed

MARK = "tfevents"  # in the name of every event file
HEAD, TAIL = 12, 4  # bytes around the content of a record
KINDS = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}  # DataType of tensor.proto -> content
FIELDS = {1: "floats", 2: "doubles", 3: "ints", 9: "longs"}
TABLE: list[int] = []
CUT = "the file is cut: its writer was stopped, or still writes"


def runs_below(folder: Path) -> list[History]:
    """A run for each folder that has event files, named by its path below `folder`; several files are one run."""
    files = sorted(folder.rglob(f"*{MARK}*")) if folder.is_dir() else [folder]
    homes: dict[Path, list[Path]] = {}
    for file in files:
        if file.is_file():
            homes.setdefault(file.parent, []).append(file)
    top = folder if folder.is_dir() else folder.parent
    return [
        run_of(str(home.relative_to(top)) if home != top else home.resolve().name, sorted(own, key=began))
        for home, own in sorted(homes.items())
    ]


def began(file: Path) -> tuple[str, str]:
    """Order of the files of one run: events.out.tfevents.TIME.HOST, by time."""
    parts = file.name.split(f"{MARK}.")
    return parts[-1].split(".")[0].rjust(20, "0"), file.name


def run_of(name: str, files: Sequence[Path]) -> History:
    """The run that some event files hold."""
    run, others = History(name), Counter()
    logged: list[tuple[int, dict[str, Any]]] = []
    for file in files:
        for data in records(file, run):
            event = parsed("Event", data)
            if event is None:
                run.lost.append(Lost("records", 1, "not an event", str(file)))
                continue
            for value in event.summary.value:
                if (number := scalar(value)) is None:
                    others[value.tag] += 1
                else:
                    logged.append((event.step, {value.tag: number}))
    run.points, again = by_step(logged)
    if again:
        run.lost.append(Lost("values", again, "logged again at the same step: the last counts", name))
    if others:
        tags = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        run.lost.append(Lost("values", sum(others.values()), f"no numbers: {tags}", name))
    return run


def records(file: Path, run: History) -> Iterator[bytes]:
    """The contents of the whole records of a file; what is not whole is told to `run`."""
    data, at = file.read_bytes(), 0
    while at < len(data):
        size = struct.unpack("<Q", data[at : at + 8])[0] if at + HEAD <= len(data) else 0
        end = at + HEAD + size + TAIL
        if at + HEAD > len(data) or masked(data[at : at + 8]) != number(data, at + 8):
            why = CUT if at + HEAD > len(data) else "damaged: a length fails its checksum"
            run.lost.append(Lost("bytes", len(data) - at, why, str(file)))
            return
        if end > len(data):
            run.lost.append(Lost("bytes", len(data) - at, CUT, str(file)))
            return
        content = data[at + HEAD : end - TAIL]
        at = end
        if masked(content) == number(data, end - TAIL):
            yield content
        else:
            run.lost.append(Lost("records", 1, "damaged: a record fails its checksum", str(file)))


def scalar(value: Any) -> float | None:
    """The number of a value of a summary: `simple_value`, or a tensor of one number as TensorFlow 2 writes it."""
    if value.HasField("number"):
        return float(value.number)
    if not value.HasField("tensor") or value.metadata.plugin.name not in ("scalars", ""):
        return None
    tensor = value.tensor
    if tensor.dtype not in KINDS:
        return None
    if tensor.content:
        found = np.frombuffer(tensor.content, KINDS[tensor.dtype]) if len(tensor.content) % 8 in (0, 4) else np.empty(0)
    else:
        found = np.array(getattr(tensor, FIELDS[tensor.dtype]))
    return float(found[0]) if len(found) == 1 else None


def number(data: bytes, at: int) -> int:
    """Four bytes, little-endian."""
    return int.from_bytes(data[at : at + 4], "little")


def masked(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated and shifted by a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """CRC-32 with Castagnoli's polynomial; records of scalars are some dozens of bytes."""
    if not TABLE:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            TABLE.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
