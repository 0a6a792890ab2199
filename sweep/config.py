"""A sweep as data: frozen dataclasses, validated once, strict, hashed by content, saved as JSON.

A config file is a Python file that sets `SWEEP = Sweep(...)`. Every field can be overridden on the command line
(`--budgets 1e10 3e10`, `--data.path corpus/`), and the resolved object is what runs, what is saved and what is hashed.
"""

import dataclasses
import json
import math
import operator
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sweep import fields, quantity
from sweep.errors import InputError
from sweep.files import local
from sweep.models.shape import Activation, Attention, Dtype
from sweep.storage import Address, Location, locate


@dataclass(frozen=True)
class Data:
    """Where the tokens come from."""

    path: str = "python:stdlib"  # python:stdlib, python:site, a folder of `sweep data build`, or text, as it takes it
    tokenizer: str = "byte"  # of text: byte, bpe:VOCAB trained on it, or the path of a tokenizer.json
    val_fraction: float = 0.05  # of text, by document
    max_bytes: int = 0  # cap on text, 0 for all of it
    text_field: str = "text"  # of JSON records, or column of tables, that holds the text
    allow_skips: bool = False  # use text of which more than 1 % cannot be read
    val_tokens: int = 65_536  # tokens of the held-out split that score every trial
    stage: str = ""  # folder of a local disk that token shards are copied to, once a host; empty: read where they are
    allow_repeat: bool = False  # let a horizon pass over the unique tokens more than once


@dataclass(frozen=True)
class Architecture:
    """What every model of the sweep shares."""

    seq_len: int = 128
    activation: Activation = "swiglu"
    tied: bool = True
    qk_norm: bool = True
    queries_per_kv: int = 1  # grouped-query attention: query heads that share one key/value head
    dtype: Dtype | Literal["auto"] = "auto"  # auto: float32 on a CPU, bfloat16 on an accelerator
    attention: Attention | Literal["auto"] = "auto"


@dataclass(frozen=True)
class Recipe:
    """Rules from a width to everything else: how a model of any size is shaped and tuned.

    Peak learning rate = lr x (width / lr_width)^-lr_width_exponent x (batch / lr_batch)^lr_batch_exponent
                            x (tokens / lr_tokens)^-lr_horizon_exponent
    """

    name: str = "wsd-adamw"
    width_step: int = 4  # widths are multiples of this
    aspect: float = 64.0  # width / depth
    min_depth: int = 1  # blocks; one block cannot do what two can, so a ladder that mixes them bends
    min_heads: int = 1  # as with min_depth: one head cannot do what two can
    head_dim: int = 16  # a width below it has one head as wide as itself
    ffn_multiple: float = 2.6667  # hidden width of the feed-forward / width
    ffn_step: int = 4  # hidden widths are multiples of this
    batch_tokens: int = 1024  # tokens a step at batch_params parameters
    batch_params: float = 1e4
    batch_exponent: float = 0.0  # batch grows as params^exponent, snapped to powers of two of sequences
    lr: float = 1e-2
    lr_width: int = 16
    lr_width_exponent: float = 0.5
    lr_batch: int = 1024  # tokens a step
    lr_batch_exponent: float = 0.5
    lr_tokens: float = 1e6
    lr_horizon_exponent: float = 0.0
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    grad_clip: float = 1.0
    warmup: float = 0.05  # of the shortest horizon of a size
    cooldown: float = 0.2  # of each horizon
    cooldown_shape: Literal["sqrt", "linear"] = "sqrt"


@dataclass(frozen=True)
class Prior:
    """The additive law believed before the sweep (nats/token): it centres the families and prices the design check."""

    E: float = 1.8172
    A: float = 477.83
    B: float = 2143.4
    alpha: float = 0.34731
    beta: float = 0.36717
    noise: float = 0.008  # expected sd of ln(loss) between repeats of a trial
    source: str = "besiroglu"


@dataclass(frozen=True)
class Checkpoint:
    """When and where a cohort's state is saved."""

    minutes: float = 5.0  # between saves; also on SIGTERM and Ctrl-C
    keep: int = 2
    folder: str = ""  # of this run's checkpoints, seen by every host; empty: in the run directory


