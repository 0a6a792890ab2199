"""A SIMULATED run directory: losses drawn from a known additive law, to test the page, never to show as training."""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sweep import fit as sweep_fit

LAW = {"E": 1.20, "A": 22.0, "B": 260.0, "alpha": 0.42, "beta": 0.40}  # nats/token
BUDGETS = (1e10, 3e10, 1e11, 3e11)
BRACKET = (0.5, 1.0, 2.0)
TARGET = 3e12
SIZES = 6


def law_loss(params, tokens):
    """The law the losses are drawn from."""
    return LAW["E"] + LAW["A"] * params ** -LAW["alpha"] + LAW["B"] * tokens ** -LAW["beta"]


def optimum(flops: float, A=LAW["A"], B=LAW["B"], alpha=LAW["alpha"], beta=LAW["beta"]) -> tuple[float, float]:
    """Hoffmann et al. 2022, eq. 4, with 6 N D = C."""
    params = (alpha * A / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))
    return params, flops / 6 / params


def row(i: int, budget: float, params: float, tokens: float, factor: float, rng) -> dict:
    """One finished trial; the best rate is near the recipe's, for the smallest model beyond the bracket."""
    best = 2.6 if params < 800 else 1.05
    loss = law_loss(params, tokens) * math.exp(rng.normal(0, 0.004)) + 0.03 * math.log2(factor / best) ** 2
    return {
        "trial": f"{i:012x}", "sweep": "simulated", "status": "done", "reason": None, "budget": budget,
        "params_total": round(params * 1.1), "params_non_embedding": round(params * 0.6),
        "params_with_head": round(params), "tokens": round(tokens), "flops_exact": 6 * params * tokens,
        "flops_6nd": 6 * params * tokens * 0.94, "loss": loss, "loss_se": 0.004, "bits_per_byte": loss / math.log(2),
        "train_loss": loss - 0.05, "width": 16, "depth": 2, "steps": round(tokens / 1024),
        "lr": 1e-2 * factor * (params / 1e4) ** -0.2, "seed": 0, "attempts": 1,
    }  # fmt: skip


def losses() -> list[dict]:
    """Four families of six sizes and three rates, with one diverged, one failed and one unfinished trial."""
    rng = np.random.default_rng(7)
    rows = []
    for budget in BUDGETS:
        centre, _ = optimum(budget)
        for params in np.geomspace(centre / 4, centre * 4, SIZES):
            for factor in BRACKET:
                rows.append(row(len(rows), budget, float(params), budget / 6 / float(params), factor, rng))
    rows[53].update(status="diverged", reason="loss is not finite at step 812", loss=None, loss_se=None)
    rows[15].update(status="failed", reason="out of memory on <device 0>", loss=None, loss_se=None, train_loss=None)
    rows[70].update(status="partial", reason="stopped at step 300 of 900", loss=rows[70]["loss"] + 0.2)
    params, tokens = optimum(1e12)
    rows.append({**row(len(rows), 1e12, params, tokens, 1.0, rng), "budget": None})  # the forecast's run
    return rows


def curves(rows: list[dict]) -> list[dict]:
    """Ten validations along each trial that has a loss, with a train-only point between."""
    points = []
    for r in rows:
        if r["loss"] is None:
            continue
        for share in np.geomspace(0.02, 1, 10):
            tokens = r["tokens"] * float(share)
            gap = r["loss"] - float(law_loss(r["params_with_head"], r["tokens"]))
            loss = float(law_loss(r["params_with_head"], tokens)) + gap
            step = {"trial": r["trial"], "step": round(tokens / 1024), "tokens": round(tokens)}
            step["flops_exact"] = r["flops_exact"] * float(share)
            points += [{**step, "train_loss": loss - 0.05, "loss": loss}, {**step, "train_loss": loss, "loss": None}]
    return points


def best_of_cells(rows: list[dict]) -> list[dict]:
    """The best finished rate of each size of each family: what the fit uses."""
    cells: dict = {}
    for r in rows:
        if r["budget"] and r["status"] == "done":
            key = (r["budget"], r["params_with_head"])
            if key not in cells or r["loss"] < cells[key]["loss"]:
                cells[key] = r
    return list(cells.values())


