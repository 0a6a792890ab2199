"""The run directory: everything durable about a sweep, in one folder on a disk or in a store. Files appear whole."""

import datetime
import json
import os
import uuid
from pathlib import Path
from typing import Any

import jax

from sweep import config, files, storage
from sweep.config import Sweep
from sweep.errors import InputError, Refusal
from sweep.hashing import content_hash
from sweep.storage import Address, Location
from sweep.tables.cohorts import FOLDER
from sweep.versions import code as source
from sweep.versions import installed as versions
from sweep.versions import processor

PROBE = ".probe-"  # how the name begins of what is written to see whether that is possible
RECORD_FILE = "sweep.json"
RUN_FILE = "run.json"  # in a checkpoint.folder: whose checkpoints they are
RECORD = ("config", "hash", "code", "versions", "device", "data", "created")

OPERATIONAL = (
    "checkpoint",
    "memory",
    "tensorboard",
    "wandb",
)  # they change no result: they may differ when a sweep goes on
READING = ("text_field", "allow_skips", "stage")  # of `data`: what they change is in the fingerprint of the tokens


def identity(sweep: Sweep) -> str:
    """Hash of everything in a config that decides its results."""
    return content_hash(decisive(config.to_dict(sweep)))


def decisive(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a config that decide its results, the data's fingerprint aside."""
    kept = {name: value for name, value in values.items() if name not in OPERATIONAL}
    return {**kept, "data": {name: value for name, value in kept["data"].items() if name not in READING}}


def ready(out: Location, sweep: Sweep) -> None:
    """Before tokens are made or devices taken: that the sweep can be kept in `out`. A store is written to and read.

    Raises:
        Refusal: `another_sweep`, the directory holds a sweep of another configuration.
        InputError: it cannot be written, or what the sweep leaves cannot be kept there.
    """
    saves = checkpoints_of(out, sweep, "")
    if "://" in saves and not saves.startswith("gs://"):
        raise InputError(
            f"{out}: checkpoints cannot be kept at {saves.partition('://')[0]}://; say where with --checkpoint.folder: "
            "a folder that every host sees, such as a parallel filesystem or a mount of the bucket"
        )
    for name in ("tensorboard", "wandb"):
        if getattr(sweep, name) and isinstance(out, Address):
            raise InputError(f"{out}: {name} writes to a folder alone; leave it out, or give a folder as --out")
    if (there := known(out)) is not None:
        refuse_another(out, there, sweep)
    else:
        refuse_filled(out)
    if isinstance(out, Address):
        probe(out)
    elif not os.access(next(p for p in (out.absolute(), *out.absolute().parents) if p.exists()), os.W_OK):
        raise InputError(f"{out}: cannot be written: Permission denied; choose another --out")
    if sweep.checkpoint.folder:
        try:
            probe(files.local(sweep.checkpoint.folder))
        except InputError as error:
            raise InputError(f"checkpoint.folder: {error}".replace("--out", "--checkpoint.folder")) from error


def probe(folder: Location) -> None:
    """Write an object, write it over, read it and remove it. Raises InputError in one line where one of them fails."""
    name, text = folder / f"{PROBE}{uuid.uuid4().hex}", b"sweep asks whether it may write here; this may be deleted"
    try:
        for _ in range(2):  # some accounts may create and not write over
            storage.put(name, text)
        same = storage.read(name) == text
        storage.remove(name)
    except InputError as error:
        raise InputError(str(error).replace(str(name), str(folder))) from error
    if not same:
        raise InputError(f"{folder}: what is written there is not what is read; choose another --out")


def checkpoints_of(out: Location, sweep: Sweep, cohort: str) -> str:
    """Where the checkpoints of a cohort are kept."""
    if folder := sweep.checkpoint.folder:
        return str(files.local(folder) / cohort)
    home = Address("gs", out.path) if isinstance(out, Address) and out.scheme == "gcs" else out
    return str(home / FOLDER / cohort / "checkpoints")


def claim(out: Location, sweep: Sweep, data: dict[str, Any], platform: str = "") -> None:
    """Make `out` the run directory of `sweep`, or find that it already is. Of several that try, one makes it.

    Args:
        platform: that it is planned for, where that is not this machine's.

    Raises:
        Refusal: `another_sweep`, the directory holds a sweep of another configuration or of other data, or
            checkpoint.folder the checkpoints of another run.
        InputError: the directory cannot be written.
    """
    there = known(out)
    if there is None:
        refuse_filled(out)
        text = json.dumps(record_of(sweep, data, platform), indent=1)
        storage.create(out / RECORD_FILE, text.encode())
        there = read(out)  # ours, or that of whoever was first
    refuse_another(out, there, sweep)
    if there["data"].get("fingerprint") != data.get("fingerprint"):
        raise Refusal(
            "another_sweep",
            f"{out} was trained on other tokens (fingerprint {there['data'].get('fingerprint')}, now "
            f"{data.get('fingerprint')}); choose another --out",
        )
    if sweep.checkpoint.folder:
        claim_checkpoints(files.local(sweep.checkpoint.folder), out, there)


def claim_checkpoints(folder: Path, out: Location, record: dict[str, Any]) -> None:
    """Keep the checkpoints of one run alone in a folder, or another run would go on from them.

    Raises:
        Refusal: `another_sweep`, those of another run are there.
        InputError: the folder cannot be written.
    """
    mark = {"hash": record["hash"], "created": record["created"], "run": str(out)}
    if storage.create(folder / RUN_FILE, json.dumps(mark, indent=1).encode()):
        return
    try:
        there = json.loads(storage.read(folder / RUN_FILE) or b"")
        same = all(there[name] == mark[name] for name in ("hash", "created"))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / RUN_FILE}: damaged; choose another --checkpoint.folder") from error
    if not same:
        raise Refusal(
            "another_sweep",
            f"{folder} holds the checkpoints of another run ({there.get('run')}); choose another --checkpoint.folder",
        )


