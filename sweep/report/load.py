"""A run directory, or a fit of a table, as the report sees it: files only, and what is not there is absent rather than
invented."""

import json
import math
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sweep import laws, parquet
from sweep.errors import InputError
from sweep.plan import chain, forecast
from sweep.storage import Location, locate, readable
from sweep.tables.cohorts import is_folder

Row = dict[str, Any]
FIT_FILE = "fit.json"
PARAM_CONVENTIONS = ("total", "non_embedding", "with_head")


@dataclass(frozen=True)
class Run:
    """Everything the page is made from.

    Attributes:
        path: the run directory, or that of the fit.
        sweep: `sweep.json`; empty for the fit of a table.
        losses: rows of the loss table, one a trial; of the fit of a table the runs that were fitted.
        curves: rows of `curves.parquet`.
        fit: `fit/fit.json`, empty before a fit.
        lanes: bootstrap lanes of the fit.
        ledger: lines of `forecast.jsonl`.
        multiverse: `fit/multiverse.json`, empty where none was made.
        edited: numbers of its lines that were edited (sweep.plan.chain).
        trained: a sweep trained the runs; else they came as a table.
    """

    path: Location
    sweep: Row
    losses: list[Row]
    curves: list[Row]
    fit: Row
    lanes: list[Row]
    ledger: list[Row]
    multiverse: Row
    edited: list[int]
    trained: bool = True

    @property
    def again(self) -> str:
        """The command that fits again."""
        return f"sweep fit {self.path}" if self.trained else f"sweep fit {self.fit.get('source')} --out {self.path}"

    @property
    def config(self) -> Row:
        return self.sweep.get("config") or {}

    @property
    def name(self) -> str:
        if not self.trained:
            return f"fit of {locate(str(self.fit.get('source') or self.path.resolve().name)).name}"
        return str(self.config.get("name") or self.path.resolve().name)


def load(path: Location) -> Run:
    """Read a run directory, or the directory of a fit of a table.

    Raises:
        InputError: no such directory, neither kind of directory, nothing trained yet, or a file that cannot be read.
    """
    if not (path.exists() or is_folder(path)):
        raise InputError(f"{path}: no such directory; give the one that `sweep run` or `sweep fit` wrote with --out")
    home = path.parent if path.name == FIT_FILE else path
    if (home / FIT_FILE).is_file() and not (home / "sweep.json").exists():
        trained = home.resolve().name == "fit" and (home.parent / "sweep.json").exists()
        return load(home.parent) if trained else fit_of_table(home)
    if not is_folder(path) or not (path / "sweep.json").exists():
        raise InputError(
            f"{path}: not a run directory (no sweep.json) and not a fit (no {FIT_FILE}); give the one that `sweep run` "
            "or `sweep fit` wrote with --out"
        )
    sweep = read_json(path / "sweep.json")
    losses = read_parquet(path / "losses.parquet")
    if all(row.get("status") == "pending" for row in losses):
        raise InputError(
            f"{path}: nothing trained yet; `sweep run` with this sweep's config and --out {path} trains it"
        )
    ledger = chain.read(path / forecast.FILE)
    return Run(
        path=path,
        sweep=sweep,
        losses=losses,
        curves=read_parquet(path / "curves.parquet"),
        fit=fit_of_losses(path / "fit" / "fit.json"),
        lanes=read_parquet(path / "fit" / "lanes.parquet"),
        multiverse=read_json(path / "fit" / "multiverse.json") if (path / "fit" / "multiverse.json").exists() else {},
        ledger=[finite(line) for line in ledger.records],
        edited=[line.number for line in ledger.broken],
    )


def fit_of_table(home: Location) -> Run:
    """The fit of a table that no sweep has trained. Raises InputError for a file that cannot be read."""
    fit, ledger = fit_of_losses(home / FIT_FILE), chain.read(home / forecast.FILE)
    return Run(
        path=home,
        sweep={},
        losses=[fitted_row(i, point) for i, point in enumerate(fit.get("points") or [], start=1)],
        curves=[],
        fit=fit,
        lanes=read_parquet(home / "lanes.parquet"),
        multiverse=read_json(home / "multiverse.json") if (home / "multiverse.json").exists() else {},
        ledger=[finite(line) for line in ledger.records],
        edited=[line.number for line in ledger.broken],
        trained=False,
    )


def fitted_row(number: int, point: Row) -> Row:
    """A fitted run as a row of a loss table, in the one way of counting that its table has."""
    counts = {f"params_{name}": point.get("params") for name in PARAM_CONVENTIONS}
    counts |= {f"flops_{name}": point.get("flops") for name in ("exact", "6nd")}
    shared = {name: point.get(name) for name in ("budget", "tokens", "loss", "predicted", "residual")}
    name = point.get("trial") or f"run {number}"
    return {**shared, **counts, "bits_per_byte": point.get("loss"), "status": "done", "trial": name}


def fit_of_losses(path: Location) -> Row:
    """A fit.json, empty where there is none. Raises InputError for the fit of something else than losses."""
    fit = read_json(path) if path.exists() else {}
    law = laws.LAWS.get(str(fit.get("law")))
    if law is not None and law.target != "loss":
        raise InputError(f"{path}: a fit of {law.output}, not of losses; fit a law of the loss here again")
    return fit


def read_json(path: Location) -> Row:
    """A JSON object. Raises InputError naming the file and the line."""
    try:
        value = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); check its permissions or write it again") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno} is not JSON ({error.msg}); write the file again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a JSON object; write the file again")
    return finite(value)


def read_parquet(path: Location) -> list[Row]:
    """Rows of a table, none where there is no file. Raises InputError for a file that is not Parquet."""
    if not path.exists():
        return []
    try:
        return [finite(row) for row in parquet.read(readable(path)).to_pylist()]
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a readable Parquet file ({reason}); write the file again") from error


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None, at any depth."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
