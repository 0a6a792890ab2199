"""From the rows of a run to what the charts draw: trials, residuals, cells of a bracket, forecasts with outcomes."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.fit.best import best_run
from sweep.fit.result import coefficients_of
from sweep.laws import LAWS
from sweep.report import theme
from sweep.report.load import PARAM_CONVENTIONS, Row, Run
from sweep.tables.units import PER_TOKEN, unit_of

DONE = "done"


@dataclass(frozen=True)
class Point:
    """One trial on a chart.

    Attributes:
        params, tokens, flops: in the fit's conventions.
        loss: in the unit of the fit, None where the trial ended without one.
        used: the fit used it; every other trial is drawn hollow.
    """

    trial: str
    status: str
    reason: str
    budget: float
    params: float
    tokens: float
    flops: float
    loss: float | None
    lr: float | None
    used: bool
    color: str


def conventions(fit: Row) -> tuple[str, str]:
    """How the fit counts (params, flops), or what the tables put first where it does not say."""
    stated = fit.get("convention") or ""
    words = " ".join(str(word) for word in (stated.values() if isinstance(stated, dict) else [stated])).lower()
    params = next((name for name in ("non_embedding", "with_head", "total") if name in words), PARAM_CONVENTIONS[2])
    return params, "6nd" if "6nd" in words else "exact"


def points(run: Run) -> list[Point]:
    """Every trial that has been tried, in order of budget and size; trials still waiting are not points."""
    params, flops = conventions(run.fit)
    ids = {p.get("trial") for p in run.fit.get("points") or [] if p.get("trial")}
    colors, column = budget_colors(run), "loss" if unit_of(run.fit) == PER_TOKEN else "bits_per_byte"
    found = []
    for row in run.losses:
        if row.get("status") == "pending":
            continue
        size, tokens = row.get(f"params_{params}") or row.get("params_total"), row.get("tokens")
        if not size or not tokens:
            continue
        used = row.get("status") == DONE and row.get("loss") is not None and (not ids or row.get("trial") in ids)
        found.append(
            Point(
                trial=str(row.get("trial")),
                status=str(row.get("status")),
                reason=str(row.get("reason") or ""),
                budget=float(row.get("budget") or 0.0),
                params=float(size),
                tokens=float(tokens),
                flops=float(row.get(f"flops_{flops}") or row.get("flops_exact") or 6.0 * size * tokens),
                loss=number(row.get(column)),
                lr=number(row.get("lr")),
                used=used,
                color=colors.get(row.get("budget") or 0.0, theme.MUTED),
            )
        )
    return sorted(found, key=lambda p: (p.budget, p.params, p.lr or 0.0))


def learning_curves(run: Run) -> list[Row]:
    """Validations along every tried trial; those before its cooldown come from its trunk where it shares one."""
    cooldown = (run.config.get("recipe") or {}).get("cooldown") or 0.0
    recorded: dict[Any, list[Row]] = defaultdict(list)
    for row in run.curves:
        if row.get("loss") and row.get("flops_exact"):
            recorded[row.get("trial")].append(row)
    found = []
    rows = {str(row.get("trial")): row for row in run.losses}
    for trial in (point.trial for point in points(run)):
        steps, trunk = rows[trial].get("steps") or 0, rows[trial].get("trunk")
        branch = steps - max(1, round(cooldown * steps))
        shared = [row for row in recorded[trunk] if (row.get("step") or 0) <= branch] if trunk else []
        found += [{**row, "trial": trial} for row in shared + recorded[trial]]
    return found


def number(value: Any) -> float | None:
    """A table's number as a float."""
    return None if value is None else float(value)


def budget_colors(run: Run) -> dict[float, str]:
    """A colour for each isoFLOP budget; trials of no family (a forecast's run) stay grey."""
    budgets = sorted({float(b) for b in run.config.get("budgets") or [] if b})
    if not budgets:
        budgets = sorted({float(row["budget"]) for row in run.losses if row.get("budget")})
    return dict(zip(budgets, theme.shades(len(budgets)), strict=True))


