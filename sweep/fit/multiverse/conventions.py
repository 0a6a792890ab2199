"""How parameters and FLOPs may be counted, as far as a table has the columns: one table read under each convention."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.fit.best import BY_COMPUTE
from sweep.fit.multiverse.axes import Axes, choose, is_expression
from sweep.fit.multiverse.counts import Conversion, conversion
from sweep.fit.order import in_order, ordered
from sweep.fit.result import warning
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN
from sweep.tables.load import Runs, load, read_source

PARAMS = {  # convention -> columns that hold it
    "total": ("params_total", "n_params_total"),
    "non_embedding": ("params_non_embedding", "params_no_embed", "params_no_embedding", "non_embedding_params"),
    "with_head": ("params_with_head",),
}
SIX = np.array(FLOPS_PER_PARAM_TOKEN)  # stands for FLOPs counted as 6 N D, whatever the table says


@dataclass(frozen=True)
class Counted:
    """A table in canonical order of its rows, under every convention.

    Attributes:
        runs: under the convention that the table was read with.
        params: convention -> parameters [n].
        unit: the convention in which all answers are given: the table's own, where it is among them.
        convert: convention -> its parameters in the unit.
        flops_per: (convention of parameters, convention of FLOPs) -> FLOPs per parameter and token.
        warnings: conventions that had to be left out.
    """

    runs: Runs
    params: dict[str, np.ndarray]
    unit: str
    convert: dict[str, Conversion]
    flops_per: dict[tuple[str, str], float]
    warnings: list[dict[str, str]]


def read(source: Any, columns: Mapping[str, str], options: Mapping[str, Any], axes: Axes) -> Counted:
    """Read a table under the conventions that it has, or those asked for.

    Args:
        options: further arguments of sweep.tables.load.load.

    Raises:
        InputError, Refusal: of `load`, or a convention that was asked for and is not there.
    """
    runs = load(source, columns, **options)
    for law in axes.chosen_laws:
        if not set(law.inputs) <= set(BY_COMPUTE):
            runs = with_further(runs, load(source, columns, **options, law=law))
    names = read_source(source)[0].column_names
    own = convention_of(runs.convention["params"].removeprefix("column "))
    found, told = {own: runs.params}, []
    for name, candidates in PARAMS.items():
        column = next((c for c in candidates if c in names), None)
        if name == own or column is None or (axes.counts and name not in axes.counts):
            continue
        try:
            found[name] = counted(source, columns, options, column, runs)
        except InputError as error:
            told.append(warning("convention_left_out", f"parameters counted as {name} are left out: {error}"))

    def widen(text: str) -> np.ndarray | None:
        known = text in names or is_expression(text)
        return counted(source, columns, options, text, runs) if known else None

    params = choose("counts", found, axes.counts, {}, widen)
    whole, runs = runs, in_order(runs)
    told += [warning(p.code, p.message) for p in runs.remarks if p not in whole.remarks]
    number = {row: i for i, row in enumerate(whole.row.tolist())}
    place = [number[row] for row in runs.row.tolist()]
    params = {name: values[place] for name, values in params.items()}
    unit = own if own in params else next(iter(params))
    convert = {name: conversion(values, params[unit]) for name, values in params.items()}
    told += [apart(name, unit) for name, found in convert.items() if found is None]
    convert = {name: found for name, found in convert.items() if found is not None}
    params = {name: values for name, values in params.items() if name in convert}
    column = runs.convention["flops"].removeprefix("column ")
    flops = choose("flops", {"6nd": SIX, column: runs.flops} if column != "6nd" else {"6nd": SIX}, axes.flops, {}, none)
    per = {(count, name): per_token(values, runs, p) for count, p in params.items() for name, values in flops.items()}
    return Counted(runs, params, unit, convert, per, told)


def apart(name: str, unit: str) -> dict[str, str]:
    """The warning of a count that cannot be brought to the unit of the others."""
    message = f"parameters counted as {name} are left out: no power of the size leads from them to {unit}"
    return warning("convention_left_out", f"{message}; `--counts {name}` fits them alone")


def convention_of(column: str) -> str:
    """The convention that a column of parameters holds, or its own name."""
    return next((name for name, columns in PARAMS.items() if column in (name, *columns)), column)


def none(_: str) -> None:
    """No further choice can be made of a text."""


def counted(source: Any, columns: Mapping[str, str], options: Mapping[str, Any], column: str, like: Runs) -> np.ndarray:
    """Parameters [n] of another column, for the rows of `like`."""
    runs = load(source, {**columns, "params": column}, **options)
    if not np.array_equal(runs.row, like.row):
        raise InputError(f"column {column} gives other runs than {like.convention['params']}")
    return runs.params


def per_token(flops: np.ndarray, runs: Runs, params: np.ndarray) -> float:
    """FLOPs per parameter and token: the table's median, or 6."""
    return FLOPS_PER_PARAM_TOKEN if flops is SIX else float(np.median(flops / (params * runs.tokens)))


def with_further(runs: Runs, more: Runs) -> Runs:
    """The runs with the further columns that another law reads."""
    if not np.array_equal(runs.row, more.row):
        raise InputError(f"{runs.source}: laws that read points of curves cannot be fitted beside laws of whole runs")
    return replace(runs, further={**runs.further, **more.further})


def taken(runs: Runs, kept: np.ndarray, params: np.ndarray) -> Runs:
    """Some of the runs, with their parameters counted another way."""
    return ordered(replace(runs, params=params), np.flatnonzero(kept))