def record_of(sweep: Sweep, data: dict[str, Any], platform: str = "") -> dict[str, Any]:
    """What `sweep.json` says. Devices are those of this machine, unless it is planned for others."""
    return {
        "config": config.to_dict(sweep),
        "hash": identity(sweep),
        "code": versions().get("isoflop", "unknown"),
        "source": source(),
        "versions": versions(),
        "device": {"platform": platform} if platform else devices(),
        "data": data,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def devices() -> dict[str, Any]:
    """The devices that JAX finds."""
    first = jax.devices()[0]
    return {
        "platform": first.platform,
        "kind": first.device_kind,
        "count": jax.device_count(),
        "processor": processor(),
    }


def refuse_another(out: Location, there: dict[str, Any], sweep: Sweep) -> None:
    """Raise Refusal `another_sweep` where the record is of another configuration."""
    if there["hash"] != identity(sweep):
        raise Refusal("another_sweep", f"{out} holds another sweep ({differences(there, sweep)}); choose another --out")


def refuse_filled(out: Location) -> None:
    """Refuse a file, and a folder that a list shows to hold other things and no sweep that was begun meanwhile."""
    if isinstance(out, Path) and out.is_file():
        raise InputError(f"{out}: a file, not a folder; choose another --out")
    names = [name for name in storage.listed(out) if not name.startswith(PROBE)]
    if names and RECORD_FILE not in names:
        raise Refusal("another_sweep", f"{out} is not empty and holds no sweep; choose another --out")


def known(out: Location) -> dict[str, Any] | None:
    """The record of a run directory, None where there is none. Raises InputError where it is damaged."""
    file = out / RECORD_FILE
    text = storage.read(file)
    if text is None:
        return None
    try:
        record = json.loads(text)
        there = {name: record[name] for name in RECORD} | {"source": record.get("source")}
        whole = there["source"] is None or content_hash(decisive(there["config"])) == there["hash"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: damaged, not the record of a sweep; restore it, or choose another --out") from error
    if not whole:  # older versions told other fields apart
        raise InputError(
            f"{file}: damaged or edited: its config is not the one that its hash was made of; restore it, or choose "
            "another --out"
        )
    return there


def read(out: Location) -> dict[str, Any]:
    """The record of a run directory. Raises InputError where there is none or it is damaged."""
    if (there := known(out)) is None:
        raise InputError(f"{out}: not a run directory (no sweep.json); train one with `sweep run CONFIG --out {out}`")
    return there


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of a config by names such as `data.path`."""
    pairs = {}
    for name, value in values.items():
        pairs |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return pairs


def differences(there: dict[str, Any], sweep: Sweep) -> str:
    """The first few fields in which a saved sweep differs."""
    old, new = (flat(decisive(values)) for values in (there["config"], config.to_dict(sweep)))
    changed = [f"{k} {old.get(k)!r}, now {new.get(k)!r}" for k in sorted(old | new) if old.get(k) != new.get(k)]
    return "; ".join(changed[:3]) + (f"; and {len(changed) - 3} more" if len(changed) > 3 else "")
