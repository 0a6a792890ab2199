"""A trial: one planned training run, with an identity that is the hash of all that decides its result."""

import dataclasses
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from sweep.hashing import content_hash
from sweep.models import counting
from sweep.models.shape import Shape

TRAINER = "2"  # raised whenever a change to the trainer changes losses, so that old and new rows are never mixed


@dataclass(frozen=True)
class Trial:
    """What one row of the loss table will be trained with; everything here is in its identity but `budget`.

    A trial with `trunk` continues the run of that key: constant rate until `steps - cooldown`, then its own cooldown.
    Trials of one trunk share every field but the horizon, so they share that history exactly.
    """

    shape: Shape
    steps: int  # horizon
    lr: float  # peak
    warmup: int  # steps
    cooldown: int  # steps, at the end
    schedule: str  # wsd, cosine, constant
    cooldown_shape: str  # sqrt, linear
    weight_decay: float
    beta1: float
    beta2: float
    grad_clip: float
    seed: int
    data_seed: int
    data: str  # fingerprint of the tokens
    trunk: str | None = None  # key of the shared constant-rate run, or None for a run of its own
    budget: float = 0.0  # nominal FLOPs of its family

    @cached_property
    def id(self) -> str:
        """Twelve hex digits; equal for equal training, whatever family asked for it."""
        fields = plain(self)
        del fields["budget"], fields["trunk"]  # a branch is the same training as the run done in one piece
        return content_hash({**fields, "trainer": TRAINER})

    @property
    def tokens(self) -> int:
        """Tokens seen by the end."""
        return self.steps * self.shape.batch_tokens

    @property
    def flops_exact(self) -> float:
        """Training FLOPs, convention `exact` of models.counting."""
        return counting.train_flops_per_token(self.shape) * self.tokens

    @property
    def flops_6nd(self) -> float:
        """Training FLOPs by 6 N D, N with the head."""
        return counting.flops_6nd(self.shape, float(self.tokens))

    @property
    def params(self) -> counting.Params:
        """Numbers of parameters under each convention."""
        return counting.params(self.shape)

    @property
    def branch_step(self) -> int:
        """First step of the cooldown: where a branch leaves its trunk."""
        return self.steps - self.cooldown


def trunk_key(trial: Trial) -> str:
    """Key of the constant-rate run that `trial` can share: all but its horizon and cooldown."""
    fields = plain(trial)
    for name in ("budget", "trunk", "steps", "cooldown", "cooldown_shape"):
        del fields[name]
    return content_hash({**fields, "trainer": TRAINER})


def plain(trial: Trial) -> dict[str, Any]:
    """The fields by name, as `dataclasses.asdict`, which copies each value and is slow for 10,000 trials."""
    fields = {field.name: getattr(trial, field.name) for field in dataclasses.fields(trial)}
    return fields | {"shape": plain_shape(trial.shape)}


@cache
def plain_shape(shape: Shape) -> dict[str, Any]:
    """The fields of a shape, which many trials share; not to be written to."""
    return dataclasses.asdict(shape)
