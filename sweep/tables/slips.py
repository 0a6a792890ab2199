"""What a table betrays about itself: slips of a thousand or a million, units, curves, mixed tokenizers."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa

from sweep.tables.counts import doubts
from sweep.tables.expression import spelled
from sweep.tables.numbers import decoded, is_number, plain, texts
from sweep.tables.problem import Problem
from sweep.tables.scales import KEYS
from sweep.tables.units import doubt_flops

GAP, LONELY = 20.0, 3.0  # a slip is this factor away from the others, and this power more than they are from each other
NEAR = 0.3  # decades beside the other values in which a slip may belong; more where they are further apart
RUN_NAMES = ("run", "run_id", "run_name", "runid", "wandb_id")
TEXT_NAMES = ("tokenizer", "tokeniser", "vocab", "vocab_size", "data", "dataset", "corpus")
CURVE = 15  # rows of one run that make it a curve: ten checkpoints of a trunk may be finals, fifteen are a log


def suspicions(
    names: Mapping[str, str],
    rows: np.ndarray,
    values: Mapping[str, np.ndarray],
    stated: set[str],
    run: tuple[str, np.ndarray] | None,
    columns: Collection[str],
    name: str,
    other: bool = False,
) -> Iterator[Problem]:
    """What a foreign table betrays about itself.

    Args:
        rows: index of the chosen rows [m].
        values: params, tokens, loss and what there is of flops, [m] each.
        stated: inputs that the user named.
        columns: of the table.
        other: what is fitted is no loss, and may span decades.
    """
    params, tokens, loss = (values[key] for key in ("params", "tokens", "loss"))
    keys = KEYS if other else (*KEYS, "loss")
    sized = [key for key in keys if known(values[key]) and (values[key] > 0).all()]
    odd = [p for key in sized for p in slips(values[key], rows + 1, names[key], name)]
    asked = list(doubts(values, names, rows + 1, columns, {p.column for p in odd if p.column}, name))
    yield from [*odd, *asked]
    if asked or not (known(params) and known(tokens)):
        return
    if "flops" in values:
        ratio = values["flops"] / (6.0 * params * tokens)
        yield from slips_of_flops(ratio, rows + 1, name)
        if question := doubt_flops(ratio, names["flops"], name, columns):
            yield question
    if not {"trunk", "run"} & stated:
        yield from curves(params, tokens, loss, run, name)


def known(values: np.ndarray) -> bool:
    """Whether the table has the column of these values."""
    return not np.isnan(values).any()


def slips(values: np.ndarray, rows: np.ndarray, column: str, name: str) -> Iterator[Problem]:
    """Values [n] off by 1e3, 1e6, 1e9 or 1e12: a small far-off minority that such a factor puts among the others.

    Args:
        rows: number of each row in the table, from 1.
    """
    logs = np.sort(np.log10(values))
    steps = np.diff(logs)
    if len(steps) < 3:
        return
    at = int(np.argmax(steps))
    few = max(1, len(values) // 5)
    for low in (True, False):
        count = at + 1 if low else len(values) - at - 1
        rest = logs[at + 1 :] if low else logs[: at + 1]
        odd = logs[: at + 1] if low else logs[at + 1 :]
        if count > few or steps[at] < max(np.log10(GAP), LONELY * np.diff(rest).max()):
            continue
        reach = max(NEAR, np.diff(rest).max()) + 1e-9  # a grid's next point is meant as often as one within it
        shift = next((k for k in (3, 6, 9, 12) if fits(odd + (k if low else -k), rest, reach)), None)
        if shift is None:
            continue
        power = shift if low else -shift
        chosen = np.flatnonzero(np.log10(values) <= odd[-1] if low else np.log10(values) >= odd[0])
        for i in chosen.tolist():
            meant = values[i] * 10.0**power
            message = (
                f"{name}: row {rows[i]}: {column}={values[i]:.6g}, others {10 ** rest[0]:.2g} to {10 ** rest[-1]:.2g}; "
                f"did you mean {meant:.6g}? If not, leave the row out (--where)"
            )
            yield Problem("unit_slip", message, int(rows[i]), column, "error")


def fits(moved: np.ndarray, rest: np.ndarray, reach: float) -> bool:
    """Whether log10 values lie among the others, or so many decades beside them."""
    return bool(moved[0] >= rest[0] - reach and moved[-1] <= rest[-1] + reach)


def slips_of_flops(ratio: np.ndarray, rows: np.ndarray, name: str) -> Iterator[Problem]:
    """Rows whose FLOPs over 6 N D [n] are a thousand times or more away from those of the other rows."""
    away = np.log10(ratio) - np.median(np.log10(ratio))
    odd = np.flatnonzero(np.abs(away) >= 2.5)
    if 0 < len(odd) <= max(1, len(ratio) // 5):
        for i in odd.tolist():
            message = (
                f"{name}: row {rows[i]}: flops are {ratio[i]:.3g} x 6 x params x tokens, in the other rows about "
                f"{np.median(ratio):.3g}; one of the three has another unit: correct it, or leave the row out"
            )
            yield Problem("unit_slip", message, int(rows[i]), "flops", "error")


def mixed(table: pa.Table, rows: np.ndarray, mentioned: set[str], name: str) -> Iterator[Problem]:
    """Losses under several tokenizers or on several texts in one table, unless `--where` speaks of that column.

    Args:
        rows: index of the chosen rows.
        mentioned: names in the filter.
    """
    for column in table.column_names:
        if column.lower().rpartition(".")[2] not in TEXT_NAMES or column in mentioned:
            continue
        values = texts(decoded(table[column]))
        counts = Counter(value for i in rows.tolist() if (value := values[i]))
        if len(counts) < 2:
            continue
        most = counts.most_common(3)
        listed = ", ".join(f"{label} ({count})" for label, count in most)
        example = most[0][0] if is_number(table[column].type) else repr(most[0][0])
        message = (
            f"{name}: column {column} has {len(counts)} values: {listed}{', …' if len(counts) > 3 else ''}; losses of "
            "different texts or tokenizers are no one law: fit one at a time "
            f'(--where "{spelled(column)} == {example}"), or name {column} in --where to fit them together'
        )
        yield Problem("mixed", message, None, column, "error")


def run_column(table: pa.Table, rows: np.ndarray, params: np.ndarray) -> tuple[str, np.ndarray] | None:
    """(column, run number [m]) where a column names runs, of one size each, and some have several rows."""
    for column in table.column_names:
        if column.lower() not in RUN_NAMES:
            continue
        number = codes(table[column], rows)
        count = number.max() + 1
        if not 1 < count < len(rows):
            continue
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, number, params)
        np.maximum.at(high, number, params)
        if np.all(high <= low * 1.001):
            return column, number
    return None


def codes(column: pa.ChunkedArray, rows: np.ndarray) -> np.ndarray:
    """Number of the value in each of the chosen rows, 0 and up; every missing value has a number of its own."""
    known: dict[object, int] = {}
    values = plain(column)
    raw = np.array(
        [-1 if v is None or v != v or v == "" else known.setdefault(v, len(known)) for v in values.tolist()], np.int64
    )[rows]
    alone = raw < 0
    raw[alone] = len(known) + np.arange(alone.sum())
    return np.unique(raw, return_inverse=True)[1]


def curves(
    params: np.ndarray, tokens: np.ndarray, loss: np.ndarray, run: tuple[str, np.ndarray] | None, name: str
) -> Iterator[Problem]:
    """Training curves given as finished runs: many rows of one run, or evenly logged tokens at falling loss."""
    if run:
        column, number = run
        runs = number.max() + 1
        if len(number) / runs >= CURVE:
            message = (
                f"{name}: {runs:,} runs (column {column}) with {len(number) / runs:.0f} rows each: points of "
                f"training curves, not finished runs; pass --columns run={column}, or --columns trunk={column} to "
                "fit all rows and resample whole runs"
            )
            yield Problem("curves", message, None, column, "error")
        return
    order = np.lexsort((tokens, params))
    n, d, x = params[order], tokens[order], loss[order]
    starts = np.flatnonzero(np.diff(n, prepend=-1.0))
    logged = 0
    for first, last in zip(starts, [*starts[1:], len(n)], strict=True):
        if last - first >= CURVE:
            step, fall = np.diff(d[first:last]), np.diff(x[first:last])
            even = np.abs(step - np.median(step)) <= 0.01 * np.median(step)
            logged += (last - first) * bool(np.median(step) > 0 and even.mean() > 0.9 and (fall < 0).mean() > 0.8)
    if logged > len(n) / 2:
        message = (
            f"{name}: most rows are evenly spaced in tokens at falling loss, {CURVE} or more of one size: these look "
            "like points of training curves, not finished runs; name the column that tells runs apart (--columns "
            "run=COLUMN), or --columns trunk=COLUMN to fit all rows and resample whole runs"
        )
        yield Problem("curves", message, None, None, "error")