def family(budget: float, used: list[dict]) -> dict:
    """Approach 2 on one family: the quadratic in ln N and its vertex."""
    members = [r for r in used if r["budget"] == budget]
    x = np.log([r["params_with_head"] for r in members])
    c2, c1, c0 = np.polyfit(x, [r["loss"] for r in members], 2)
    params = math.exp(-c1 / (2 * c2))
    points = [{"params": r["params_with_head"], "tokens": r["tokens"], "loss": r["loss"]} for r in members]
    return {
        "budget": budget, "status": "ok", "reason": None, "params": params, "tokens": budget / 6 / params,
        "loss": c0 - c1 * c1 / (4 * c2), "params_interval": [params / 1.15, params * 1.17], "curvature": 2 * c2,
        "half_width": math.log(4.0), "bias": 0.004, "coefficients": [c0, c1, c2], "points": points,
    }  # fmt: skip


def lanes(n: int = 400) -> list[dict]:
    """The usable bootstrap lanes, scattered around the law."""
    rng = np.random.default_rng(3)
    alpha, beta = LAW["alpha"] * np.exp(rng.normal(0, 0.05, n)), LAW["beta"] * np.exp(rng.normal(0, 0.05, n))
    return [
        {
            "E": LAW["E"], "A": LAW["A"] * math.exp(7.5 * (a - LAW["alpha"])), "alpha": a,
            "B": LAW["B"] * math.exp(11.0 * (b - LAW["beta"])), "beta": b,
        }
        for a, b in zip(alpha.tolist(), beta.tolist(), strict=True)
    ]  # fmt: skip


def frontier(points: list[dict], rows: list[dict]) -> list[dict]:
    """Approach 1: the least loss seen at each of a ladder of FLOPs."""
    sizes = {r["trial"]: r["params_with_head"] for r in rows}
    scored = [p for p in points if p["loss"] is not None]
    found = []
    for flops in np.geomspace(2e9, 3e11, 24).tolist():
        near = [p for p in scored if flops / 1.4 < p["flops_exact"] <= flops]
        if near:
            best = min(near, key=lambda p: p["loss"])
            at = {"flops": best["flops_exact"], "params": sizes[best["trial"]], "tokens": best["tokens"]}
            found.append({**at, "loss": best["loss"]})
    return found


def fit(rows: list[dict]) -> dict:
    """A fit.json with every key of the contract; approach 3 states the law the losses were drawn from."""
    used = best_of_cells(rows)
    a = LAW["beta"] / (LAW["alpha"] + LAW["beta"])
    params, tokens = optimum(TARGET)

    def at(factor: float, spread: float) -> dict:
        interval = [params * factor / spread, params * factor * spread]
        return {
            "params": params * factor,
            "tokens": tokens / factor,
            "params_interval": interval,
            "tokens_interval": [tokens / factor / spread, tokens / factor * spread],
        }

    def approach(shift: float, status: str = "ok") -> dict:
        ends = [a + shift - 0.04, a + shift + 0.05]
        return {"status": status, "reason": None, "a": a + shift, "b": 1 - a - shift, "a_interval": ends,
                "b_interval": [1 - ends[1], 1 - ends[0]], "n": len(used)}  # fmt: skip

    points = []
    for r in used:
        predicted = float(law_loss(r["params_with_head"], r["tokens"]))
        points.append({"trial": r["trial"], "budget": r["budget"], "params": r["params_with_head"],
                       "tokens": r["tokens"], "flops": r["flops_exact"], "loss": r["loss"], "predicted": predicted,
                       "residual": math.log(r["loss"] / predicted)})  # fmt: skip
    return {
        "law": "additive", "objective": {"kind": "huber", "delta": 1e-3, "value": 2.4e-4}, "params": LAW,
        "status": "converged", "n": len(used), "se": {k: 0.05 * v for k, v in LAW.items()},
        "interval": {k: [0.92 * v, 1.09 * v] for k, v in LAW.items()}, "level": 0.9,
        "allocation": {"a": a, "b": 1 - a}, "convention": {"params": "with_head", "flops": "exact"}, "bootstrap": 404,
        "excluded": [{"status": "diverged", "n": 1}, {"status": "failed", "n": 1}, {"status": "partial", "n": 1}],
        "warnings": [{"code": "extrapolation", "message": "the target is 10x the largest budget & far"}],
        "timing": {"seconds": 1.5}, "points": points,
        "target": {"flops": TARGET, "approach1": at(1.2, 1.35), "approach2": at(1.07, 1.25),
                   "approach3": {**at(1, 1.2), "loss": float(law_loss(params, tokens))}},
        "approach1": {**approach(0.02), "frontier": frontier(curves(rows), rows)},
        "approach2": {**approach(0.01), "families": [family(b, used) for b in BUDGETS]},
        "approach3": approach(0.0, "converged"),
        "diagnostics": diagnostics(),
    }  # fmt: skip


