"""`sweep reproduce BUNDLE`: do the fits give the same digits, and does a trial give the same loss?"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from sweep import config, files, platforms
from sweep.bundle import pack, refit, retrain
from sweep.errors import InputError
from sweep.plan import chain, forecast
from sweep.train.data.build import open_data
from sweep.train.progress import Progress
from sweep.verbs.data import progress
from sweep.verbs.output import Output

FAILED = 2
NOTHING = "nothing was repeated: no fit is in the bundle; --train TRIAL trains one of its trials again"


@dataclass(frozen=True)
class Args:
    """Check a bundle: every file by its SHA-256, every fit by fitting again, the ledger of forecasts by its hashes.

    A fit reproduces where every number of its record and of its resamples is the same to 1e-6 relative with the same
    versions, and to 1e-4 with others, which are named. With --train a trial is trained again too: the same bit for
    bit where device, mesh and versions are the same, else within 3 sd of the noise between seeds. Exit code 2 where
    something does not reproduce.

    Example: sweep reproduce laptop.tar.gz

    Example: sweep reproduce laptop.tar.gz --train 745b9495aa8f --data corpus/
    """

    bundle: tyro.conf.Positional[str]
    """What `sweep bundle` made: a .tar.gz or a folder."""
    train: str | None = None
    """A trial to train again, by its id or the first digits of it; the trials of its shape are trained with it."""
    data: str | None = None
    """Its text, or the folder of `sweep data build`; default: what the config names. Other tokens are refused."""
    out: str = ""
    """Run directory of that training; runs/NAME-TRIAL unless given. The same command continues it."""


def device(args: Args) -> platforms.Device:
    """It trains only with --train."""
    return "any" if args.train else "cpu"


def run(args: Args) -> Output:
    """Open, fit again, train again where asked to, compare."""
    if args.train is None and (args.data or args.out):
        raise InputError("reproduce: --data and --out are of --train; name a trial to train again")
    with pack.opened(files.local(args.bundle)) as (folder, manifest):
        if args.train:
            retrain.check_trial(folder, args.train)
        fits = [refit.refit(folder, entry) for entry in manifest["fits"]]
        trained = train(args, folder, manifest) if args.train else []
        ledgers = ledgers_of(folder, manifest)
    same = [f.status == "same" for f in fits] + [t.reproduced for t in trained]
    good = bool(same) and all(same) and not any(ledgers.values())
    lines = [f"{args.bundle}: {len(manifest['files'])} files, as they were bundled {manifest['made']}"]
    lines += [refit.verdict(f) for f in fits]
    lines += [f"{name}: {'; '.join(wrong) or 'no line was edited'}" for name, wrong in ledgers.items()]
    lines += [retrain.verdict(t) for t in trained]
    lines.append("reproduced" if good else "NOT reproduced" if fits or trained else NOTHING)
    data: dict[str, Any] = {
        "bundle": args.bundle,
        "reproduced": good,
        "fits": [plain(f) for f in fits],
        "ledgers": ledgers,
        "trials": [{**dataclasses.asdict(t), "reproduced": t.reproduced} for t in trained],
    }
    return Output(data, "\n".join(lines), 0 if good else FAILED)


def plain(found: refit.Refit) -> dict[str, Any]:
    """A refit as JSON has it."""
    return dataclasses.asdict(found) | {"largest": found.largest if math.isfinite(found.largest) else None}


def ledgers_of(folder: Path, manifest: dict[str, Any]) -> dict[str, list[str]]:
    """Ledger of the bundle -> the edits that show in it."""
    names = [name for name in manifest["files"] if Path(name).name == forecast.FILE]
    return {name: [f"line {line.number} {line.problem}" for line in chain.read(folder / name).broken] for name in names}


def train(args: Args, folder: Path, manifest: dict[str, Any]) -> list[retrain.Retrained]:
    """Train a trial of the bundle again."""
    record = json.loads((folder / "sweep.json").read_text())
    where = config.from_dict(record["config"]).data
    with progress() as shown:
        corpus = open_data(dataclasses.replace(where, path=args.data) if args.data else where, shown)
    retrain.check_tokens(corpus, record)
    out = files.local(args.out or f"runs/{manifest['name']}-{args.train}")
    return retrain.retrain(folder, record, args.train or "", corpus, out, Progress(Console(stderr=True)))
