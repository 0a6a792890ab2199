"""The questions about the runs: design, models, data, hyper-parameters, counting, losses."""

from collections import Counter

from sweep.bundle.asked import Known, Question, between, count

SWEEP, LOSSES = "sweep.json", "losses.parquet"


def runs(known: Known) -> str | None:
    """How many, at which budgets, and what became of them."""
    statuses = ", ".join(f"{n} {status}" for status, n in sorted(Counter(r["status"] for r in known.rows).items()))
    budgets = ", ".join(f"{b:.3g}" for b in known.config.get("budgets", ()))
    return f"{statuses}; isoFLOP families at {budgets} FLOPs"


def ranges(known: Known) -> str | None:
    """Of N, D and D/N."""
    params, tokens = known.span("params_with_head"), known.span("tokens")
    if params is None or tokens is None:
        return None
    ratios = sorted(r["tokens"] / r["params_with_head"] for r in known.done)
    return f"N {between(params)} (with head), D {between(tokens)} tokens, D/N {ratios[0]:.3g} to {ratios[-1]:.3g}"


def compute(known: Known) -> str | None:
    """All training FLOPs of the table."""
    flops = [r["flops_exact"] for r in known.rows if r.get("flops_exact")]
    return f"{sum(flops):.3g} training FLOPs of all trials, shared trunks counted in each" if flops else None


def architecture(known: Known) -> str | None:
    """The model, by its config and its widths."""
    a = known.config.get("architecture")
    if not a:
        return None
    head = "tied" if a["tied"] else "untied"
    norm = ", QK-norm" if a["qk_norm"] else ""
    sizes = f"widths {between(known.span('width'))}, depths {between(known.span('depth'))}"
    return f"decoder, RMSNorm, RoPE, {a['activation']}, {head} head{norm}; {sizes}; {a['seq_len']} tokens a sequence"


def data(known: Known) -> str | None:
    """Name, size and fingerprint of the tokens; never the text."""
    d = known.sweep.get("data") or {}
    if not d.get("fingerprint"):
        return None
    epochs = between(known.span("epochs"), lambda x: f"{x:.2g}")
    size = f"{count(d['train']['tokens'])} training tokens"
    return f"{d.get('name')}, {size}, fingerprint {d['fingerprint']}; {epochs} epochs"


def tokenizer(known: Known) -> str | None:
    """Kind, size and hash."""
    d = known.sweep.get("data") or {}
    return f"{d['tokenizer']}, vocabulary {d['vocab']:,}, hash {d['tokenizer_hash']}" if d.get("tokenizer") else None


def held_out(known: Known) -> str | None:
    """How the validation tokens were held out, and what of them was seen."""
    d = known.sweep.get("data") or {}
    overlap, settings = d.get("overlap"), known.config.get("data") or {}
    if not settings:
        return None
    seen = "overlap with the training text not measured"
    if overlap:
        seen = f"{overlap['share']:.1%} of {overlap['checked']:,} windows occur in the training text"
    return f"{settings['val_fraction']:.0%} of the documents, {settings['val_tokens']:,} tokens of them score; {seen}"


def optimizer(known: Known) -> str | None:
    """AdamW and its constants."""
    r = known.config.get("recipe")
    if not r:
        return None
    decay = f"weight decay {r['weight_decay']}, gradient norm clipped at {r['grad_clip']}"
    return f"AdamW, beta {r['beta1']}, {r['beta2']}, {decay}"


def learning_rate(known: Known) -> str | None:
    """The rule, and whether it was swept."""
    r, bracket = known.config.get("recipe"), known.config.get("lr_bracket") or ()
    if not r or len(bracket) < 2:
        return None
    rates = between(known.span("lr"), lambda x: f"{x:.3g}")
    return f"peak {rates}, {len(bracket)} rates for each cell (factors {', '.join(f'{x:g}' for x in bracket)})"


