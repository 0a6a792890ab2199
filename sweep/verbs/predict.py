"""`sweep predict`: what a law says of one run that has not been trained, with its interval and how far it reaches."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from sweep import laws, quantity
from sweep.errors import InputError, Refusal
from sweep.fit import auto
from sweep.fit.predict import Prediction, about_reach, asked, reach, times, title, warning
from sweep.laws import inputs as laws_inputs
from sweep.plan.known import EVIDENCE
from sweep.storage import locate
from sweep.tables.cohorts import is_folder
from sweep.tables.units import PER_TOKEN, unit_of
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Predict the loss of one run from a fit, or from published coefficients; or its learning rate or batch.

    The interval is for one new run: doubt about the law and the scatter of runs around it. It says nothing about a
    wrong form of the law, another corpus or a badly tuned run. Published coefficients give a point only.

    Example: sweep predict fit/ --params 7e9 --tokens 2e12

    Example: sweep predict besiroglu --params 7e9 --tokens 2e12

    Example: sweep predict step_law --params 1e9 --tokens 1e11

    Example: sweep predict ladder/ --compute 1e23

    Example: sweep predict muennighoff_repeated --params 7e9 --tokens 2e11 --input unique_tokens=25e9
    """

    fit: tyro.conf.Positional[str]
    """Directory of a fit or of a sweep, a fit.json, or the id of published coefficients such as besiroglu."""
    params: float | None = field(default=None, metadata=quantity.PARAMS)
    """Parameters of the run, 7e9 or 7B, counted as in the table that was fitted."""
    tokens: float | None = field(default=None, metadata=quantity.TOKENS)
    """Tokens it trains on, 2e12 or 2T."""
    compute: Annotated[float | None, tyro.conf.arg(aliases=("--flops",))] = field(
        default=None, metadata=quantity.COMPUTE
    )
    """Training FLOPs, of a law that reads them, such as power_compute, instead of both."""
    input: tuple[str, ...] = ()
    """Further inputs of the law, such as unique_tokens=25e9 width=4096."""
    level: float | None = None
    """Of the interval; default: the fit's."""
    law: str | None = None
    """Of a fit by several laws: auto, all of them together (the default), or one of them."""


def run(args: Args) -> Output:
    """Ask the fit, or the published law."""
    further = parse_inputs(args.input)
    if args.compute is not None:
        further |= {"flops": args.compute}
    if args.fit not in published() or Path(args.fit).exists():
        check_source(args.fit)
        found = auto.load(args.fit, args.law)
        check_compute(args, found.law)
        answer = found.predict(args.params, args.tokens, args.level, **further)
        law, level = found.law, args.level or found.record["level"]
        mixed = answer if isinstance(answer, auto.Mixed) else None
        name = auto.AUTO if mixed else title(found.record)
        extrapolation: dict[str, Any] = answer.extrapolation
        unit = unit_of(found.record)
    else:
        if args.law is not None:
            raise InputError(f"--law {args.law}: {args.fit} is a published point of one law; leave --law out")
        mixed = None
        check_compute(args, published()[args.fit][0])
        answer = of_published(args.fit, {"params": args.params, "tokens": args.tokens, **further})
        (law, entry), level = published()[args.fit], None
        name = entry.source
        extrapolation, unit = answer.extrapolation, PER_TOKEN
    data = {
        "interval": answer.interval,
        "extrapolation": extrapolation,
        "warnings": answer.warnings,
        "params": args.params,
        "tokens": args.tokens,
        "inputs": further,
        "level": level,
        "law": name,
        "output": law.output,
        "unit": unit if law.target == "loss" else None,
        **({"weights": mixed.weights, "by_law": mixed.by_law, "disagreement": mixed.disagreement} if mixed else {}),
        law.target: answer.value,  # the last: a law of tokens answers by that name
    }
    return Output(data, describe(data, law.target))


def check_compute(args: Args, law: laws.Law) -> None:
    """InputError for --compute where the law is not of FLOPs."""
    if args.compute is not None and "flops" not in law.inputs and None in (args.params, args.tokens):
        raise InputError(
            f"predict: law {law.id} reads {' and '.join(law.inputs)}, not --compute alone; the best run of a budget is "
            f"given by sweep plan {args.fit} --compute {args.compute:g}"
        )


