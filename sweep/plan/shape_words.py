"""The real shapes next to a plan's size in words: what each reaches, what it takes, and what holds it."""

from typing import Any

from sweep.devices import size_text, unit_of
from sweep.plan.short import line, ratio, short


def buildable(b: dict[str, Any]) -> list[str]:
    """The real shapes next to the size."""
    on = f"{b['devices']} devices" if b["devices"] > 1 else "one device"
    lines = [line("buildable", f"by the recipe of {b['recipe']}, vocabulary {b['vocab']:,}, on {on}")]
    for s in b["shapes"]:
        head = f"{short(s['params']['with_head'])} ({s['depth']} x {s['width']}, {s['heads']} heads, ffn {s['ffn']})"
        if s["tokens"] is None:
            lines.append(line("", f"{head}: {s['reason']}"))
            continue
        size, unit = unit_of(s["memory_bytes"]["total"])
        parts = {k: f"{v / size:,.3g}" for k, v in s["memory_bytes"].items()}
        total = f"{parts.pop('total')} {unit} a device ({', '.join(f'{k} {v}' for k, v in parts.items())})"
        memory = f"{'' if s['fits'] else 'at least '}{total}{recomputed(s)}; {held(s, b['devices'])}"
        hours = f"{ratio(s['hours'])} hours, {s['hours_from']}" if s["hours"] else f"time {s['hours_from']}"
        lines.append(
            line("", f"{head}: loss {s['loss']:.4f} on {short(s['tokens'])} tokens, {s['flops_exact']:.3g} exact FLOPs")
        )
        lines.append(line("", f"  {memory}; {hours}"))
        serve = s["serve"]
        lines.append(
            line(
                "",
                f"  served at {serve['context']:,} tokens of context: {serve['flops_per_token']:.3g} FLOPs a token, "
                f"{serve['over_plan']:.2f}x those of the plan; weights {size_text(serve['weights_bytes'])}, "
                f"cache {size_text(serve['cache_bytes'])} a sequence (bfloat16)",
            )
        )
    return lines


def recomputed(s: dict[str, Any]) -> str:
    """What the backward pass computes again, and the parts of a batch."""
    parts = [f"remat {s['remat']}"] * (s["remat"] != "none")
    parts += [f"{s['micro_batches']} micro-batches"] * (s["micro_batches"] > 1)
    return f" with {' and '.join(parts)}" if parts else ""


SHOWN = ("h100", "h200", "tpu-v5e", "tpu-v5p", "tpu-v6e")  # where no device is meant


def held(s: dict[str, Any], devices: int) -> str:
    """Whether it fits, and how many devices hold it."""
    by = {name: n for name, n in s["held_by"].items() if s["fits"] is not None or name in SHOWN}
    if s["fits"] is None and len(s["held_by"]) == 1:
        return f"how many {next(iter(s['held_by']))} hold it is not known: state its memory, @memory=GB"
    enough = ", ".join(f"{n} {name}" for name, n in by.items() if n)
    told = f"held by {enough} or more" if enough else f"no number of {', '.join(by)} up to its batch holds it"
    if s["fits"] is False:
        return f"does not fit {f'{devices} devices' if devices > 1 else 'one device'}; {told}"
    return told
