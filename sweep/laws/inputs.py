"""What laws read: the columns by name, which are positive, and which follow from others.

A table gives `params` and `tokens`; FLOPs and tokens per parameter follow, a schedule's sums follow from its rates.
A column that cannot be had is named, with what would supply it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sweep.errors import InputError
from sweep.laws import schedules
from sweep.laws.law import FLOPS_PER_PARAM_TOKEN, Law


class Input(NamedTuple):
    """A quantity that laws read.

    Attributes:
        name: of the column.
        meaning: unit and meaning.
        log: positive, so that the fitter works with its logarithm; else it may be zero.
    """

    name: str
    meaning: str
    log: bool = True


class Derived(NamedTuple):
    """How an input follows from other columns."""

    needs: tuple[str, ...]
    of: Callable[..., Any]


KNOWN = {
    x.name: x
    for x in (
        Input("params", "parameters of the model (active ones of a mixture of experts)"),
        Input("tokens", "training tokens seen"),
        Input("flops", "training FLOPs"),
        Input("tokens_per_param", "tokens / params"),
        Input("unique_tokens", "training tokens that exist; beyond them data repeat"),
        Input("steps", "optimizer steps"),
        Input("loss", "nats/token"),
        Input("width", "model dimension"),
        Input("depth", "layers"),
        Input("experts", "experts a layer, 1 for a dense model"),
        Input("granularity", "how many small experts replace one of full width"),
        Input("sparsity", "share of the experts that a token does not use", log=False),
        Input("bits_weights", "bits of the weights in training"),
        Input("bits_activations", "bits of the activations in training"),
        Input("bits_kv", "bits of the key-value cache in training"),
        Input("bits_served", "bits of the weights after training"),
        Input("vocab_params", "parameters of the embeddings, vocabulary x width"),
        Input("flops_per_token", "non-embedding FLOPs a token"),
        Input("lr_sum", "sum of the learning rates up to this step"),
        Input("lr_annealing", "momentum-weighted sum of the drops of the learning rate up to this step", log=False),
        Input("lr_history", "learning rates up to this step, compressed (sweep.laws.schedules.compress)", log=False),
    )
}
RATES = ("run", "step", "lr")
DERIVED = {
    "flops": Derived(("params", "tokens"), lambda params, tokens: FLOPS_PER_PARAM_TOKEN * params * tokens),
    "tokens_per_param": Derived(("params", "tokens"), lambda params, tokens: tokens / params),
    "lr_sum": Derived(RATES, lambda *rates: schedules.of_rows(schedules.lr_sum, *rates)),
    "lr_annealing": Derived(RATES, lambda *rates: schedules.of_rows(schedules.annealing, *rates)),
    "lr_history": Derived(RATES, lambda *rates: schedules.of_rows(schedules.compress, *rates)),
}


def find(name: str | Input) -> Input:
    """The Input of a name; a law's own Input stands for itself. An unknown name is a positive column."""
    return name if isinstance(name, Input) else KNOWN.get(name, Input(name, name))


def columns(law: Law, table: Mapping[str, Any]) -> list[Any]:
    """The law's inputs from columns by name, derived where they can be.

    Raises:
        InputError: a column is missing and nothing in the table gives it.
    """
    return [column(law, name, table) for name in law.inputs]


def column(law: Law, name: str, table: Mapping[str, Any]) -> Any:
    """One input of `law`."""
    if name in table:
        return table[name]
    derived = DERIVED.get(name)
    if derived and all(need in table for need in derived.needs):
        return derived.of(*(table[need] for need in derived.needs))
    others = f", or give {' and '.join(derived.needs)}" if derived else ""
    raise InputError(
        f"law {law.id} needs the column {name} ({law.meanings[name]}): name yours with --columns {name}=COLUMN{others}"
    )


def predict(law: Law, coefficients: Any, table: Mapping[str, Any]) -> Any:
    """The law's output where a table's columns, or numbers by name, put it."""
    return law.loss(coefficients, *columns(law, table))