def residuals(run: Run) -> list[dict[str, Any]]:
    """Observed over predicted loss of every fitted trial, in percent, from the losses the fit recorded."""
    colors = budget_colors(run)
    return [
        {
            "budget": p.get("budget") or 0.0,
            "predicted": p["predicted"],
            "tokens_per_param": p["tokens"] / p["params"],
            "excess": 100.0 * (p["loss"] / p["predicted"] - 1.0),
            "color": colors.get(p.get("budget") or 0.0, theme.MUTED),
        }
        for p in run.fit.get("points") or []
        if p.get("predicted") and p.get("loss") and p.get("params") and p.get("tokens")
    ]


def optima(run: Run) -> list[float]:
    """Compute-optimal parameters at the target under every converged bootstrap lane of the fit's law.

    N D at the target is that of the fit's own optimum, so its way of counting FLOPs carries over.
    """
    target, law = (run.fit.get("target") or {}).get("approach3") or {}, LAWS.get(run.fit.get("law") or "additive")
    lanes = converged(run.lanes)
    if not (lanes and law and law.optimum_kind and target.get("params") and target.get("tokens")):
        return []
    values = {name: np.array([lane.get(name) or 0.0 for lane in lanes], float) for name in law.names}
    product = target["params"] * target["tokens"]
    params, *_ = best_run(law, coefficients_of(law, values), product, 1.0, run.fit.get("fixed"))
    return params[np.isfinite(params) & (params > 0)].tolist()


def converged(lanes: list[Row]) -> list[Row]:
    """Lanes that reached an interior optimum."""
    return [lane for lane in lanes if lane.get("status") in ("converged", None)]


@dataclass(frozen=True)
class Forecast:
    """A forecast and what came of it, None while its run has not ended."""

    line: Row
    outcome: Row | None


def forecasts(run: Run) -> list[Forecast]:
    """The ledger's forecasts, oldest first, each with its last outcome."""
    outcomes = {line.get("forecast"): line for line in run.ledger if line.get("kind") == "outcome"}
    return [
        Forecast(line, outcomes.get(line.get("id")))
        for line in run.ledger
        if line.get("kind") == "forecast" and line.get("loss") is not None
    ]


@dataclass(frozen=True)
class Cell:
    """Trials that differ only in learning rate.

    Attributes:
        trials: by rate.
        best: the finished trial of least loss, None while no trial has one.
        factors: rate to factor on the recipe's rate; empty where the trials do not match the sweep's bracket.
    """

    trials: list[Point]
    best: Point | None
    factors: dict[float, float]

    @property
    def inside(self) -> bool:
        """The best rate has a finished rate on both sides."""
        rates = [p.lr for p in self.trials if p.lr and p.status == DONE and p.loss is not None]
        return self.best is not None and self.best.lr is not None and min(rates) < self.best.lr < max(rates)


def cells(run: Run) -> list[Cell]:
    """Cells of the learning-rate bracket, those with two rates or more."""
    bracket = sorted(factor for factor in run.config.get("lr_bracket") or [] if factor)
    seeds = {str(row.get("trial")): row.get("seed") for row in run.losses}
    groups: dict[tuple, list[Point]] = defaultdict(list)
    for point in points(run):
        if point.lr:
            groups[(point.budget, point.params, point.tokens, seeds.get(point.trial))].append(point)
    found = []
    for group in groups.values():
        rates = sorted({p.lr for p in group if p.lr})
        if len(rates) > 1:
            scored = [p for p in group if p.status == DONE and p.loss is not None]
            factors = dict(zip(rates, bracket, strict=True)) if len(rates) == len(bracket) else {}
            found.append(Cell(group, min(scored, key=lambda p: p.loss or 0.0, default=None), factors))
    return found
