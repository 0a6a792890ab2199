"""A look at a table before it is fitted: what is in it, what it can tell, what stands out. Nothing is compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sweep import laws
from sweep.fit.approach2 import families
from sweep.fit.best import BY_COMPUTE
from sweep.fit.conditioning import LIMIT
from sweep.fit.order import once
from sweep.fit.quick import SAMPLE, Quick, quick, sample
from sweep.fit.result import plain
from sweep.tables.further import fed
from sweep.tables.judge import refusals
from sweep.tables.load import Runs, examine, read_source
from sweep.tables.problem import Problem
from sweep.tables.structure import distinct

SETTINGS = 0.03  # spread of ln loss within a configuration that seeds do not make
SUSPECT = 4.0  # robust standard deviations from the law
SAME = 1e-6  # relative: losses of one configuration that are copies rather than seeds
FEW_REPEATS = 3  # degrees of freedom from which repeats measure the noise


def look(
    source: Any, columns: Mapping[str, str] | None = None, where: str | None = None, **units: Any
) -> dict[str, Any]:
    """Everything `sweep check` says, as plain data.

    Args:
        source, columns, where: as in sweep.tables.load.
        units: `units`, `bytes_per_token`, `best_of`, as in sweep.tables.load.

    Returns:
        `rows` read; `verdict` (`ok`, `error`, `refused`); `problems` [{row, column, code, message, level}];
        `identifiable` {law: bool} with `laws` {law: why, condition, t_ratio}; `families`; `ranges`, `units`,
        `convention`, `flops_over_6nd`, `groups`, `duplicates`, `repeats`, `suspects`, `missing`.

    Raises:
        InputError: a table that cannot be read, or without the columns.
    """
    runs, problems, count = examine(source, columns, where, **units)
    if runs is None:
        return plain(report(problems, {"rows": count, "identifiable": {}, "families": []}))
    runs, listed = once(runs), len(runs)
    problems = [*problems, *(p for p in runs.remarks if p not in problems)]
    law = laws.get("additive")  # the one whose residuals are looked at
    main, refused = judge(law, runs)
    judged = {law.id: (main, [p.code for p in refused]), **others(source, columns, where, runs, units)}
    members = [family(runs, budget, rows) for budget, rows in families(runs)]
    copies, again = repeats(runs)
    found = suspects(runs, main)
    data = {
        "rows": listed,
        "source": runs.source,
        "identifiable": {id: identifiable(found, why) for id, (found, why) in judged.items()},
        "laws": {id: told(found, why) for id, (found, why) in judged.items()},
        "families": members,
        "ranges": ranges(runs),
        "units": runs.units.record,
        "convention": runs.convention,
        "flops_over_6nd": ends(runs.flops / (6 * runs.params * runs.tokens)),
        "groups": len(np.unique(runs.group)),
        "excluded": [{"status": status, "n": n} for status, n in runs.excluded],
        "duplicates": copies,
        "repeats": again,
        "suspects": found,
        "missing": missing(runs, again),
    }
    remarks = [*about_rows(runs, copies, found), *about_repeats(runs, again), *about_families(runs, members)]
    return plain(report([*problems, *refused, *remarks], data))


def report(problems: Sequence[Problem], data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the problems and the verdict over them."""
    levels = {problem.level for problem in problems}
    verdict = "error" if "error" in levels else "refused" if "refusal" in levels else "ok"
    return {**data, "verdict": verdict, "problems": [asdict(problem) for problem in problems]}


def judge(law: laws.Law, runs: Runs) -> tuple[Quick | None, list[Problem]]:
    """The quick fit of a law, where there are enough losses for one, and why the law would be refused."""
    refused = list(refusals(runs, law))
    hopeless = any(p.code in ("too_few_rows", "equal_losses") for p in refused)
    return (None if hopeless else quick(law, runs)), refused


