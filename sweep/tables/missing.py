"""The line about columns that a table lacks, with the most useful thing to type that its other columns suggest."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.tables.expression import spelled
from sweep.tables.scales import KEYS, SCALES, WORDS, named
from sweep.tables.wide import advice, listed

ALIASES = {
    "params": ("n", "n_params", "num_params", "parameters", "model_size", "size", "total_params", "model_params"),
    "tokens": (
        "d",
        "n_tokens",
        "num_tokens",
        "data",
        "train_tokens",
        "training_tokens",
        "total_tokens",
        "tokens_seen",
        "dataset_size",
    ),
    "loss": (
        "l",
        "val_loss",
        "loss_val",
        "eval_loss",
        "valid_loss",
        "validation_loss",
        "test_loss",
        "final_loss",
        "train_loss",
    ),
    "flops": ("c", "compute", "compute_budget", "budget", "total_flops", "training_flops", "train_flops"),
}
STEPS = ("step", "steps", "global_step", "iteration", "iterations")
CURVE = {"Wall time", "Step", "Value"}  # of TensorBoard's CSV of one run
UNITS = {
    *WORDS,
    *(f"{word}s" for word in WORDS if len(word) > 3),
    "in",
    "of",
    "log",
    "ln",
    "lg",
    "1",
    "e",
    "3",
    "6",
    "9",
    "10",
    "12",
}


def missing(table: pa.Table, keys: Sequence[str], names: Mapping[str, str], name: str) -> InputError:
    """The error of columns that are not there, with the most useful hint there is.

    Args:
        keys: the inputs that lack one.
        names: input -> column or expression, of all inputs.
    """
    known = table.column_names
    if set(known) >= CURVE:
        return InputError(
            f"{name}: no column {names[keys[0]]!r}; this is one run's curve as TensorBoard exports it: make a table "
            "with a row for each run, of its params, its tokens and its last Value"
        )
    if wide := advice(known):
        return InputError(f"{name}: no column {names[keys[0]]!r}; columns named by values become rows with {wide}")
    if len(keys) > 1:
        missed = ", ".join(repr(names[key]) for key in keys)
        pairs = " ".join(cures(keys, names, known).values())
        ladder = {"params", "tokens"} <= set(keys) and (names.get("flops") in known or alias("flops", known))
        alone = "; FLOPs and losses alone: --law power_compute, compare --laws power_compute" if ladder else ""
        return InputError(
            f"{name}: no columns {missed}; columns: {listed(known)} (name them: --columns {pairs}{alone})"
        )
    key, column = keys[0], names[keys[0]]
    other = alias(key, known)
    if several := [c for c in known if c.startswith(f"{column} (column ")]:
        ways = " or ".join(f"--columns {pair(key, c)}" for c in several[:3])
        return InputError(f"{name}: {len(several)} columns are named {column!r}; say which: {ways}")
    could = aliases(key, known)
    if len(could) > 1 and column == key:
        ways = " or ".join(f"--columns {pair(key, c)}" for c in could[:3])
        return InputError(f"{name}: no column {column!r}, and {len(could)} that could be it; say which: {ways}")
    near = nearest(column, known)
    hint = near or (f"; did you mean {other!r}?" if other else f"; columns: {listed(known)}")
    example = other or "".join(re.findall("'(.+)'", near)) or "N"
    way = f"name it with --columns, as in --columns {pair(key, example)}"
    if computed := from_flops(keys, names, known):
        way = f'from FLOPs it is computed by --columns "tokens={computed}", or name it with --columns'
    elif not other and (steps := from_steps(key, known)):
        way = f"with the tokens of one step: --columns {steps}"
    return InputError(f"{name}: no column {column!r}{hint} ({way})")


def cures(keys: Sequence[str], names: Mapping[str, str], known: Sequence[str]) -> dict[str, str]:
    """Input -> the argument of --columns that its column could be named by; `…` where nothing is like it."""
    computed = from_flops(keys, names, known)
    found = {key: pair(key, other) if (other := alias(key, known)) else "" for key in keys}
    if "tokens" in keys and not found["tokens"]:
        found["tokens"] = f'"tokens={computed}"' if computed else from_steps("tokens", known)
    return {key: said or f"{key}=…" for key, said in found.items()}


def from_flops(keys: Sequence[str], names: Mapping[str, str], known: Sequence[str]) -> str:
    """The expression that gives tokens that the table lacks, where it has FLOPs; else nothing."""
    stated = (names[key] for key in ("flops", "budget") if names.get(key) in known)
    flops = next(stated, None) or alias("flops", known)
    if "tokens" not in keys or flops is None or alias("tokens", known):
        return ""
    size = names["params"] if names["params"] in known else alias("params", known)
    given = "…" if "params" in keys else names["params"]  # an expression, where it is not missing
    return f"{spelled(flops)}/(6*{spelled(size) if size else given})"


def from_steps(key: str, known: Sequence[str]) -> str:
    """The argument of --columns that gives tokens of a column of steps; nothing without one."""
    steps = next((column for column in known if stem(column) in STEPS), None) if key == "tokens" else None
    return f'"tokens={spelled(steps)}*…"' if steps else ""


def pair(key: str, column: str) -> str:
    """An argument of --columns as a shell takes it; params and tokens in the unit that the column's name speaks of."""
    units = named(column) if key in KEYS else ()
    if len(units) == 1:
        return f'"{key}={SCALES[units[0]].cure.format(spelled(column))}"'
    return f"{key}={column}" if re.fullmatch(r"[\w./:@%+-]+", column) else f'"{key}={column}"'


def alias(key: str, known: Iterable[str]) -> str | None:
    """The first of `aliases`, if there is one."""
    return next(iter(aliases(key, known)), None)


def aliases(key: str, known: Iterable[str]) -> list[str]:
    """The columns that an input goes by elsewhere, with a unit in their names or without."""
    usual = {key, *ALIASES.get(key, ())}
    return [c for c in known if {stem(c), stem(c.rpartition(".")[2]), stem(c.rpartition("/")[2])} & usual]


@functools.lru_cache(1 << 15)
def stem(column: str) -> str:
    """A name in lower case, without units: train_tokens of `Train tokens (B)`, params of log10_params and MParams."""
    bare = re.sub(r"^(?:log_?10|log|ln|lg)(?=[_ A-Z(])", "", column.strip())
    joined = re.fullmatch(r"[KMBGT]([A-Z][a-z]\w*)", bare) or re.fullmatch(r"([a-z]\w+)[KMBGT]", bare)
    words = re.findall(r"[a-z]+|[0-9]+", (joined[1] if joined else bare).lower())
    return "_".join(word for word in words if word not in UNITS)
