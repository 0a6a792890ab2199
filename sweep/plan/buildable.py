"""The real shapes next to a plan's size: exact counts, predicted loss, memory, time, and a config that trains one."""

import dataclasses
import json
import math
from typing import Any

from sweep import config, files
from sweep.config import Sweep
from sweep.errors import InputError, Refusal
from sweep.plan.builder import Builder
from sweep.plan.memory import can_be_held, memory, too_large
from sweep.plan.prices import FORWARD
from sweep.plan.question import QUALITY, Question, Run
from sweep.plan.source import Source

SERVED = 2  # bytes of a number served in bfloat16


def buildable(source: Source, question: Question, run: Run, builder: Builder, devices: int) -> dict[str, Any]:
    """The shapes next below and above a run's size.

    For a target of quality each is trained to the loss of the run, for a budget it spends what the run does; either way
    in whole steps of its batch. Params are counted with the head, as the recipe counts them.

    Args:
        devices: that share the training, parameters and batch split among them.
    """
    from sweep.design import recipes  # here, so that a plan without shapes does not wait for it

    near = dict.fromkeys(
        recipes.around(float(run.params), builder.sweep, vocab=builder.vocab, platform=platform_of(question, builder))
    )
    made = [shape_block(source, question, run, builder, devices, shape) for shape in near]
    return {
        "recipe": builder.name,
        "vocab": builder.vocab,
        "convention": "with_head",
        "devices": devices,
        "shapes": sorted(made, key=lambda block: abs(math.log(block["params"]["with_head"] / run.params))),
    }


def platform_of(question: Question, builder: Builder) -> str:
    """Where it will be trained: by the rate of training, else where the sweep was, else on a GPU."""
    if question.costs.train:
        return "tpu" if question.costs.train.device.startswith("tpu") else "gpu"
    if builder.measured is None:
        return "gpu"
    kind = builder.measured.device.lower()
    return "cpu" if "cpu" in kind else "tpu" if "tpu" in kind else "gpu"


def shape_block(
    source: Source, question: Question, run: Run, builder: Builder, devices: int, shape: Any
) -> dict[str, Any]:
    """One shape: what it is, what it would reach, what it takes."""
    from sweep.design import recipes
    from sweep.models import counting

    counts = counting.params(shape)
    wanted = tokens_for(source, question, run, counts.with_head)
    block = {
        **{
            name: getattr(shape, name) for name in ("width", "depth", "heads", "kv_heads", "head_dim", "ffn", "seq_len")
        },
        "params": dataclasses.asdict(counts),
        "batch_tokens": shape.batch_tokens,
        **memory(shape, devices, question, platform_of(question, builder)),
        "serve": serving(source, shape, counts),
    }
    if not wanted > 0:
        empty = dict.fromkeys(("tokens", "steps", "flops_exact", "loss", "loss_change", "hours", "lr"))
        return block | empty | {"reason": why_not(source, question, counts.with_head)}
    steps = max(1, round(wanted / shape.batch_tokens))
    tokens = steps * shape.batch_tokens
    flops, loss = counting.train_flops_per_token(shape) * tokens, float(source.surface.loss(counts.with_head, tokens))
    speed, speed_source = speed_of(question, builder, counts.with_head)
    return block | {
        "tokens": tokens,
        "steps": steps,
        "lr": recipes.peak_lr(shape, float(tokens), builder.sweep.recipe),
        "flops_exact": flops,
        "flops_6nd": counting.flops_6nd(shape, float(tokens)),
        "loss": loss,
        "loss_change": loss - float(run.loss),
        "hours": flops / speed / devices / 3600 if speed else None,
        "hours_from": speed_source,
        "reason": None,
    }


def why_not(source: Source, question: Question, params: float | int) -> str:
    """Why a size has no tokens to train on."""
    surface = source.surface
    if params > surface.most_params:
        return f"above the largest size, {surface.most_params:.4g}"
    if question.target in QUALITY:
        limit = (
            "any number of tokens" if math.isinf(most := surface.most_tokens) else f"the {most:.4g} tokens there are"
        )
        return f"the loss is out of reach with {limit}"
    return "serving alone exceeds the spend"


def tokens_for(source: Source, question: Question, run: Run, params: float | int) -> float:
    """Tokens for a size in place of the run's; NaN or below zero where there are none."""
    if params > source.surface.most_params:
        return math.nan
    if "tokens" in question.fixed or not question.target:
        return float(run.tokens)
    if question.target in QUALITY:
        tokens = float(source.surface.tokens_for(float(params), run.loss))
        return tokens if tokens <= source.surface.most_tokens else math.nan
    spend = question.wish(source.surface).spend  # all of it, also where limits leave a part of it to the run
    return float(min(spend / params - question.load, source.surface.most_tokens))