def others(
    source: Any, columns: Mapping[str, str] | None, where: str | None, runs: Runs, units: Mapping[str, Any]
) -> dict[str, tuple[Quick | None, list[str]]]:
    """Every other law of the loss that the columns feed: a quick fit of some of the rows, and why it is refused."""
    names, found = {*read_source(source)[0].column_names, *(columns or {}), "params", "tokens"}, {}
    for id, law in laws.LAWS.items():
        if id == "additive" or law.target != "loss" or not law.positive or not fed(law, names):
            continue
        own = runs
        if not set(law.inputs) <= set(BY_COMPUTE):
            own, problems, _ = examine(source, columns, where, law=law, **units)
            if own is None:
                found[id] = None, [next(p.code for p in problems if p.level != "remark")]
                continue
        few = own.take(sample(own.loss, SAMPLE // 10))
        quick_fit, refused = judge(law, few)
        found[id] = quick_fit, [p.code for p in refused]
    return found


def identifiable(found: Quick | None, refused: Sequence[str]) -> bool:
    """Whether a table tells all of a law's exponents, and its coefficients apart."""
    return not refused and found is not None and not found.weak and found.condition < LIMIT**2


def told(found: Quick | None, refused: Sequence[str]) -> dict[str, Any]:
    """Whether and how well a table tells a law apart from others, with the reason where it does not."""
    reason = ", ".join(refused)
    if not reason and found and found.weak:
        reason = f"{', '.join(found.weak)} within two standard errors of zero"
    if not reason and not identifiable(found, refused):
        reason = "unidentified"
    if found is None:
        return {"reason": reason, "condition": None, "t_ratio": None, "residual_sd": None}
    return {"reason": reason, "condition": found.condition, "t_ratio": found.t_ratio, "residual_sd": found.sd}


def family(runs: Runs, budget: float | None, rows: np.ndarray) -> dict[str, Any]:
    """One isoFLOP family; two-sided where the least loss lies between its smallest and largest size."""
    sizes = np.unique(runs.params[rows])
    least = runs.params[rows][np.argmin(runs.loss[rows])]
    return {
        "budget": budget,
        "flops": float(np.exp(np.log(runs.flops[rows]).mean())),
        "n": len(rows),
        "sizes": len(sizes),
        "params": ends(sizes),
        "two_sided": bool(sizes[0] < least < sizes[-1]),
        "edge": None if sizes[0] < least < sizes[-1] else "smallest" if least == sizes[0] else "largest",
    }


def repeats(runs: Runs) -> tuple[list[list[int]], dict[str, Any]]:
    """(groups of row numbers that are copies, what repeated configurations say of the noise of ln loss).

    Rows of one (params, tokens), to 0.1 percent, and of equal settings: copies where losses agree within 1e-6, seeds
    otherwise.
    """
    ln_loss = np.log(runs.loss)
    setting = np.zeros(len(runs)) if runs.setting is None else runs.setting
    keys = np.vstack([np.round(np.log(np.stack([runs.params, runs.tokens])) * 1e3), setting])
    order = np.lexsort((ln_loss, *keys[::-1]))
    same = np.all(np.diff(keys[:, order], axis=1) == 0, axis=0)
    copy = same & (np.diff(ln_loss[order]) <= SAME)
    starts = np.flatnonzero(np.concatenate([[True], ~copy]))
    ends = np.append(starts[1:], len(order))
    several = np.flatnonzero(ends - starts > 1)
    copies = [sorted(runs.row[order[starts[i] : ends[i]]].tolist()) for i in several]
    kept = order[starts]  # one row of each set of copies
    cell = np.unique(keys[:, kept], axis=1, return_inverse=True)[1].ravel()
    count = np.bincount(cell)
    mean = np.bincount(cell, ln_loss[kept]) / count
    freedom = len(kept) - len(count)
    squares = float(np.sum((ln_loss[kept] - mean[cell]) ** 2))
    return copies, {
        "configurations": distinct(runs.params, runs.tokens),
        "repeated": int((count > 1).sum()),
        "rows": int(count[count > 1].sum()),
        "noise": float(np.sqrt(squares / freedom)) if freedom else None,
        "degrees_of_freedom": freedom,
    }


def suspects(runs: Runs, found: Quick | None) -> list[dict[str, Any]]:
    """Rows further than SUSPECT robust standard deviations from the quick fit, worst first."""
    if found is None or not found.sd > 1e-9:
        return []
    away = found.residual / found.sd
    rows = np.flatnonzero(np.abs(away) > SUSPECT)
    rows = rows[np.argsort(-np.abs(away[rows]), kind="stable")]
    return [{"row": int(runs.row[i]), "residual": float(found.residual[i]), "sd": float(away[i])} for i in rows]


def missing(runs: Runs, again: Mapping[str, Any]) -> list[str]:
    """What the table lacks for a better answer."""
    found = []
    if again["degrees_of_freedom"] < FEW_REPEATS:
        found.append("no seed repeats: noise is taken from residuals, an upper-biased guess")
    if runs.convention["flops"] == "6nd":
        found.append("no flops column: C = 6 N D")
    return found


def about_rows(runs: Runs, copies: list[list[int]], found: list[dict[str, Any]]) -> list[Problem]:
    """Remarks on copies and suspects, as problems with a row."""
    remarks = [
        Problem("duplicate", f"row {row} repeats row {rows[0]} (params, tokens and loss agree)", row, None)
        for rows in copies
        for row in rows[1:]
    ]
    for s in found:
        message = f"row {s['row']}: ln loss is {s['residual']:+.3g} ({s['sd']:+.1f} robust sd) off the law"
        remarks.append(Problem("suspect", message, s["row"], "loss"))
    return remarks


def about_repeats(runs: Runs, again: Mapping[str, Any]) -> list[Problem]:
    """A remark on configurations whose rows differ by more than seeds do: a search over settings, given as runs."""
    if (again["noise"] or 0) < SETTINGS:
        return []
    message = (
        f"{runs.source}: {again['rows']:,} rows of {again['repeated']} configurations differ by "
        f"{again['noise']:.2g} in ln loss: settings rather than seeds? keep the best of each configuration"
    )
    return [Problem("settings", message)]


def about_families(runs: Runs, members: list[dict[str, Any]]) -> list[Problem]:
    """Remarks on what approach 2 will find."""
    if not members:
        return [Problem("no_families", f"{runs.source}: no three sizes at equal FLOPs: approach 2 has no answer")]
    if len(members) == 1:
        return [Problem("one_budget", f"{runs.source}: one isoFLOP family: approach 2 needs three budgets")]
    odd = [f for f in members if not f["two_sided"]]
    return [
        Problem(
            "one_sided",
            f"family of {f['flops']:.3g} FLOPs: the least loss is at its {f['edge']} size; add "
            f"{'smaller' if f['edge'] == 'smallest' else 'larger'} ones",
        )
        for f in odd
    ]


def ranges(runs: Runs) -> dict[str, list[float]]:
    """[least, largest] of what the table holds."""
    values = {
        "params": runs.params,
        "tokens": runs.tokens,
        "tokens_per_param": runs.tokens / runs.params,
        "flops": runs.flops,
        "flops_6nd": 6 * runs.params * runs.tokens,
        "loss": runs.loss,
    }
    return {name: ends(v) for name, v in values.items()}


def ends(values: np.ndarray) -> list[float]:
    """[least, largest]."""
    return [float(values.min()), float(values.max())]
