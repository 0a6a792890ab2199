"""From a law to a decision: which model to train on how many tokens, at what cost, and how sure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sweep import quantity
from sweep.errors import InputError
from sweep.fit.result import Fit, plain
from sweep.given import counts, integer, numbers, optional, real, takes, word, words
from sweep.plan.answer import record_of, run_of
from sweep.plan.buildable import buildable, write_config
from sweep.plan.builder import builder_of
from sweep.plan.memory import about_memory
from sweep.plan.prices import costs
from sweep.plan.question import FIXED, Question, target_of, unit_of
from sweep.plan.source import Source, source_of
from sweep.quantity import Given
from sweep.storage import Location

TOLERANCE = 0.005  # nats/token, about the noise between seeds


@dataclass(frozen=True)
class Plan:
    """A decision with its sureness.

    Attributes:
        record: everything, in the JSON keys of the command line.
        source: the law it is made from, with its lanes.
        question: what was asked of it.
        versus: sizes that were compared at equal loss.
    """

    record: dict[str, Any]
    source: Source = field(repr=False)
    question: Question
    versus: tuple[float, ...] = ()

    @property
    def params(self) -> float:
        """Parameters to train."""
        return self.record["params"]

    @property
    def tokens(self) -> float:
        """Tokens to train on."""
        return self.record["tokens"]

    @property
    def loss(self) -> float:
        """Expected loss, in the unit of the law: nats/token, or bits/byte of a fit of such."""
        return self.record["loss"]

    @property
    def text(self) -> str:
        """The plan for people, to be read aloud."""
        from sweep.plan.words import describe

        return describe(self.record)

    def interval(self, name: str) -> list[float | None]:
        """[low, high] of params, tokens, flops, loss, tokens_per_param or total (cost); nulls where none is known."""
        if name not in self.record["interval"]:
            raise InputError(f"no interval of {name!r} in a plan; there are {', '.join(self.record['interval'])}")
        return list(self.record["interval"][name])

    def table(self) -> pa.Table:
        """One row a quantity: name, value, low, high."""
        r = self.record
        values = {name: r[name] for name in r["interval"] if name != "total"} | {"total": r["cost"]["total"]}
        real = pa.float64()
        return pa.table(
            {
                "name": pa.array(list(values), pa.string()),
                "value": pa.array(list(values.values()), real),
                "low": pa.array([r["interval"][name][0] for name in values], real),
                "high": pa.array([r["interval"][name][1] for name in values], real),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, no NaN: what is unknown is null."""
        return self.record


