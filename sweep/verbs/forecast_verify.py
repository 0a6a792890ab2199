"""`sweep forecast verify`: has the ledger of forecasts been edited, and which line."""

from dataclasses import dataclass

import tyro

from sweep.verbs.forecast import old
from sweep.verbs.forecast_list import existing, heading, problems
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Check every line of a ledger against its hash and against the line before.

    The chain shows a line that was edited, replaced, removed or moved. That the last lines were cut off, or that all
    from one line on was written anew with new hashes, it cannot show: give a hash that you kept elsewhere.

    Example: sweep forecast verify fit/

    Example: sweep forecast verify fit/ --kept 3b1c55d0a2f4
    """

    fit: tyro.conf.Positional[str]
    """Directory of the fit or of the sweep that the forecasts were made from."""
    kept: str | None = None
    """Hash of a line as it was shown when that line was written, or its first 12 digits: is it still there?"""


def run(args: Args) -> Output:
    """Judge the ledger; exit code 2 where it was edited."""
    found = existing(args.fit)
    wrong = problems(found)
    lost = args.kept is not None and not found.holds(args.kept)
    if lost:
        wrong.append({"line": None, "message": f"no line has the hash {args.kept}: lines were removed or written anew"})
    data = {
        "file": str(found.file),
        "lines": len(found.lines),
        "intact": not wrong,
        "problems": wrong,
        "unsealed": found.unsealed,
        "torn_bytes": found.torn,
        "head": found.head,
    }
    lines = [heading(found), *(f"line {x['line']} {x['message']}" if x["line"] else x["message"] for x in wrong)]
    lines += [old(found.unsealed)] * bool(found.unsealed)
    lines.append("edited: `sweep forecast score` refuses it" if found.broken else "no line was edited")
    return Output(data, "\n".join([*lines, f"head {found.head}"]), 2 if wrong else 0)
