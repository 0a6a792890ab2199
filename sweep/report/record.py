"""The sections of record: what failed, every trial, how things were counted, and where it all came from."""

from sweep.report import numbers
from sweep.report.load import PARAM_CONVENTIONS, Row, Run
from sweep.report.markup import Markup, Piece, facts, join, missing, section, table, tag
from sweep.report.points import DONE, conventions
from sweep.report.verdict import statuses

MEANINGS = {
    "total": "every trained number, a tied head once",
    "non_embedding": "without embedding and head",
    "with_head": "the weights that multiply every token: non-embedding plus one vocabulary matrix",
}


def failures(run: Run) -> Markup:
    """What did not end as a finished trial, and what the fit left out."""
    bad = [row for row in run.losses if row.get("status") not in (DONE, "pending")]
    rows = [
        (code(row.get("trial")), str(row.get("status")), numbers.flops(row.get("budget")), size(run, row), why(row))
        for row in bad
    ]
    parts: list[Piece] = []
    if rows:
        parts.append(table(("trial", "status", "budget", "N", "reason"), rows, numeric=(2, 3)))
    excluded = [e for e in run.fit.get("excluded") or [] if e.get("n")]
    if excluded:
        words = ", ".join(f"{e['n']} {e.get('status')}" for e in excluded)
        parts.append(tag("p", f"Left out of the fit: {words}."))
    if not parts:
        parts.append(tag("p", "No trial failed or diverged."))
    return section("failed", "What failed", *parts)


def why(row: Row) -> str:
    """The recorded reason."""
    return str(row.get("reason") or "no reason recorded")


def code(value: object) -> Markup:
    """An identifier."""
    return tag("code", str(value) if value is not None else numbers.MISSING)


def size(run: Run, row: Row) -> str:
    """Parameters in the fit's convention."""
    return numbers.count(row.get(f"params_{conventions(run.fit)[0]}"))


def trials(run: Run) -> Markup:
    """Every trial, whatever became of it."""
    if not run.losses:
        return section("trials", "Trials", missing("The loss table is empty."))
    params, flops = conventions(run.fit)
    rows = [
        (
            code(row.get("trial")),
            status_mark(row.get("status")),
            numbers.flops(row.get("budget")),
            numbers.count(row.get(f"params_{params}")),
            numbers.count(row.get("tokens")),
            numbers.flops(row.get(f"flops_{flops}")),
            numbers.spread(row.get("loss"), row.get("loss_se")),
            numbers.short(row.get("lr")),
            str(row.get("seed") if row.get("seed") is not None else numbers.MISSING),
            str(row.get("steps") or numbers.MISSING),
            row.get("reason"),
        )
        for row in sorted(
            run.losses,
            key=lambda r: (r.get("budget") or float("inf"), r.get(f"params_{params}") or 0, r.get("lr") or 0),
        )
    ]
    tally = ", ".join(f"{n} {status}" for status, n in statuses(run).items())
    head = ("trial", "status", "budget", "N", "D", "FLOPs", "loss", "peak LR", "seed", "steps", "reason")
    return section("trials", "Trials", tag("p", f"{tally}."), table(head, rows, numeric=range(2, 10)))


def status_mark(status: object) -> Markup:
    """A status, marked where it is not `done`."""
    text = str(status or "unknown")
    return tag("span", text, class_="status" if text == DONE else "status bad")


def counting(run: Run) -> Markup:
    """How parameters, FLOPs, tokens and losses are counted, and how much the choice moves them."""
    chosen_params, chosen_flops = conventions(run.fit)
    rows: list[tuple[Piece, ...]] = []
    for name in PARAM_CONVENTIONS:
        used = "used" if run.fit and name == chosen_params else ""
        rows.append(("parameters", name, MEANINGS[name], span(run.losses, f"params_{name}", numbers.count), used))
    for name, meaning in (
        (
            "exact",
            "matrix products, causal attention at half, head counted, embedding lookup free, backward twice forward",
        ),
        ("6nd", "6 × parameters with head × tokens"),
    ):
        used = "used" if run.fit and name == chosen_flops else ""
        rows.append(("FLOPs", name, meaning, span(run.losses, f"flops_{name}", numbers.flops), used))
    ratios = [r["flops_6nd"] / r["flops_exact"] for r in run.losses if r.get("flops_6nd") and r.get("flops_exact")]
    if ratios:
        ends = f"{numbers.fixed(min(ratios), 2)} to {numbers.fixed(max(ratios), 2)}"
        rows.append(("FLOPs", "6nd / exact", "how far the rule is from the count", ends, ""))
    rows.append(("loss", "nats/token", "validation, held-out split", span(run.losses, "loss", numbers.loss), ""))
    rows.append(("loss", "bits/byte", "the same over raw bytes", span(run.losses, "bits_per_byte", numbers.loss), ""))
    head = ("", "convention", "meaning", "over the trials", "")
    return section("conventions", "Conventions", table(head, rows, numeric=(3,)))


def span(rows: list[Row], column: str, write) -> str:
    """Smallest to largest of a column."""
    values = [row[column] for row in rows if row.get(column) is not None and row.get("status") != "pending"]
    return f"{write(min(values))} to {write(max(values))}" if values else numbers.MISSING


def provenance(run: Run, date: str) -> Markup:
    """Hash, versions, device, data and date: what another person needs to repeat this."""
    sweep = run.sweep
    versions = sweep.get("versions") or {}
    data = sweep.get("data") or {}
    config = run.config
    pairs: list[tuple[Piece, Piece]] = [
        ("config hash", code(sweep.get("hash"))),
        ("code", code(sweep.get("code"))),
        ("versions", ", ".join(f"{k} {v}" for k, v in versions.items()) or "not recorded"),
        ("device", plain(sweep.get("device"))),
        ("data", plain(data)),
        ("budgets", ", ".join(numbers.flops(b) for b in config.get("budgets") or []) or "not recorded"),
        ("sizes a family", plain(config.get("sizes"))),
        ("schedule", plain(config.get("schedule"))),
        ("learning-rate bracket", plain(config.get("lr_bracket"))),
        ("seeds", plain(config.get("seeds"))),
        ("written", date),
        ("source files", code(run.path)),
    ]
    return section("provenance", "Provenance", facts(pairs))


def plain(value: object) -> Piece:
    """Recorded data of any kind as text."""
    if value in (None, "", {}, []):
        return "not recorded"
    if isinstance(value, dict):
        return join([f"{k} {plain(v)}" for k, v in value.items()], ", ")
    if isinstance(value, list | tuple):
        return ", ".join(str(plain(item)) for item in value)
    if isinstance(value, float):
        return numbers.short(value)
    return f"{value:,}".replace(",", " ") if isinstance(value, int) and not isinstance(value, bool) else str(value)
