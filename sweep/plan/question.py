"""What is asked: one target, what is held fixed, the demand and its price; and the run that answers it on a law."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sweep import quantity
from sweep.errors import InputError
from sweep.plan import optimum
from sweep.plan.optimum import Wish
from sweep.plan.prices import FORWARD, HOURS, USD, Costs
from sweep.plan.surface import Surface

TARGETS = ("compute", "loss", "like_compute", "like_params", "usd", "device_hours")
FIXED = ("params", "tokens", "tokens_per_param")
QUALITY = ("loss", "like_compute", "like_params")
SPENT = ("compute", "usd", "device_hours")  # targets that are a budget for training and serving together


class Run(NamedTuple):
    """One run, or lanes of runs: the answer and what it takes.

    Attributes:
        flops, serve_flops: of training, of serving.
        train, serve: the same in the unit of the costs.
    """

    params: Any
    tokens: Any
    loss: Any
    flops: Any
    serve_flops: Any
    train: Any
    serve: Any

    @property
    def total(self) -> Any:
        """Training and serving, in the unit of the costs."""
        return self.train + self.serve


@dataclass(frozen=True)
class Question:
    """Attributes:
    target: one of TARGETS, or empty where params and tokens are fixed.
    value: of the target: FLOPs, nats/token, params, dollars, hours.
    fixed: any of FIXED.
    prompt, generated: tokens to serve over the model's life; may be arrays, which broadcast through every answer.
    costs: of training and serving.
    """

    target: str = ""
    value: float = 0.0
    fixed: Mapping[str, float] = field(default_factory=dict)
    prompt: Any = 0.0
    generated: Any = 0.0
    costs: Costs = field(default_factory=Costs)

    @property
    def served(self) -> Any:
        """Tokens to serve, prompt and generated."""
        return self.prompt + self.generated

    @property
    def load(self) -> Any:
        """Training tokens that cost what serving does. A budget in FLOPs counts FLOPs, whatever the prices are."""
        priced = Costs() if self.target == "compute" else self.costs
        return priced.load(self.prompt, self.generated)

    def scaled(self, factor: float) -> "Question":
        """The same at another demand, prompt and generated tokens alike."""
        return dataclasses.replace(self, prompt=self.prompt * factor, generated=self.generated * factor)

    def serving(self, tokens: float) -> "Question":
        """The same serving so many tokens in all; all of them generated where none were asked."""
        if self.served:
            return self.scaled(tokens / self.served)
        return dataclasses.replace(self, generated=tokens)

    def wish(self, surface: Surface) -> Wish:
        """What to solve for on a surface: targets of quality become a loss, budgets a spend."""
        names = {"params": "params", "tokens": "tokens", "tokens_per_param": "ratio"}
        held = {names[name]: value for name, value in self.fixed.items()}
        if self.target == "loss":
            held["loss"] = self.value
        elif self.target == "like_compute":
            held["loss"] = surface.unlimited.loss(*surface.frontier(self.value))
        elif self.target == "like_params":
            tokens = optimum.right_tokens(surface.unlimited, self.value, 0.0)
            held["loss"] = surface.unlimited.loss(self.value, tokens)
        elif self.target:
            held["spend"] = self.value / self.price(surface)
        return Wish(**held, load=self.load)

    def price(self, surface: Surface) -> float:
        """Of one parameter and training token, in the unit of the budget."""
        return surface.k * (1.0 if self.target == "compute" else self.costs.per_flop(self.costs.train))

    def answer(self, surface: Surface) -> Run:
        """The run that answers on a surface; NaN where nothing does."""
        with np.errstate(all="ignore"):
            return self.run(surface, *optimum.solve(surface, self.wish(surface)))

    def run(self, surface: Surface, params: Any, tokens: Any) -> Run:
        """What a run of (params, tokens) reaches and takes under this question's demand and prices."""
        flops = surface.k * params * tokens
        per_flop = surface.k / FORWARD * params
        prompt, generated = per_flop * self.prompt, per_flop * self.generated
        costs = self.costs
        serve = prompt * costs.per_flop(costs.prompt) + generated * costs.per_flop(costs.serve)
        loss = surface.loss(params, tokens)
        return Run(params, tokens, loss, flops, prompt + generated, flops * costs.per_flop(costs.train), serve)


def target_of(values: Mapping[str, Any]) -> tuple[str, float]:
    """The one target among values by name, and its number. Raises InputError for more than one."""
    named = [name for name in TARGETS if values.get(name) is not None]
    if len(named) > 1:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in named)
        raise InputError(f"plan: {options} are two targets; give one")
    if not named:
        return "", 0.0
    name, value = named[0], values[named[0]]
    option = f"--{name.replace('_', '-')}"
    if name in ("compute", "like_compute"):
        return name, quantity.flops(option, value)
    if name == "like_params":
        return name, quantity.count(option, value, "params")
    return name, quantity.positive(option, value)


def unit_of(target: str) -> str | None:
    """Unit of costs that a target decides."""
    return {"usd": USD, "device_hours": HOURS}.get(target)