def schedule(known: Known) -> str | None:
    """Shape, warm-up and cooldown; shared trunks."""
    c = known.config
    if "schedule" not in c:
        return None
    r = c["recipe"]
    decay = f", cooldown {r['cooldown']:.0%} ({r['cooldown_shape']})" if c["schedule"] == "wsd" else ""
    trunk = "; horizons of one size share a constant-rate trunk" if c.get("trunk") else ""
    return f"{c['schedule']}, warm-up {r['warmup']:.0%} of the shortest horizon of a size{decay}{trunk}"


def batch(known: Known) -> str | None:
    """Tokens a step."""
    return f"{span} tokens a step" if (span := between(known.span("batch_tokens"))) else None


def seeds(known: Known) -> str | None:
    """Repeats with other seeds."""
    found = {row["seed"] for row in known.done}
    return f"{len(found)} seeds for each cell: {', '.join(map(str, sorted(found)))}" if len(found) > 1 else None


def device(known: Known) -> str | None:
    """What it was trained on, in which precision, with which versions."""
    d, versions = known.sweep.get("device") or {}, known.sweep.get("versions") or {}
    if not d:
        return None
    dtype = (known.config.get("architecture") or {}).get("dtype", "auto")
    if dtype == "auto":
        dtype = "float32" if d["platform"] == "cpu" else "bfloat16"
    told = ", ".join(f"{name} {versions[name]}" for name in ("python", "jax", "flax", "optax") if name in versions)
    name = d["kind"] if d["kind"] != "cpu" else d.get("processor") or "cpu"
    return f"{d['count']} x {name}, {dtype} compute; {told}"


def loss(known: Known) -> str | None:
    """What a loss is, and of which moment."""
    if not known.done:
        return None
    errors = between(known.span("loss_se"), lambda x: f"{x:.2g}")
    told = f"standard error over windows {errors}" if errors else "one window, no standard error"
    return (
        f"validation, nats/token, at the horizon, where the schedule ends; not smoothed, no chosen checkpoint; {told}"
    )


def failed(known: Known) -> str | None:
    """Trials that did not end well stay in the table."""
    bad = [r for r in known.rows if r["status"] not in ("done", "pending")]
    return "; ".join(f"{r['trial']} {r['status']}: {r['reason']}" for r in bad[:5]) or "no trial failed or diverged"


DESIGN, SETTING, COUNTING = "Runs", "Training", "Counting and losses"
QUESTIONS = (
    Question(DESIGN, "How many runs, at which compute?", runs, LOSSES),
    Question(DESIGN, "Which sizes and horizons?", ranges, LOSSES, "no finished trial"),
    Question(DESIGN, "How much compute did the study take?", compute, LOSSES),
    Question(DESIGN, "Which runs failed or were left out?", failed, LOSSES),
    Question(DESIGN, "How many repeats with other seeds?", seeds, LOSSES, "one seed: the noise of runs is unknown"),
    Question(SETTING, "Which architecture?", architecture, SWEEP),
    Question(SETTING, "Which training data, how much of it, how often repeated?", data, SWEEP),
    Question(SETTING, "Which tokenizer?", tokenizer, SWEEP),
    Question(SETTING, "Which held-out data, and is it clean?", held_out, SWEEP),
    Question(SETTING, "Which optimizer?", optimizer, SWEEP),
    Question(
        SETTING,
        "Was the learning rate swept at every size?",
        learning_rate,
        SWEEP,
        "it was set by a rule and not swept: nothing shows that it was right at both ends of the ladder",
    ),
    Question(SETTING, "Which schedule; does it end with the run?", schedule, SWEEP),
    Question(SETTING, "Which batch size?", batch, LOSSES),
    Question(SETTING, "Which hardware, precision and versions?", device, SWEEP),
    Question(
        COUNTING,
        "How are parameters counted?",
        lambda known: "three ways in the table: total, non_embedding, with_head (one vocabulary matrix)",
        LOSSES,
    ),
    Question(
        COUNTING,
        "How are FLOPs counted?",
        lambda known: "two ways in the table: exact (half of the causal square, head counted, lookup free), and 6ND",
        LOSSES,
    ),
    Question(COUNTING, "Which loss, of which checkpoint, with which noise?", loss, LOSSES),
)
