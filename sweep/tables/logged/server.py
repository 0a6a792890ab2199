"""Runs on W&B's server, by the package of W&B: `wandb:ENTITY/PROJECT`, or one run by `wandb:ENTITY/PROJECT/ID`."""

import importlib
import importlib.util
from typing import Any

from sweep.errors import InputError
from sweep.tables.logged.history import History, Lost, by_step, with_settings

SCHEME = "wandb:"


def runs_at(address: str, api: Any = None) -> list[History]:
    """Every run of a project, with its whole history.

    Args:
        api: what `wandb.Api()` gives; by default that.

    Raises:
        InputError: the package is missing, no account, no such project; what W&B says in one line.
    """
    path = address.removeprefix(SCHEME).strip("/")
    parts = path.split("/")
    if not 2 <= len(parts) <= 3 or "" in parts:
        raise InputError(f"{address}: write {SCHEME}ENTITY/PROJECT or {SCHEME}ENTITY/PROJECT/ID")
    if api is None:
        if importlib.util.find_spec("wandb") is None:
            raise InputError(f"{address}: the package wandb is missing; pip install 'isoflop[wandb]'")
        wandb: Any = importlib.import_module("wandb")
        failures: tuple[type[Exception], ...] = (wandb.errors.Error, ValueError, OSError)
        try:
            return runs_at(address, wandb.Api())
        except failures as error:
            raise InputError(f"{address}: {str(error).splitlines()[0]}") from error
    found = api.runs("/".join(parts)) if len(parts) == 2 else [api.run("/".join(parts))]
    return [history_of(run) for run in found]


def history_of(run: Any) -> History:
    """A run of the API: its settings, its state, and every row of its history, not a sample."""
    config = {key: value for key, value in dict(run.config).items() if not key.startswith("_")}
    if job := getattr(run, "job_type", None):
        config["job_type"] = job
    points, again = by_step((int(row.get("_step") or 0), row) for row in run.scan_history())
    made = History(run.name or run.id, points=points, state=run.state)
    with_settings(made, config)
    if again:
        made.lost.append(Lost("values", again, "logged again at the same step: the last counts", made.name))
    return made
