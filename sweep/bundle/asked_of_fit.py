"""The questions about the fit and about repeating it."""

from sweep.bundle.asked import Known, Question, count


def form(known: Known) -> str | None:
    """The law, and what was held."""
    held = known.fit.get("fixed_coefficients") or {}
    told = ", ".join(f"{name} held at {value:g}" for name, value in held.items())
    return f"{known.fit['formula']}{f'; {told}' if told else ''}"


def convention(known: Known) -> str | None:
    """How the fitted columns count."""
    c = known.fit.get("convention") or {}
    return f"params: {c['params']}; FLOPs: {c['flops']}" if c else None


def unit(known: Known) -> str | None:
    """Of the loss, and how it is known."""
    return (known.fit.get("units") or {}).get("statement")


def points(known: Known) -> str | None:
    """Rows that were fitted, and those that were not."""
    out = ", ".join(f"{e['n']} {e['status']}" for e in known.fit.get("excluded") or [])
    where = f"; filter {known.fit['where']}" if known.fit.get("where") else ""
    return f"{known.fit['n']} runs in {known.fit['groups']} groups; left out: {out or 'none'}{where}"


def objective(known: Known) -> str | None:
    """What was minimised, with its threshold, and weights."""
    o = known.fit["objective"]
    delta = f", delta {o['delta']:g}" if o.get("delta") is not None else ""
    weights = known.fit.get("weights")
    told = f"weights {weights[0]:.3g} to {weights[1]:.3g}" if weights else "all rows alike"
    return f"{o['kind']} of the differences of {'loss' if o['kind'] == 'mse' else 'ln loss'}{delta}; {told}"


def solver(known: Known) -> str | None:
    """How the optimum was found, and how it is known to be one."""
    block = known.fit.get("approach3") or {}
    starts, gradient = block.get("starts") or {}, (block.get("certificate") or {}).get("gradient")
    if gradient is None:
        return None
    told = ", ".join(f"{name} {value}" for name, value in starts.items() if isinstance(value, int))
    return (
        f"damped semismooth Newton in float64, starts from a grid with the linear coefficients solved ({told}); "
        f"{known.fit['status']}, gradient norm {gradient:.1e}"
    )


def intervals(known: Known) -> str | None:
    """The bootstrap."""
    f = known.fit
    if not f.get("bootstrap"):
        return None
    drawn = f"{f['bootstrap']} resamples of {f['groups']} groups, seed {f['seed']}"
    return f"{drawn}; {f['level']:.0%} intervals, {f['interval_method']}"


def approaches(known: Known) -> str | None:
    """The three side by side."""
    told = [f"{i}: a {a:.3f}" for i in (1, 2, 3) if (a := (known.fit.get(f"approach{i}") or {}).get("a")) is not None]
    return "; ".join(told) or None


def backtest(known: Known) -> str | None:
    """Larger runs held out and foretold."""
    block = (known.fit.get("diagnostics") or {}).get("backtest") or {}
    if block.get("status") != "ok":
        return None
    return f"{block['held_out']} larger runs held out and foretold from below, {block['inside']} inside their intervals"


def outcomes(known: Known) -> str | None:
    """Forecasts that were written down before their runs."""
    made = [line for line in known.ledger if line.get("kind") == "forecast"]
    ended = [line for line in known.ledger if line.get("kind") == "outcome" and line.get("inside") is not None]
    if not made:
        return None
    inside = sum(line["inside"] for line in ended)
    return f"{len(made)} forecasts, {len(ended)} with an outcome, {inside} of those inside their intervals"


def sensitivity(known: Known) -> str | None:
    """Other objectives, rows, floors; the multiverse."""
    made = known.fit.get("diagnostics") or {}
    asked = [name for name in ("deltas", "suspects", "floor", "influence") if name in made]
    if known.multiverse:
        return f"{count(known.multiverse['specifications'])} specifications in the multiverse; {', '.join(asked)}"
    return f"{', '.join(asked)} among the diagnostics" if asked else None


def code(known: Known) -> str | None:
    """The version."""
    version = (known.sweep.get("versions") or known.fit.get("versions") or {}).get("isoflop")
    return f"isoflop {version}, Apache-2.0; SHA-256 of its source in the file" if version else None


def text_known(known: Known) -> str | None:
    """The text is never in the bundle."""
    fingerprint = (known.sweep.get("data") or {}).get("fingerprint")
    return f"not in the bundle; any copy is checked by its fingerprint {fingerprint}" if fingerprint else None


FIT, REPEAT = "Fit", "Repeating it"
QUESTIONS = (
    Question(FIT, "Which form?", form),
    Question(FIT, "Which counting did the fit use?", convention),
    Question(FIT, "In which unit is the loss?", unit),
    Question(FIT, "Which runs were fitted, which left out, and why?", points),
    Question(FIT, "Which objective, which weights?", objective),
    Question(FIT, "Which optimiser, from which starts, converged how far?", solver),
    Question(FIT, "How are intervals made?", intervals, otherwise="no resamples: the fit has no intervals"),
    Question(FIT, "Do other approaches agree?", approaches, otherwise="no approach gives an exponent"),
    Question(FIT, "Were larger runs held out?", backtest, otherwise="no backtest: too few budgets, or no diagnostics"),
    Question(
        FIT, "Was anything foretold before it was trained?", outcomes, "forecast.jsonl", "no forecast was written"
    ),
    Question(FIT, "How much depends on choices of the analysis?", sensitivity, otherwise="no diagnostics were made"),
)
REPEATING = (
    Question(REPEAT, "Is the code known?", code, "environment.json"),
    Question(REPEAT, "Is the data known?", text_known, "sweep.json", "the bundle has no record of the training data"),
)