@takes(
    train=optional(word), serve=optional(word), prompt=optional(word), versus=counts, tolerance=real, devices=integer,
    level=optional(real), given=optional(numbers), recipe=optional(word), write=optional(word), despite=words,
)  # fmt: skip
def plan(
    law: Fit | str | Location,
    *,
    compute: Given | None = None,
    loss: float | int | None = None,
    like_compute: Given | None = None,
    like_params: Given | None = None,
    usd: Given | None = None,
    device_hours: Given | None = None,
    params: Given | None = None,
    tokens: Given | None = None,
    tokens_per_param: Given | None = None,
    inference_tokens: Given | None = None,
    requests: Given | None = None,
    prompt_tokens: Given | None = None,
    output_tokens: Given | None = None,
    unique_tokens: Given | None = None,
    max_params: Given | None = None,
    train: str | None = None,
    serve: str | None = None,
    prompt: str | None = None,
    versus: Sequence[Given] = (),
    tolerance: float = TOLERANCE,
    level: float | None = None,
    given: Mapping[str, float] | None = None,
    recipe: str | None = None,
    vocab: Given | None = None,
    devices: int = 1,
    write: str | None = None,
    despite: Sequence[str] = (),
) -> Plan:
    """What to train.

    Args:
        law: a Fit, the path of one, or the id of published coefficients such as besiroglu.
        compute: budget in FLOPs ("1e22", "10PFday") for training and, where there is a demand, serving together.
        loss: target in the unit of the law (`loss_unit` of the record), reached at least cost.
        like_compute, like_params: the target is the loss of a compute-optimal run of so many FLOPs, or of that size.
        usd, device_hours: budget for training and serving together; needs `train`, and `serve` with a demand.
        params, tokens, tokens_per_param: held fixed; two of them are evaluated, one goes with a target. `params` or
            `tokens` alone finds the other that makes it the right choice.
        inference_tokens: tokens to serve over the model's life, or a range such as "1e12:1e14".
        requests, prompt_tokens, output_tokens: the same as requests of so many tokens each.
        unique_tokens: training tokens that exist.
        max_params: the largest size that can be served, by the memory or the latency there is.
        train, serve, prompt: rates such as "h100:2.00@mfu=0.40" of training, generated tokens and prompt tokens;
            prompts cost what generated tokens do where no rate is given.
        versus: sizes to compare at equal loss.
        tolerance: of the flat band, in the unit of the law.
        level: of the intervals; default: the fit's.
        given: inputs of the law besides params and tokens, by name.
        recipe: config whose recipe shapes the models; default: of the sweep behind the fit, else configs/pod.py.
        vocab: tokens of the tokenizer; default: of that sweep or config.
        devices: that share the training.
        write: file to write a config to that trains the nearest buildable model.
        despite: codes of refusals to plan in spite of.

    Raises:
        InputError: conflicting targets, a quantity or a rate that cannot be meant, a law without an optimum.
        Refusal: `infeasible`, `below_floor`, `data_limited`, `unreachable`, `no_optimum`: nothing answers;
            `not_buildable`: there is nothing to write;
            `unverified`, `not_converged` and the codes a fit was made despite.
    """
    targets = {
        "compute": compute,
        "loss": loss,
        "like_compute": like_compute,
        "like_params": like_params,
        "usd": usd,
        "device_hours": device_hours,
    }
    held = {"params": params, "tokens": tokens, "tokens_per_param": tokens_per_param}
    parts = {"--requests": requests, "--prompt-tokens": prompt_tokens, "--output-tokens": output_tokens}
    if not 0 < tolerance < 1:
        raise InputError(f"--tolerance {tolerance}: a loss between 0 and 1, such as 0.005")
    wanted = demand_of(inference_tokens, parts)
    target, value = target_of(targets)
    unique = None if unique_tokens is None else quantity.count("--unique-tokens", unique_tokens, "tokens")
    source = source_of(law, given, level, despite).limited(unique)
    if max_params is not None:
        source = source.up_to(quantity.count("--max-params", max_params, "params"))
    question = Question(
        target,
        value,
        fixed_of(held),
        wanted.prompt,
        wanted.generated,
        costs(train, serve, prompt, unit_of(target), wanted.served > 0 or len(versus) > 0),
    )
    sizes = [quantity.count("--versus", size, "params") for size in versus]
    record = record_of(source, question, wanted.range, unique, sizes, tolerance)
    if devices < 1:
        raise InputError(f"--devices {devices}: at least 1")
    builder = builder_of(places(law, record["table"]), recipe, vocab)
    record["buildable"] = buildable(source, question, run_of(record), builder, devices)
    record["warnings"] += about_memory(record["buildable"])
    made = Plan(plain(record), source, question, tuple(sizes))
    if write is not None:
        write_config(write, made.record["buildable"], made.record, builder)
    return made


def places(law: Fit | str | Location, table: str | None) -> list[str]:
    """Where the sweep behind a law may be: beside its fit, or where its table was."""
    return [str(x) for x in (None if isinstance(law, Fit) else law, table) if x]


@dataclass(frozen=True)
class Demand:
    """Tokens to serve: prompt and generated, and the range in which all of them lie."""

    prompt: float
    generated: float
    range: quantity.Range

    @property
    def served(self) -> float:
        """All tokens."""
        return self.prompt + self.generated


def demand_of(inference_tokens: Given | None, parts: Mapping[str, Given | None]) -> Demand:
    """The demand of tokens, or of requests. Raises InputError for both, or for half of either."""
    requests, prompt, output = parts.values()
    if inference_tokens is not None:
        if any(x is not None for x in parts.values()):
            raise InputError("--inference-tokens and --requests are the same demand said twice; give one")
        wanted = quantity.demand("--inference-tokens", inference_tokens)
        return Demand(0.0, wanted.middle, wanted)
    if all(x is None for x in parts.values()):
        return Demand(0.0, 0.0, quantity.Range(0.0, 0.0, 0.0))
    if requests is None or (prompt is None and output is None):
        raise InputError("--requests goes with --prompt-tokens and --output-tokens, tokens a request")
    n, a, b = (0.0 if x is None else quantity.nonnegative(name, x) for name, x in parts.items())
    return Demand(n * a, n * b, quantity.Range(*[n * (a + b)] * 3))


def fixed_of(held: Mapping[str, Given | None]) -> dict[str, float]:
    """What is held fixed, as numbers."""
    found = {}
    for name in FIXED:
        if (value := held[name]) is not None:
            option = f"--{name.replace('_', '-')}"
            ratio = name == "tokens_per_param"
            found[name] = quantity.positive(option, value) if ratio else quantity.count(option, value, name)
    return found
