"""The sections of record of a fit of a table: every fitted run, and where the fit came from."""

from collections.abc import Callable

from sweep.report import numbers
from sweep.report.load import Row, Run
from sweep.report.markup import Markup, Piece, facts, missing, section, table, tag
from sweep.report.record import code, plain


def above(residual: float | None) -> str:
    """ln loss - ln predicted, as a share of the loss."""
    return numbers.MISSING if residual is None else f"{100 * residual:+.2f} %"


COLUMNS: dict[str, tuple[str, Callable[..., Piece]]] = {
    "run": ("trial", code),
    "budget": ("budget", numbers.flops),
    "N": ("params_total", numbers.count),
    "D": ("tokens", numbers.count),
    "FLOPs": ("flops_exact", numbers.flops),
    "loss": ("loss", numbers.loss),
    "by the law": ("predicted", numbers.loss),
    "above it": ("residual", above),
}


def runs(run: Run) -> Markup:
    """Every run that was fitted with what the law says of it, and what was left out."""
    title = "Runs"
    if not run.losses:
        return section("runs", title, missing("The fit recorded no runs.", run.again))
    shown = sorted(run.losses, key=lambda r: (r["budget"] or r["flops_exact"] or 0, r["params_total"] or 0))
    columns = {name: write for name, write in COLUMNS.items() if any(row[write[0]] is not None for row in shown)}
    rows = [[write(row[key]) for key, write in columns.values()] for row in shown]
    left = [f"{e['n']} {e.get('status')}" for e in run.fit.get("excluded") or [] if e.get("n")]
    note = f" Left out of the fit: {', '.join(left)}." if left else ""
    told = tag("p", f"{numbers.plural(len(rows), 'run')} in the fit.{note}")
    return section("runs", title, told, table(list(columns), rows, numeric=range(1, len(columns))))


def provenance(run: Run, date: str) -> Markup:
    """The table, how it counts, and what it takes to fit it again."""
    fit = run.fit
    objective: Row = fit.get("objective") or {}
    pairs: list[tuple[Piece, Piece]] = [
        ("table", code(fit.get("source"))),
        ("rows that were used", plain(fit.get("where")) if fit.get("where") else "all that are finished runs"),
        ("counting", plain(fit.get("convention"))),
        ("units", plain((fit.get("units") or {}).get("statement"))),
        ("FLOPs a parameter and token", numbers.short(fit.get("flops_per_param_token"))),
        ("law", str(fit.get("law") or "not recorded")),
        ("objective", f"{objective.get('kind') or 'not recorded'}, delta {numbers.given(objective.get('delta'))}"),
        ("resamples", plain(fit.get("bootstrap"))),
        ("seed", plain(fit.get("seed"))),
        ("fitted again by", code(run.again)),
        ("written", date),
        ("source files", code(run.path)),
    ]
    return section("provenance", "Provenance", facts(pairs))
