"""Which run of a loss table decides which forecast."""

from collections.abc import Mapping, Sequence
from typing import Any

from sweep.plan.chain import Record

ENDED = ("done", "diverged", "failed")
NEAR = 0.005  # relative, of params and of tokens: the loss of a run so near differs by some 0.001 nats/token
Row = dict[str, Any]


def decided(forecast: Record, rows: Sequence[Row]) -> tuple[Row | None, str]:
    """(the row of a sweep's loss table that decides a forecast, or None; why not, where it is not plain).

    The run of the forecast's name; for a forecast whose name is no trial of the table, the one run of its params (with
    the head) and tokens, unless the fit already held such runs.
    """
    mine = [row for row in rows if row["trial"] == forecast["trial"]]
    if not mine and forecast.get("repeats"):
        return None, "the fit already held runs of its params and tokens: give the new one's --loss"
    if not mine:
        mine = [row for row in rows if near((row["params_with_head"], row["tokens"]), forecast)]
    ended = [row for row in mine if row["status"] in ENDED]
    if len(ended) > 1:
        names = ", ".join(str(row["trial"]) for row in ended)
        return None, f"{len(ended)} runs have its params and tokens ({names}): choose one by --loss"
    return (ended[0], "") if ended else (None, "its run has not ended" if mine else "no run of the table is its run")


def near(run: Sequence[Any], forecast: Mapping[str, Any]) -> bool:
    """Whether a run (params, tokens) is of the size that a forecast speaks of."""
    pairs = zip(run, (forecast["params"], forecast["tokens"]), strict=True)
    return all(None not in (value, said) and abs(value - said) <= NEAR * said for value, said in pairs)