@dataclass(frozen=True)
class Memory:
    """How a step fits a device's memory; it changes no loss but by rounding."""

    remat: Literal["auto", "none", "dots", "full"] = "auto"  # what the backward pass computes again; auto: what must be
    micro_batches: int = 0  # parts of a device's batch, one after another; 0: as few as fit


@dataclass(frozen=True)
class Sweep:
    """A sweep: families of trials at fixed FLOP budgets, and the rules that make and train them."""

    name: str
    budgets: tuple[float, ...]  # FLOPs of each isoFLOP family
    sizes: int = 6  # trials a family
    span: float = 4.0  # sizes run from N*/span to N* x span of the prior's optimum N*
    params: tuple[float, ...] = ()  # train these sizes (with the head) at each budget, not families: a model decided on
    flops: Literal["exact", "6nd"] = "exact"  # what a budget counts
    target_compute: float = 0.0  # FLOPs the answer is wanted at; 0: ten times the largest budget
    schedule: Literal["wsd", "cosine", "constant"] = "wsd"
    trunk: bool = True  # wsd only: one constant-rate trunk a size, a cooldown branch at each horizon
    lr_bracket: tuple[float, ...] = (1.0,)  # factors on the recipe's learning rate, each its own trial
    seeds: tuple[int, ...] = (0,)
    data_seed: int = 0
    min_steps: int = 50
    curve_points: int = 10  # validations along each trial
    tensorboard: bool = False
    wandb: str = ""  # project of W&B that every trial is written to; empty: none
    data: Data = field(default_factory=Data)
    architecture: Architecture = field(default_factory=Architecture)
    recipe: Recipe = field(default_factory=Recipe)
    prior: Prior = field(default_factory=Prior)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self):
        fields.check_types(self)
        object.__setattr__(self, "budgets", tuple(sorted(self.budgets)))
        validate(self)

    @property
    def target(self) -> float:
        """FLOPs at which the answer is wanted."""
        return self.target_compute or 10 * max(self.budgets)


POSITIVE = (  # fields that mean nothing at zero or below
    "budgets", "lr_bracket", "min_steps", "curve_points", "data.val_tokens", "checkpoint.minutes",
    "architecture.queries_per_kv", "recipe.aspect", "recipe.min_depth", "recipe.min_heads", "recipe.head_dim",
    "recipe.ffn_multiple", "recipe.ffn_step", "recipe.batch_tokens", "recipe.batch_params", "recipe.lr",
    "recipe.lr_width", "recipe.lr_batch", "recipe.lr_tokens", "recipe.grad_clip", "prior.E", "prior.A", "prior.B",
    "prior.alpha", "prior.beta", "prior.noise",
)  # fmt: skip
QUANTITIES = {  # fields that the command line reads from 8B or 1.5PFday
    "budgets": quantity.any_flops,
    "target_compute": quantity.any_flops,
    "params": quantity.nonnegative,
    "data.max_bytes": quantity.whole,
    "data.val_tokens": quantity.whole,
    "recipe.batch_tokens": quantity.whole,
    "recipe.batch_params": quantity.nonnegative,
    "recipe.lr_batch": quantity.whole,
    "recipe.lr_tokens": quantity.nonnegative,
}


STAGED = (
    "a path on this machine, or --data.stage must name a folder of a local disk, to which the shards are copied: "
    "windows are read at random, which a store does not serve"
)


def in_a_store(path: str) -> bool:
    """Whether a corpus lies in a store."""
    return isinstance(locate(path), Address)


