"""`run.history()` of W&B as a file: CSV, JSON or Parquet, one run a file, one point a row."""

from pathlib import Path

from sweep.errors import InputError
from sweep.tables.logged.history import STEP, History, Lost, by_step
from sweep.tables.read import TableFile, read_file

STEPS = ("_step", "step", "Step", "global_step")


def run_of(file: Path) -> History:
    """The run in a table of points; it is called as its file.

    Raises:
        InputError: a file that is no table, or a table without a column of steps.
    """
    table, _ = read_file(TableFile(file))
    steps = next((name for name in STEPS if name in table.column_names), None)
    if steps is None:
        raise InputError(
            f"{file}: no column of steps ({', '.join(STEPS)}), so it is no history of one run; a table of finished "
            "runs needs no import: `sweep check` reads it"
        )
    rows = table.to_pylist()
    whole = [row for row in rows if isinstance(row[steps], int | float) and row[steps] == row[steps] // 1]
    points, again = by_step(
        (int(row[steps]), {k: v for k, v in row.items() if v is not None and k != steps}) for row in whole
    )
    run = History(file.stem, points=[{**p, steps: p[STEP]} for p in points])
    if len(whole) < len(rows):
        run.lost.append(Lost("points", len(rows) - len(whole), "no step", run.name))
    if again:
        run.lost.append(Lost("values", again, "logged again at the same step: the last counts", run.name))
    return run
