"""`sweep bundle DIR`: what a reader of a result needs to check it, in one file."""

import json
from dataclasses import dataclass

import tyro

from sweep.bundle import contents, pack
from sweep.storage import locate
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Pack a sweep, or the fit of a table, for readers and reviewers: tables, config, fits, forecasts, versions.

    It also holds a checklist of what a reader asks of a scaling-law paper, filled from the records, that says what is
    not known. Of the data it has the manifest and never the text, of the models nothing. `sweep reproduce` checks it.

    Example: sweep bundle runs/laptop --out laptop.tar.gz

    Example: sweep bundle fit/ --out supplement/
    """

    dir: tyro.conf.Positional[str]
    """The directory of a sweep, or that which `sweep fit TABLE --out DIR` wrote."""
    out: str = ""
    """A .tar.gz, or a folder; NAME.bundle.tar.gz in the working directory unless given."""


def run(args: Args) -> Output:
    """Pack, and say what is in it."""
    made = contents.contents(locate(args.dir))
    out = locate(args.out or f"{made.manifest['name']}.bundle.tar.gz")
    pack.write(made, out)
    listed = made.manifest["files"]
    asked = json.loads(made.files[f"{contents.CHECKLIST}.json"])["checklist"]
    unknown = [a for a in asked if not a["known"]]
    size = sum(entry["bytes"] for entry in listed.values())
    lines = [f"{out}: {len(listed)} files, {size / 1e6:.3g} MB, {len(made.manifest['fits'])} fits"]
    lines += [f"  {f['path']}: cannot be repeated: {f['why']}" for f in made.manifest["fits"] if f["table"] is None]
    lines.append(f"checklist: {len(asked) - len(unknown)} of {len(asked)} questions answered; not known:")
    lines += [f"  {a['question']} {a['why']}" for a in unknown]
    lines.append(f"next: sweep reproduce {out}")
    return Output({"bundle": str(out), **made.manifest, "checklist": asked}, "\n".join(lines))
