"""What goes into a bundle: the tables, the config, every fit with its table, the ledger; never the text."""

import datetime
import hashlib
import io as streams
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

import sweep
from sweep import storage
from sweep.bundle import checklist
from sweep.errors import InputError
from sweep.fit.multiverse import result as multiverse
from sweep.fit.result import FIT_FILE, LANES_FILE, Fit
from sweep.plan import chain, forecast
from sweep.storage import Location, locate
from sweep.tables import io
from sweep.tables.cohorts import FOLDER, is_folder
from sweep.train import store
from sweep.train.launch import FORECAST
from sweep.versions import installed, processor

FORMAT = 1
MANIFEST, ENVIRONMENT, CHECKLIST = "bundle.json", "environment.json", "checklist"
OF_A_FIT = (FIT_FILE, LANES_FILE, multiverse.FILE, *(f"{multiverse.TABLE}.{end}" for end in ("parquet", "csv")))
LEFT_OUT = "(text left out)"
FILES = (".json", ".jsonl", ".parquet", ".html", ".csv", ".part")  # endings of what is no folder
Record = dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """Files by their names in the bundle, in order; `manifest` lists them with their SHA-256 and is not among them."""

    manifest: Record
    files: dict[str, bytes]


def contents(directory: Location) -> Bundle:
    """What a reader needs of a sweep, or of the fit of a table.

    Raises:
        InputError: no such directory, neither a sweep nor a fit, nothing trained yet, a damaged file, a fit whose table
            is not where it was.
    """
    trained = (directory / "sweep.json").exists()
    if not trained and not (directory / FIT_FILE).exists():
        raise InputError(
            f"{directory}: neither a sweep (no sweep.json) nor a fit (no {FIT_FILE}); give the directory that `sweep "
            "run` or `sweep fit` wrote with --out"
        )
    found: dict[str, bytes] = {}
    if trained:
        found |= of_a_sweep(directory)
        if (directory / FORECAST / "sweep.json").exists():
            found |= {f"{FORECAST}/{name}": data for name, data in of_a_sweep(directory / FORECAST).items()}
    found |= ledger_of(directory) | {file.name: read(file) for file in saved(directory)}
    trials = trials_of(found)
    fits = []
    for folder in fits_of(directory):
        own, entry = of_a_fit(folder, directory, trials)
        found |= own
        fits.append(entry)
    environment = environment_of(found, [f["path"] for f in fits])
    answers = checklist.answers(found, [f["path"] for f in fits])
    found[ENVIRONMENT] = as_json(environment)
    found[f"{CHECKLIST}.json"] = as_json({"checklist": [a.as_dict() for a in answers]})
    found[f"{CHECKLIST}.md"] = checklist.page(answers, directory.resolve().name).encode()
    found = {name: found[name] for name in sorted(found)}
    manifest = {
        "format": FORMAT,
        "name": directory.resolve().name,
        "of": "sweep" if trained else "fit",
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "fits": fits,
        "files": {name: {"bytes": len(data), "sha256": digest(data)} for name, data in found.items()},
    }
    return Bundle(manifest, found)


def of_a_sweep(directory: Location) -> dict[str, bytes]:
    """Record, plan, loss table and curves. Nothing is written into the directory: the sweep may still run."""
    record = store.read(directory)
    losses = io.merged(directory)
    if not losses.num_rows and (directory / io.LOSSES_FILE).exists():  # cohorts were cleared away, the table is here
        losses, curves = (io.parquet(directory / name) for name in (io.LOSSES_FILE, io.CURVES_FILE))
    else:
        curves = io.merged_curves(directory)
    if not losses.num_rows:
        raise InputError(f"{directory}: nothing trained yet; a bundle is of results: `sweep run` first")
    found = {
        "sweep.json": as_json({**record, "data": without_text(record["data"])}),
        io.LOSSES_FILE: parquet(losses),
        io.CURVES_FILE: parquet(curves),
    }
    plan = directory / "plan.parquet"
    return {**found, plan.name: read(plan)} if plan.exists() else found


def trials_of(found: Mapping[str, bytes]) -> set[str]:
    """Trials of the loss table among the files, if it is there."""
    if io.LOSSES_FILE not in found:
        return set()
    table = pyarrow.parquet.read_table(streams.BytesIO(found[io.LOSSES_FILE]), columns=["trial"])
    return set(table["trial"].to_pylist())


