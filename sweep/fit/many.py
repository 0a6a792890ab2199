"""Questions about many runs at once: arrays in, arrays of their shape out, each run answered as it would be alone."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.fit.predict import Prediction

Many = np.ndarray | list | tuple  # and whatever NumPy makes an array of


@dataclass(frozen=True)
class Predictions:
    """Predictions of many runs, in the shape that was asked [...].

    Attributes:
        value: of each run, as in Prediction.
        interval: [low, high], arrays; NaN where a run has none.
        extrapolation: name -> factors, NaN where they are not known.
        warnings: {code, message} of the first run that has it, and of how many it is true.
    """

    value: np.ndarray
    interval: list[np.ndarray]
    extrapolation: dict[str, np.ndarray]
    warnings: list[dict[str, str]]

    @property
    def loss(self) -> np.ndarray:
        """`value`, by its name where the law is one of the loss."""
        return self.value


def is_many(value: Any) -> bool:
    """Whether a value is a list or an array of numbers, of any library, rather than one number."""
    return isinstance(value, list | tuple | range) or (hasattr(value, "__array__") and getattr(value, "ndim", 1) > 0)


def predict_many(one: Callable[[dict[str, Any]], Prediction], given: Mapping[str, Any]) -> Predictions:
    """The answers of `one` for each run that arrays describe; single values hold for all runs.

    Raises InputError for arrays that do not go together, and what `one` raises, with the number of the run.
    """
    arrays = {name: np.asarray(value) for name, value in given.items() if value is not None}
    try:
        shape = np.broadcast_shapes(*(x.shape for x in arrays.values()))
    except ValueError:
        sizes = ", ".join(f"{name} {'x'.join(map(str, x.shape)) or 1}" for name, x in arrays.items())
        raise InputError(f"predict: {sizes} values; give arrays of one shape") from None
    flat = {name: np.broadcast_to(x, shape).ravel().tolist() for name, x in arrays.items()}
    answers = []
    for i in range(int(np.prod(shape))):
        try:
            answers.append(one({name: values[i] for name, values in flat.items()}))
        except InputError as error:
            raise InputError(f"{error.args[0]} (run {i + 1} of {int(np.prod(shape))})") from None
    names = dict.fromkeys(name for answer in answers for name in answer.extrapolation)
    return Predictions(
        stacked([a.value for a in answers], shape),
        [stacked([a.interval[side] for a in answers], shape) for side in (0, 1)],
        {name: stacked([a.extrapolation.get(name) for a in answers], shape) for name in names},
        shared([a.warnings for a in answers]),
    )


def stacked(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in a shape, NaN for None."""
    return np.array([np.nan if x is None else x for x in values], float).reshape(shape)


def shared(found: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """The first warning of each code, with how many runs have it where not all do."""
    count = Counter(code for warnings in found for code in {w["code"] for w in warnings})
    first = {w["code"]: w["message"] for warnings in reversed(found) for w in reversed(warnings)}
    order = dict.fromkeys(w["code"] for warnings in found for w in warnings)
    of = len(found)
    some = {code: f"; in {count[code]} of {of} runs" * (count[code] < of) for code in order}
    return [{"code": code, "message": first[code] + some[code]} for code in order]
