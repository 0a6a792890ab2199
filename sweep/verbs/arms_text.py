"""What `sweep compare --by` prints: arms, whether they share exponents, the compute multiplier along compute."""

from typing import Any


def describe_arms(data: dict[str, Any]) -> str:
    """Verdict first, then what it rests on."""
    test = data["shared"]
    kept = "not rejected: used" if test["common"] else "rejected: the arms are compared by separate fits"
    lines = [
        data["verdict"],
        f"{data['source']}: law {data['law']}, {data['units']}",
        "",
        f"  {data['by']:20s}{'runs':>6s}{'groups':>8s}   FLOPs                 coefficients",
    ]
    for a in data["arms"]:
        low, high = a["flops"]
        values = ", ".join(f"{name} {value:.4g}" for name, value in a["params"].items())
        lines.append(f"  {a['arm']:20s}{a['n']:6d}{a['groups']:8d}   {low:.3g} to {high:.3g}   {values}")
    lines += [
        "",
        f"common {', '.join(test['exponents'])}: chi-squared {test['statistic']:.2f} at {test['degrees_of_freedom']} "
        f"degrees of freedom, p {test['p']:.3g}; {kept}",
    ]
    for p in data["pairs"]:
        lines += ["", f"compute multiplier of {p['arm']} over {p['baseline']}, {data['level']:.0%} interval"]
        lines += [f"  {row['flops']:.3g} FLOPs  {number(row)}" for row in p["curve"]]
        at = p["target"]
        chance = "-" if at["probability_better"] is None else f"{at['probability_better']:.0%}"
        lines.append(
            f"  at the target {at['flops']:.3g}: {number(at)}; loss {at['loss'][1] or float('nan'):.4f} against "
            f"{at['loss'][0] or float('nan'):.4f} {data['unit']}; {p['arm']} better in {chance} of "
            f"{at['resamples']} resamples"
        )
    return "\n".join([*lines, *(f"warning {w['code']}: {w['message']}" for w in data["warnings"])])


def number(row: dict[str, Any]) -> str:
    """A multiplier with its interval."""
    if row["multiplier"] is None:
        return "no equal loss within reach"
    low, high = row["interval"]
    return f"{row['multiplier']:.3f}" + ("" if low is None else f" [{low:.3f}, {high:.3f}]")
