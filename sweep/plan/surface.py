"""The loss as a planner sees it: a law with coefficients, over params and tokens, its other inputs held.

Coefficients may carry lanes (the resamples of a fit): every answer then carries them too, from one call.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweep.laws import Law, additive, tied
from sweep.laws import inputs as law_inputs
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN
from sweep.plan import root
from sweep.plan.powers import Powers, powers_of

UNIQUE = "unique_tokens"
UNLIMITED = 1e30  # unique tokens where data are no limit
STEP = 1e-4  # in ln N or ln D, of the differences that give elasticities


@dataclass(frozen=True)
class Surface:
    """A law to plan with.

    Attributes:
        coefficients: of the law; may carry lanes.
        k: FLOPs of training per parameter and token.
        given: the law's inputs besides params and tokens, by name.
        most_tokens: what training may see at most; where a law knows repetition, `given` has unique_tokens instead.
        most_params: the largest size that can be served.
    """

    law: Law
    coefficients: Any
    k: float = FLOPS_PER_PARAM_TOKEN
    given: Mapping[str, float] = field(default_factory=dict)
    most_tokens: float = np.inf
    most_params: float = np.inf

    @property
    def repeats(self) -> bool:
        """Whether the law knows what repeated data are worth."""
        return UNIQUE in self.law.inputs

    @property
    def unlimited(self) -> "Surface":
        """The same without a limit of data or of size."""
        given = {**self.given, UNIQUE: UNLIMITED} if self.repeats else self.given
        return dataclasses.replace(self, given=given, most_tokens=np.inf, most_params=np.inf)

    @property
    def additive(self) -> additive.Additive | None:
        """Coefficients as those of the additive law, where closed forms hold; else None."""
        kinds = {"additive": lambda law: law, "additive_tied": tied.full}
        return kinds[self.law.id](self.coefficients) if self.law.id in kinds else None

    @property
    def powers(self) -> Powers | None:
        """Coefficients where the law is powers of size and data, so that closed forms hold; else None."""
        return None if self.repeats else powers_of(self.law, self.coefficients, self.given)

    @property
    def floor_name(self) -> str | None:
        """The coefficient that is the floor, such as E; None of a law without one."""
        names = [name for name, parameter in self.law.parameters.items() if parameter.floor]
        return names[0] if len(names) == 1 else None

    @property
    def floor(self) -> Any:
        """Loss that no size and no amount of fresh text gets below, nats/token; 0 of a law without a floor."""
        if (name := self.floor_name) is not None:
            return getattr(self.coefficients, name)
        with np.errstate(all="ignore"):
            return self.loss(1e30, min(1e30, self.most_tokens))

    def loss(self, params: Any, tokens: Any) -> Any:
        """Loss in nats/token."""
        return law_inputs.predict(self.law, self.coefficients, {**self.given, "params": params, "tokens": tokens})

    def frontier(self, flops: Any) -> tuple[Any, Any]:
        """Compute-optimal (params, tokens) of a budget in training FLOPs, whatever data there are."""
        if (law := self.powers) is not None:
            return additive.optimum(law.inner, flops, self.k)
        return self.law.optimum(self.coefficients, flops, self.k, **self.unlimited.given)

    def worth(self, params: Any, tokens: Any) -> Any:
        """How much more the loss falls with ln N than with ln D: 1 along the compute-optimal frontier.

        alpha A N^-alpha / (beta B D^-beta) of laws that are powers (Hoffmann et al. 2022, eq. 4), else by differences.
        """
        if (law := self.powers) is not None:
            return law.alpha * law.A * params**-law.alpha / (law.beta * law.B * tokens**-law.beta)
        up, down = np.exp(STEP), np.exp(-STEP)
        of_params = self.loss(params * down, tokens) - self.loss(params * up, tokens)
        return of_params / (self.loss(params, tokens * down) - self.loss(params, tokens * up))

    def tokens_for(self, params: Any, loss: Any) -> Any:
        """Tokens that bring `params` parameters to a loss; NaN where none do."""
        if (law := self.powers) is not None:
            left = law.sum_at(loss) - law.A * params**-law.alpha
            return (law.B / np.where(left > 0, left, np.nan)) ** (1 / law.beta)
        return np.exp(root.rising(lambda x: loss - self.loss(params, np.exp(x))))

    def params_for(self, tokens: Any, loss: Any) -> Any:
        """Parameters that reach a loss on `tokens` tokens; NaN where none do."""
        if (law := self.powers) is not None:
            left = law.sum_at(loss) - law.B * tokens**-law.beta
            return (law.A / np.where(left > 0, left, np.nan)) ** (1 / law.alpha)
        return np.exp(root.rising(lambda x: loss - self.loss(np.exp(x), tokens)))