@functools.cache
def diagnostics() -> dict:
    """What the fitter itself says about the trials that the fit uses."""
    used = best_of_cells(losses())
    names = {
        "params": "params_with_head",
        "tokens": "tokens",
        "loss": "loss",
        "flops": "flops_exact",
        "budget": "budget",
    }
    table = {name: [r[column] for r in used] for name, column in names.items()}
    return sweep_fit.fit(table, bootstrap=100, target_compute=TARGET).to_json()["diagnostics"]


def ledger(rows: list[dict]) -> list[dict]:
    """Two forecasts; the first has its outcome."""
    run = rows[-1]
    about = {"params": run["params_with_head"], "tokens": run["tokens"], "flops": 1e12, "level": 0.9, "law": "additive"}
    loss = float(law_loss(run["params_with_head"], run["tokens"]))
    params, tokens = optimum(TARGET)
    later = {"params": params, "tokens": tokens, "flops": TARGET, "level": 0.9, "law": "additive"}
    return [
        {"kind": "forecast", "id": "f1", "date": "2026-03-01T10:00:00Z", **about, "loss": loss,
         "interval": [loss - 0.02, loss + 0.02], "extrapolation": {"compute": 3.3, "tokens_per_param": 0.9}},
        {"kind": "outcome", "forecast": "f1", "date": "2026-03-01T11:00:00Z", "trial": run["trial"],
         "loss": run["loss"], "loss_se": 0.004, "error": run["loss"] - loss, "inside": abs(run["loss"] - loss) <= 0.02},
        {"kind": "forecast", "id": "f2", "date": "2026-03-02T10:00:00Z", **later,
         "loss": float(law_loss(params, tokens)), "interval": None, "extrapolation": {"compute": 10.0}},
    ]  # fmt: skip


def sweep() -> dict:
    """sweep.json, with text that a page must escape."""
    config = {"name": "simulated <law>", "budgets": list(BUDGETS), "sizes": SIZES, "lr_bracket": list(BRACKET),
              "schedule": "wsd", "seeds": [0]}  # fmt: skip
    return {"config": config, "hash": "0123456789ab", "code": "0.1.0", "versions": {"jax": "0.10.2", "flax": "0.12.0"},
            "device": "cpu",
            "data": {"name": "python:stdlib", "fingerprint": "feedc0de", "unique_tokens": 31415926}}  # fmt: skip


def build(path: Path, leave_out: tuple[str, ...] = ()) -> Path:
    """Write the run directory at `path`, without the files named in `leave_out`."""
    (path / "fit").mkdir(parents=True)
    rows = losses()
    texts = {
        "sweep.json": json.dumps(sweep()),
        "fit/fit.json": json.dumps(fit(rows)),
        "forecast.jsonl": "".join(json.dumps(line) + "\n" for line in ledger(rows)),
    }
    tables = {"losses.parquet": rows, "curves.parquet": curves(rows), "fit/lanes.parquet": lanes()}
    for name, text in texts.items():
        if name not in leave_out:
            (path / name).write_text(text)
    for name, table in tables.items():
        if name not in leave_out:
            pq.write_table(pa.Table.from_pylist(table), path / name)
    return path