def validate(sweep: Sweep) -> None:
    """Refuse values that cannot mean anything. Raises InputError with the field, the value and the cure."""
    recipe, queries = sweep.recipe, max(1, sweep.architecture.queries_per_kv)
    heads = 2 * queries  # what every width must divide by
    evenly = "an even number: RoPE turns pairs"
    if queries > 1:
        evenly = f"a multiple of {heads}, twice queries_per_kv: every width then shares key heads alike"
    checks = [
        (bool(sweep.name) and "/" not in sweep.name, "name", "a plain folder name"),
        (sweep.sizes >= 3, "sizes", "at least 3: a parabola needs three points"),
        (1 < sweep.span < math.inf, "span", "a factor above 1"),
        (0 <= sweep.target_compute < math.inf, "target_compute", "0 or positive FLOPs"),
        (not sweep.trunk or sweep.schedule == "wsd", "trunk", "--no-trunk, or --schedule wsd"),
        (sweep.memory.micro_batches >= 0, "memory.micro_batches", "0 or positive"),
        (sweep.data.max_bytes >= 0, "data.max_bytes", "0 or positive"),
        (not in_a_store(sweep.data.path) or bool(sweep.data.stage), "data.path", STAGED),
        (bool(sweep.data.text_field), "data.text_field", "the name of a field or column"),
        (0 < sweep.data.val_fraction < 0.5, "data.val_fraction", "between 0 and 0.5"),
        (sweep.architecture.seq_len >= 2, "architecture.seq_len", "at least 2 tokens"),
        (recipe.width_step > 0 and recipe.width_step % heads == 0, "recipe.width_step", evenly),
        (not (sweep.trunk and recipe.lr_horizon_exponent), "recipe.lr_horizon_exponent", "0 with a trunk: one rate"),
        (0 <= recipe.warmup < 0.5, "recipe.warmup", "a share below 0.5 of the run"),
        (0 < recipe.cooldown < 1, "recipe.cooldown", "a share of the run in (0, 1)"),
        (0 <= recipe.weight_decay < math.inf, "recipe.weight_decay", "0 or positive"),
        (0 <= recipe.beta1 < 1, "recipe.beta1", "in [0, 1)"),
        (0 <= recipe.beta2 < 1, "recipe.beta2", "in [0, 1)"),
    ]
    for name in ("budgets", "lr_bracket", "seeds"):
        values = getattr(sweep, name)
        checks.append((0 < len(values) == len(set(values)), name, "a list of distinct numbers"))
    checks.append((all(0 < size < math.inf for size in sweep.params), "params", "a list of positive sizes, or empty"))
    for name in POSITIVE:
        value = operator.attrgetter(name)(sweep)
        least = min(value, default=0) if isinstance(value, tuple) else value
        checks.append((0 < least < math.inf, name, "positive"))
    for good, name, cure in checks:
        if not good:
            raise InputError(f"config: {name} is {operator.attrgetter(name)(sweep)!r}; it must be {cure}")


def shipped(path: str) -> str:
    """Where `configs/NAME.py` of this package lies, whatever the working directory holds under that name."""
    return str(Path(__file__).parent / "configs" / Path(path).name) if path.startswith("configs/") else path


def load(path: str) -> Sweep:
    """The sweep of a config file (`configs/laptop.py`, `my_sweep.py`) or of a saved `sweep.json`.

    Raises InputError: no such file, a file that does not run, or one that sets no `SWEEP`.
    """
    file = locate(path) if path.endswith(".json") else local(path)  # a .py file is a program, and lies here
    if not file.exists() and Path(shipped(path)).exists():
        file = Path(shipped(path))  # configs/laptop.py from any working directory
    if not file.exists():
        raise InputError(f"{path}: no such config file; try configs/laptop.py, or write a file that sets SWEEP")
    if file.suffix == ".json":
        return load_json(file)
    if file.suffix != ".py":
        raise InputError(f"{path}: not a Python file; a config is a .py file that sets SWEEP = Sweep(...)")
    try:
        values = runpy.run_path(str(file))
    except InputError:
        raise
    except TypeError as error:
        raise InputError(f"{path}: {fields.explain_unknown(error, Sweep)}") from error
    except Exception as error:  # the user's own code: whatever it raises is reported as theirs, in one line
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error
    sweep = values.get("SWEEP")
    if not isinstance(sweep, Sweep):
        raise InputError(f"{path}: not a sweep; it must set SWEEP = Sweep(...), see configs/smoke.py")
    return sweep


def load_json(file: Location) -> Sweep:
    """The sweep of a saved `sweep.json`. Raises InputError where the file is not one."""
    try:
        return from_dict(json.loads(file.read_text())["config"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file}: not a saved sweep; it must be JSON with a `config`, as `sweep run` writes"
        ) from error


def to_dict(sweep: Sweep) -> dict[str, Any]:
    """Plain JSON types."""
    return json.loads(json.dumps(dataclasses.asdict(sweep)))


def from_dict(values: dict[str, Any]) -> Sweep:
    """The sweep that `to_dict` described. Raises InputError for an unknown field or a wrong type."""
    return fields.build(values, Sweep)
