"""Params and tokens that are no counts as they stand, by what the columns are called and by what no model has.

Limits that no language model breaks are checked in every foreign table, whoever named the columns: at least 100
parameters and tokens, at most 1e14 and 1e17; in some run as many tokens as parameters, no more than a million tokens a
parameter, 10,000 parameters. The question names the unit that is likely, and the option that says it. A name such as
params_M is evidence too, and `--columns "params=params_M*1"` says that it is none.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from sweep.tables.problem import Problem
from sweep.tables.scales import AS_WRITTEN, KEYS, LEAST, MOST, SCALES, fitting, guesses, named, option, tied, unusual

WHAT = {"params": "parameters", "tokens": "tokens"}
OTHERS = {"params": 1e6, "tokens": 1e8}  # a column that reaches it is one of counts, with slips in the rows below LEAST
DENSE = 1e6  # tokens per parameter
TOY = 1e4  # parameters
CLOSE = 0.7  # decades between the first guess and a second that is worth naming
BY_NAME, BESIDE = "its name", "beside the other"  # evidence
FEWEST = 3  # rows that show a pattern


def doubts(
    values: Mapping[str, np.ndarray], names: Mapping[str, str], rows: np.ndarray, known: Collection[str],
    spared: Collection[str], name: str,
) -> Iterator[Problem]:  # fmt: skip
    """What to ask about the units of params and tokens: at most one question, or rows that cannot be.

    Args:
        values: params and tokens [m], NaN where the table lacks them; losses, and FLOPs where there are some.
        names: input -> column or expression.
        rows: number of each row in the table, from 1 [m].
        known: columns of the table: the name of one is evidence, an expression has said what it does.
        spared: columns with slips of single rows, which were named already.
    """
    here = {key: values[key] for key in KEYS if not np.isnan(values[key]).any() and names[key] not in spared}
    could: dict[str, list[str]] = {}
    evidence: dict[str, str] = {}
    slips = []
    for key, x in here.items():
        limit = impossible(key, x)
        if said := fitting(key, x, named(names[key])) if names[key] in known else []:
            could[key], evidence[key] = said, f"its name; {limit}" if limit else BY_NAME
        elif limit:
            could[key], evidence[key] = fitting(key, x, [scale for scale in SCALES if scale != "ones"]), limit
        elif (x < LEAST).any():
            slips.append(few_rows(key, x, names[key], rows, name))
    yield from slips
    if evidence:
        yield question(values, names, evidence, could, known, name)
    elif len(here) == len(KEYS) and not slips and not any(AS_WRITTEN.fullmatch(names[key]) for key in KEYS):
        yield from together(values, names, known, name)


def impossible(key: str, values: np.ndarray) -> str:
    """The limit that the values [m] of an input break as a whole, or nothing."""
    low = values < LEAST
    if low.all() or (low.any() and values.max() < OTHERS[key]):
        return f"no language model has fewer than {LEAST:.0f} {WHAT[key]}"
    return f"no language model has more than 1e{np.log10(MOST[key]):.0f} {WHAT[key]}" * bool(values.max() > MOST[key])


def few_rows(key: str, values: np.ndarray, column: str, rows: np.ndarray, name: str) -> Problem:
    """The error of some rows [m] below what any model has, among others that are counts."""
    odd = np.flatnonzero(values < LEAST)
    listed = ", ".join(f"row {rows[i]}: {column}={values[i]:g}" for i in odd[:3].tolist())
    more = f" and {len(odd) - 3} more rows" if len(odd) > 3 else ""
    message = (
        f"{name}: {listed}{more}: no language model has fewer than {LEAST:.0f} {WHAT[key]}; correct them, or leave the "
        "rows out (--where)"
    )
    return Problem("unit_slip", message, int(rows[odd[0]]), column, "error")


def question(
    values: Mapping[str, np.ndarray], names: Mapping[str, str], evidence: Mapping[str, str],
    could: Mapping[str, list[str]], known: Collection[str], name: str,
) -> Problem:  # fmt: skip
    """The question about inputs that are no counts as they stand.

    Args:
        evidence: input -> why it is doubted.
        could: input -> units in which it would be one.
    """
    bound = tied(names, known)
    free = [key for key in KEYS if key not in could and not np.isnan(values[key]).any() and not bound]
    could = {**could, **{key: fitting(key, values[key], SCALES) for key in free}}
    ranked = guesses(values, could, bound)
    if not ranked:
        told = ", ".join(
            f"column {names[key]} ({values[key].min():.4g} to {values[key].max():.4g}): {why}"
            for key, why in evidence.items()
        )
        message = (
            f"{name}: {told}, and no one unit makes counts of all of them: correct it, or leave rows out (--where)"
        )
        return Problem("count_unit", message, None, names[next(iter(evidence))], "error")
    (far, best), *others = [(far, but_ones(scales)) for far, scales in ranked]
    told = [
        f"column {names[key]} ({values[key].min():.4g} to {values[key].max():.4g}) looks like {key} in "
        f"{SCALES[scale].word} ({evidence.get(key, BESIDE)})"
        for key, scale in best.items()
    ]
    cure = f"pass {option(best, names, known)}"
    if others and others[0][0] - far < CLOSE:
        cure += f", or, if it is {looks(others[0][1])}, {option(others[0][1], names, known)}"
    if all(why == BY_NAME for why in evidence.values()):
        cure += (
            f"; if the numbers are counts all the same, say so: {option(dict.fromkeys(evidence, 'ones'), names, known)}"
        )
    return Problem("count_unit", f"{name}: {', '.join(told)}: {cure}", None, names[next(iter(best))], "error")


def together(
    values: Mapping[str, np.ndarray], names: Mapping[str, str], known: Collection[str], name: str
) -> Iterator[Problem]:
    """The question about params and tokens each of which could be, but not beside the other."""
    params, tokens = values["params"], values["tokens"]
    n, d = names["params"], names["tokens"]
    fewer = bool(np.all(tokens < params))
    if len(params) < FEWEST:
        return
    if fewer:
        said = f"every row has fewer tokens ({d}) than parameters ({n})"
    elif np.all(tokens > DENSE * params):
        said = f"every row has more than a million tokens ({d}) per parameter ({n})"
    elif params.max() < TOY:
        said = f"no row has {TOY:,.0f} parameters ({n}, {params.min():.4g} to {params.max():.4g})"
    else:
        return
    ways = []
    for far, scales in guesses(values, {key: fitting(key, values[key], SCALES) for key in KEYS}):
        if other := but_ones(scales):
            ways.append((far, f"if it is {looks(other)} pass {option(other, names, known)}"))
            break
    if fewer:
        far = unusual({**values, "params": tokens, "tokens": params})
        ways.append((far, f"if they are swapped pass --columns {pair('params', d)} {pair('tokens', n)}"))
    told = ", ".join(way for _, way in sorted(ways))
    right = option({"tokens": "ones"}, names, known)
    yield Problem("swapped", f"{name}: {said}; {told}, if they are right say so: {right}", None, d, "error")


def but_ones(scales: Mapping[str, str]) -> dict[str, str]:
    """The inputs in other units than ones."""
    return {key: scale for key, scale in scales.items() if scale != "ones"}


def looks(scales: Mapping[str, str]) -> str:
    """Units in words: params in millions and tokens in billions."""
    return " and ".join(f"{key} in {SCALES[scale].word}" for key, scale in scales.items())


def pair(key: str, column: str) -> str:
    """One side of --columns as it is typed."""
    return f"{key}={column}" if column.isidentifier() else f'"{key}={column}"'
