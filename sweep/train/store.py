"""The run directory: everything durable about a sweep, under one folder. Files appear whole or not at all."""

import datetime
import json
from pathlib import Path
from typing import Any

import jax

from sweep import config, files
from sweep.config import Sweep
from sweep.errors import InputError, Refusal
from sweep.versions import installed as versions
from sweep.versions import processor

RECORD = ("config", "hash", "code", "versions", "device", "data", "created")

OPERATIONAL = (
    "checkpoint",
    "memory",
    "tensorboard",
    "wandb",
)  # they change no result: they may differ when a sweep goes on
READING = ("text_field", "allow_skips")  # of `data`: what they change is in the fingerprint of the tokens


def identity(sweep: Sweep) -> str:
    """Hash of everything in a config that decides its results."""
    return config.content_hash(decisive(config.to_dict(sweep)))


def decisive(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a config that decide its results, the data's fingerprint aside."""
    kept = {name: value for name, value in values.items() if name not in OPERATIONAL}
    return {**kept, "data": {name: value for name, value in kept["data"].items() if name not in READING}}


def claim(out: Path, sweep: Sweep, data: dict[str, Any]) -> None:
    """Make `out` the run directory of `sweep`, or find that it already is.

    Raises:
        Refusal: `another_sweep`, the directory holds a sweep of another configuration or of other data.
        InputError: the directory cannot be written.
    """
    file = files.local(out) / "sweep.json"
    if file.exists():
        there = read(out)
        if there["hash"] != identity(sweep):
            raise Refusal(
                "another_sweep", f"{out} holds another sweep ({differences(there, sweep)}); choose another --out"
            )
        if there["data"].get("fingerprint") != data.get("fingerprint"):
            raise Refusal(
                "another_sweep",
                f"{out} was trained on other tokens (fingerprint {there['data'].get('fingerprint')}, now "
                f"{data.get('fingerprint')}); choose another --out",
            )
        return
    if out.is_file():
        raise InputError(f"{out}: a file, not a folder; choose another --out")
    if out.exists() and any(out.iterdir()):
        raise Refusal("another_sweep", f"{out} is not empty and holds no sweep; choose another --out")
    device = jax.devices()[0]
    record = {
        "config": config.to_dict(sweep),
        "hash": identity(sweep),
        "code": versions().get("isoflop", "unknown"),
        "versions": versions(),
        "device": {
            "platform": device.platform,
            "kind": device.device_kind,
            "count": jax.device_count(),
            "processor": processor(),
        },
        "data": data,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    files.write_text(file, json.dumps(record, indent=1))


def read(out: Path) -> dict[str, Any]:
    """The record of a run directory. Raises InputError where there is none or it is damaged."""
    file = out / "sweep.json"
    if not file.exists():
        raise InputError(f"{out}: not a run directory (no sweep.json); train one with `sweep run CONFIG --out {out}`")
    try:
        record = json.loads(file.read_text())
        return {name: record[name] for name in RECORD}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: damaged, not the record of a sweep; restore it, or choose another --out") from error


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