def published() -> dict[str, tuple[Any, Any]]:
    """Id of published coefficients -> (law, Published)."""
    return {id: (law, entry) for law in laws.LAWS.values() for id, entry in law.published.items()}


def check_source(source: str) -> None:
    """InputError for what is neither a path nor an id."""
    place = locate(source)
    if not (place.exists() or is_folder(place)):
        if source in (*laws.LAWS, *laws.CALLED):
            laws.published(source)  # says which sets of coefficients the law has
        known = ", ".join(published())
        raise InputError(f"{source}: no such fit, and no published coefficients of that id; published: {known}")


def parse_inputs(pairs: tuple[str, ...]) -> dict[str, float]:
    """{"unique_tokens": 25e9} of ("unique_tokens=25e9",). Raises InputError for what is no name=number."""
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise InputError(f"--input {pair}: write input=number, such as unique_tokens=25e9")
        values[name] = quantity.signed(f"--input {name}", text)
    return values


def of_published(id: str, given: dict[str, float | None]) -> Prediction:
    """The point that published coefficients give: they come without resamples, and often without a fitted range."""
    law, entry = published()[id]
    if not entry.verified:
        raise Refusal("unverified", f"{id}: {entry.source}; nobody could check these numbers")
    question, evidence = asked(law, given, None), EVIDENCE.get(id)
    value = float(laws_inputs.predict(law, entry.coefficients, question))
    if evidence is None:
        message = f"{id} is a published point: no interval and no fitted range are known; fit your own table for both"
        far: dict[str, float | None] = {"compute": None, "tokens_per_param": None}
        return Prediction(value, [None, None], far, [warning("no_interval", message)])
    message = f"{id} is a published point: no interval is known; fit your own table for one"
    record = {"range": {name: ends for name, ends in evidence._asdict().items() if name != "source" and ends}}
    far = reach(law, record, question)
    told = [warning("no_interval", message), *about_reach(record, question, far)]
    return Prediction(value, [None, None], {k: x for k, x in far.items() if x is not None}, told)


def describe(data: dict[str, Any], target: str) -> str:
    """Loss, or what else a law predicts, interval, reach and warnings for people."""
    low, high = data["interval"]
    digits, unit = (".4f", data["unit"]) if target == "loss" else (".4g", f"({data['output']})")
    ends = f"[{low:{digits}}, {high:{digits}}]" if low is not None else ""
    between = f"   {data['level']:.0%} interval of one new run {ends}" if ends else ""
    sizes = [f"{data[name]:.4g} {name}" for name in ("params", "tokens") if data[name] is not None and name != target]
    units = {"flops": "FLOPs"}
    further = [f"{value:.4g} FLOPs" if k in units else f"{k} {value:.4g}" for k, value in data["inputs"].items()]
    lines = [
        f"{data['law']}: {', '.join([' on '.join(sizes)] * bool(sizes) + further)}",
        f"{target} {data[target]:{digits}} {unit}{between}",
    ]
    if "weights" in data:
        each = ", ".join(f"{id} {data['by_law'][id]:.4f} (weight {w:.2f})" for id, w in data["weights"].items())
        lines.append(f"by law: {each}; they differ by {data['disagreement']:.2%} (weighted sd)")
    if any(x is not None for x in data["extrapolation"].values()):
        lines.append(where(data["extrapolation"]))
    return "\n".join([*lines, *(f"warning {w['code']}: {w['message']}" for w in data["warnings"])])


BEYOND = {
    "compute": "{} times its largest compute",
    "compute_below": "{} times below its smallest compute",
    "tokens_per_param": "{} times outside its tokens per parameter",
    "epochs": "{} times its most passes over unique tokens",
}


def where(extrapolation: dict[str, float | None]) -> str:
    """Whether a run lies inside the fitted range, or by how many times beyond which end of it."""
    factors = {name: x for name, x in extrapolation.items() if x is not None and x > 1.001}
    parts = [BEYOND.get(name, f"{{}} times outside its {name}").format(times(x)) for name, x in factors.items()]
    return f"beyond the fitted range: {', '.join(parts)}" if parts else "inside the fitted range"
