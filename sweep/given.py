"""Arguments of functions as people give them: checked and converted at the front door, so that none fails later.

    @takes(bootstrap=integer, level=real, target_compute=optional(quantity.any_flops), despite=words)
    def fit(source, *, bootstrap=1000, ...)

A reader gets the name of the argument, as the command line spells it, and what was given; it returns the value or
raises an InputError of one line.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from sweep import quantity
from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.quantity import shown

F = TypeVar("F", bound=Callable[..., Any])
Reader = Callable[[str, Any], Any]


def takes(**readers: Reader) -> Callable[[F], F]:
    """Reads the arguments named before the function sees them; an argument that it does not have is one line too."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def front(*args: Any, **kwargs: Any) -> Any:
            for name in kwargs.keys() - signature.parameters.keys():
                if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
                    raise InputError(f"{function.__name__}: no argument {name!r}{nearest(name, signature.parameters)}")
            bound = signature.bind(*args, **kwargs)
            for name, reader in readers.items():
                if name in bound.arguments:
                    bound.arguments[name] = reader(f"--{name.replace('_', '-')}", bound.arguments[name])
            return function(*bound.args, **bound.kwargs)

        return cast(F, front)

    return decorate


def optional(reader: Reader) -> Reader:
    """The same, or None."""
    return lambda name, value: None if value is None else reader(name, value)


def real(name: str, value: Any) -> float:
    """A finite number of any sign, such as 0.9, "1e-3"."""
    return quantity.signed(name, value)


def integer(name: str, value: Any) -> int:
    """A whole number of any sign."""
    number = quantity.signed(name, value)
    if number != round(number):
        raise InputError(f"{name} {shown(value)}: it must be a whole number")
    return round(number)


def word(name: str, value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise InputError(f"{name} {shown(value)}: it must be text, not {type(value).__name__}")
    return value


def words(name: str, value: Any) -> tuple[str, ...]:
    """Texts; one alone is a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise InputError(f"{name} {shown(value)}: it must be a list of texts, not {type(value).__name__}")
    return tuple(word(name, item) for item in value)


def counts(name: str, value: Any) -> tuple[Any, ...]:
    """Quantities, to be read one by one; one alone is a list of one."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def columns_of(name: str, value: Any) -> dict[str, str]:
    """Input -> column or expression."""
    if not isinstance(value, Mapping):
        raise InputError(f'{name}: it must be a mapping such as {{"params": "N"}}, not {shown(value)}')
    return {word(name, key): word(name, item) for key, item in value.items()}


def numbers(name: str, value: Any) -> dict[str, float]:
    """Name -> number."""
    if not isinstance(value, Mapping):
        raise InputError(f'{name}: it must be a mapping such as {{"E": 1.6}}, not {shown(value)}')
    return {word(name, key): real(f"{name} {key}", item) for key, item in value.items()}


def number_or_column(name: str, value: Any) -> Any:
    """A number, or the name of a column."""
    return value if isinstance(value, str) else quantity.signed(name, value)
