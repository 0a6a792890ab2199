"""The text of `sweep preview --compile`: what the compiler said of every program."""

from collections.abc import Sequence

from sweep.design.placement import Place
from sweep.devices import size_text
from sweep.models import counting
from sweep.train.ahead.targets import Target
from sweep.verbs.preview_text import clock, short, tick

HEADER = (
    *("cohort", "params", "mesh", "rows", "attention", "remat", "micro-batches"),
    *("memory", "collectives", "cross", "FLOPs", "compile", "roofline step"),
)


def target_text(to: Target) -> str:
    number = len(to.devices)
    limit = "" if to.limit is None else f", {size_text(to.limit)} usable each"
    peak = f", {to.facts.flops / 1e12:,.0f} TFLOP/s, {to.facts.bandwidth / 1e9:,.0f} GB/s" if to.facts else ""
    hosts = f" on {to.hosts} hosts" if to.hosts > 1 else ""
    return f"target   {to.name}: {number} x {to.kind}{hosts}{limit}{peak}"


def table_text(done: list[dict]) -> list[str]:
    """A line a cohort, under the names of its columns."""
    rows = [HEADER, *(cohort_text(row) for row in done)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]


def cohort_text(row: dict) -> tuple[str, ...]:
    """Cells of a line."""
    best = row["roofline_step_s"]
    return (
        row["hash"],
        short(row["params"]),
        "{trial}x{data}".format(**row["mesh"]),
        f"{row['rows']} {row['mode']}",
        row["attention"],
        row["remat"],
        str(row["micro_batches"]),
        "-" if "error" in row else size_text(row["temp_bytes"] + row["argument_bytes"]),
        collectives_text(row),
        str(row["crossing"]),
        "-" if row["flops_ratio"] is None else f"x{row['flops_ratio']:.2f}",
        tick(row["compile_s"]),
        "-" if best is None else tick(best),
    )


def collectives_text(row: dict) -> str:
    """How many a step of one trial, and their bytes on one device."""
    inside = [t for t in row["collectives"] if t["inside"] is not None]
    known = [t for t in inside if t["per_step"] is not None]
    if not inside:
        return "not compiled" if "error" in row or not (row["collectives"] or row["fits"]) else "none"
    more = "" if len(known) == len(inside) else " and more"
    size = sum(t["bytes"] for t in known)
    return f"{sum(t['per_step'] for t in known)}, {size_text(size)}{more}"


def time_text(to: Target, data: dict, price: float) -> list[str]:
    if data["hours"] is None:
        return ["time     no bound: " + ("cohorts are missing" if to.facts else f"the peaks of {to.kind} are unknown")]
    number = f"{len(to.devices)} device{'s' * (len(to.devices) > 1)}"
    cost = f", ${data['dollars']:,.2f} at ${price:g} a device-hour" if price else ""
    return [
        f"time     at least {clock(data['hours'])} on {number}{cost}: a bound and no forecast,",
        "         with every device at its peak and nothing lost in passing data between devices",
    ]


def before(number: int, places: Sequence[Place], spent: float) -> str:
    """The line before cohort `number` is compiled, `spent` seconds after the first was begun."""
    size = short(counting.params(places[number].cohort.shape).with_head)
    left = f", about {clock(spent / number * (len(places) - number) / 3600)} to go" if number else ""
    return f"compiling {number + 1} of {len(places)}: {size} params{left}"