def serving(source: Source, shape: Any, counts: Any) -> dict[str, float | int]:
    """What one generated token takes at the end of a full context, attention included, and the memory that it needs.

    The plan itself prices k N / 3 FLOPs a token; `over_plan` is how much more or less this is.
    """
    from sweep.models import counting

    context, per_layer = shape.seq_len, 2 * shape.kv_heads * shape.head_dim
    attention = 4.0 * context * shape.heads * shape.head_dim * shape.depth
    flops = 2.0 * (shape.depth * counting.block_matmul_params(shape) + shape.vocab * shape.width) + attention
    return {
        "context": context,
        "flops_per_token": flops,
        "over_plan": flops / (source.surface.k / FORWARD * counts.with_head),
        "weights_bytes": SERVED * counts.total,
        "cache_bytes": SERVED * context * per_layer * shape.depth,
    }


def speed_of(question: Question, builder: Builder, params: float | int) -> tuple[float | None, str]:
    """FLOP/s of one device for a size, and how that is known: measured on the device meant, else the stated share."""
    rate, measured = question.costs.train, builder.measured
    if rate is not None:
        return rate.flops_per_hour / 3600, f"the stated {rate.mfu:g} of the peak of {rate.device}"
    if measured is None:
        return None, "not known: say --train DEVICE@mfu=SHARE, or plan from the directory of a trained sweep"
    beyond = params / measured.params[-1]
    reach = f", {beyond:.3g}x the largest size measured" if beyond > 1 else ""
    return measured.at(float(params)), f"measured on {measured.device} in {builder.name}{reach}"


# A config of one model


def write_config(path: str, block: dict[str, Any], record: dict[str, Any], builder: Builder) -> None:
    """Write a config that trains the first shape of `block`.

    Raises:
        InputError: not a .py file, or one that exists.
        Refusal: `not_buildable`, no shape next to the plan answers the question.
    """
    file = files.local(path)
    if file.suffix != ".py" or file.exists():
        raise InputError(
            f"--write {path}: {'there is such a file already' if file.exists() else 'a config is a .py file'}"
        )
    best = next((shape for shape in block["shapes"] if shape["tokens"]), None)
    if best is None:
        raise Refusal(
            "not_buildable", f"--write {path}: {block['shapes'][0]['reason']} with the shapes of {block['recipe']}"
        )
    if not can_be_held(best):
        raise Refusal("too_large", f"--write {path}: {too_large(best)}; plan for a smaller size with --max-params")
    files.write_text(file, config_text(file.stem, best, record, builder))
    config.load(path)


def config_text(name: str, shape: dict[str, Any], record: dict[str, Any], builder: Builder) -> str:
    """The file: what it trains and what to expect, then a sweep of one budget and one size."""
    like, params, tokens = builder.sweep, shape["params"]["with_head"], shape["tokens"]
    low, high = record["interval"]["loss"]
    about = f", {record['level']:.0%} interval of the law [{low:.4f}, {high:.4f}]" if low else "; no interval is known"
    sweep = dataclasses.replace(
        like,
        name=name,
        budgets=(shape["flops_exact"] if like.flops == "exact" else shape["flops_6nd"],),
        params=(float(params),),
        target_compute=0.0,
        trunk=False,
        lr_bracket=(1.0,),
        seeds=like.seeds[:1],
    )
    parts = sorted({type(getattr(sweep, f.name)).__name__ for f in dataclasses.fields(sweep) if is_part(sweep, f.name)})
    return f'''"""One model of {params:,} parameters (with the head) on {tokens:,} tokens, as planned.

Planned from: {record["source"]}.
Expected: loss {shape["loss"]:.4f} {record["loss_unit"]}{about} (prediction).
Time: {hours_text(shape)}.
Recipe: {builder.name}, vocabulary {builder.vocab:,}. Set `data` to your corpus.

    sweep preview {name}.py --no-probe
    sweep run {name}.py
"""

from sweep.config import {", ".join([*parts, "Sweep"])}

SWEEP = {source_text(sweep)}
'''


def hours_text(shape: dict[str, Any]) -> str:
    """Training time with what it rests on."""
    if shape["hours"] is None:
        return f"{shape['flops_exact']:.3g} FLOPs"
    return f"{shape['hours']:,.3g} hours ({shape['hours_from']}; estimate)"


def is_part(sweep: Sweep, name: str) -> bool:
    """Whether a field is a dataclass that differs from its default."""
    value = getattr(sweep, name)
    return dataclasses.is_dataclass(value) and value != type(value)()  # pyright: ignore[reportCallIssue]


def literal(value: Any) -> str:
    """A number, a text or a tuple of them, as this project writes it."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def source_text(part: Any, indent: str = "    ") -> str:
    """Python that makes a dataclass again, of the fields that differ from their defaults."""
    lines = []
    for f in dataclasses.fields(part):
        value = getattr(part, f.name)
        default = f.default if f.default is not dataclasses.MISSING else None
        if f.default_factory is not dataclasses.MISSING:
            default = f.default_factory()
        if value != default:
            text = source_text(value, indent + "    ") if dataclasses.is_dataclass(value) else literal(value)
            lines.append(f"{indent}{f.name}={text},\n")
    return f"{type(part).__name__}(\n{''.join(lines)}{indent[:-4]})"