def without_text(data: Record) -> Record:
    """A data manifest without the passage that shows where held-out and training text overlap."""
    example = (data.get("overlap") or {}).get("example")
    if not example:
        return data
    notes = [note.replace(repr(example), LEFT_OUT) for note in data.get("notes") or []]
    return {**data, "overlap": {**data["overlap"], "example": LEFT_OUT}, "notes": notes}


def saved(directory: Location) -> Iterator[Location]:
    """Plans that were saved as JSON."""
    for name in storage.listed(directory):
        if name.endswith(".json") and name.startswith(("plan", "suggest")):
            yield directory / name


def ledger_of(directory: Location, path: str = "") -> dict[str, bytes]:
    """The ledger of forecasts as one file, also where it is kept in entries; nothing where there is none."""
    text = chain.lines_of(directory / forecast.FILE)
    return {inside(path, forecast.FILE): text} if text else {}


def fits_of(directory: Location) -> list[Location]:
    """The directory and the folders in it that hold a fit."""
    listed = {name for name in storage.listed(directory) if not name.endswith(FILES) and name != FOLDER}
    names = sorted({*listed, "fit"})  # a list may be late
    return [folder for folder in [directory, *(directory / name for name in names)] if (folder / FIT_FILE).exists()]


def of_a_fit(folder: Location, directory: Location, trials: set[str]) -> tuple[dict[str, bytes], Record]:
    """(files of a fit, and of its table where that is not the sweep's; what the manifest says of it).

    Args:
        trials: of the sweep's loss table; empty of the fit of a table.
    """
    record = Fit.load(folder).record
    path = "" if folder == directory else folder.name
    found = {inside(path, name): read(folder / name) for name in OF_A_FIT if (folder / name).exists()}
    if path:
        found |= ledger_of(folder, path)
    entry = {"path": path or ".", "law": record["law"], "table": None, "why": None}
    source = (record.get("request") or {}).get("path")
    if "request" not in record:
        return found, entry | {"why": "made by a version that did not record its options: fit again to repeat it"}
    if source is None:
        return found, entry | {"why": "made from a table in memory, which is in no file"}
    place = locate(source)
    if place.is_file() and place.name != io.LOSSES_FILE:
        name = inside("tables", f"{path or 'fit'}-{place.name}")
        return {**found, name: read(place)}, entry | {"table": name}
    if (fitted := {point.get("trial") for point in record["points"]}) and fitted <= trials:
        return found, entry | {"table": "."}  # also where the directory was moved since
    if is_folder(place):
        return found, entry | {"why": f"made from another sweep, {source}: bundle that one"}
    raise InputError(
        f"{folder}: its table {source} is not here; call `sweep bundle` from the folder where `sweep fit` was called, "
        "or fit again"
    )


def inside(path: str, name: str) -> str:
    """A name below a folder of the bundle."""
    return f"{path}/{name}" if path else name


def environment_of(found: dict[str, bytes], fits: list[str]) -> Record:
    """Versions, device and code: of the training, of each fit, and of the machine that made the bundle."""
    sweep_record = json.loads(found["sweep.json"]) if "sweep.json" in found else {}
    fitted = {path: json.loads(found[inside(path.removeprefix("."), FIT_FILE)]).get("versions") for path in fits}
    return {
        "trained": {name: sweep_record.get(name) for name in ("code", "versions", "device", "created")},
        "fitted": fitted,
        "bundled": {
            "versions": installed(),
            "system": platform.platform(),
            "processor": processor(),
            "source": source_hash(),
        },
    }


def source_hash() -> str:
    """SHA-256 of the Python files of this package, by name and content: code that no version tells apart."""
    home, sums = Path(sweep.__file__).parent, hashlib.sha256()
    for folder, inner, names in os.walk(home, followlinks=True):
        inner.sort()
        for name in sorted(n for n in names if n.endswith(".py")):
            file = Path(folder) / name
            sums.update(f"{file.relative_to(home)}\0".encode() + file.read_bytes())
    return sums.hexdigest()


def read(file: Location) -> bytes:
    """A file whole. Raises InputError where it cannot be read."""
    if (data := storage.read(file)) is None:
        raise InputError(f"{file}: it is not there any more; repeat the command")
    return data


def digest(data: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(data).hexdigest()


def as_json(value: Any) -> bytes:
    """JSON for people and programs."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    sink = streams.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue()
