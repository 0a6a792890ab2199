"""Fields of config classes (dataclasses, nested): their names, their types, and what is told of wrong ones."""

import dataclasses
import math
import types
import typing
from typing import Any, Literal

from sweep.errors import InputError
from sweep.nearest import nearest


def build(values: dict[str, Any], cls: type, where: str = "") -> Any:
    """The object whose fields `values` are, as plain data. Raises InputError for an unknown field or a wrong type."""
    kinds = {f.name: f.type for f in dataclasses.fields(cls)}
    known = {name: coerce(value, kinds[name], where + name) for name, value in values.items() if name in kinds}
    try:
        return cls(**{**values, **known})
    except TypeError as error:
        raise InputError(f"config: {explain_unknown(error, cls, where)}") from error


def check_types(part: Any, where: str = "") -> None:
    """Check the type of every field, which Python does not, and make integers floats where floats are meant."""
    for f in dataclasses.fields(part):
        object.__setattr__(part, f.name, coerce(getattr(part, f.name), f.type, where + f.name))
        if dataclasses.is_dataclass(f.type):
            check_types(getattr(part, f.name), f"{where}{f.name}.")


def coerce(value: Any, kind: Any, name: str) -> Any:
    """`value` as a field of type `kind`, or an InputError naming the field."""
    if isinstance(value, dict) and hasattr(kind, "__dataclass_fields__"):
        return build(value, kind, f"{name}.")
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise InputError(f"config: {name} is {value!r}; it must be a list")
        return tuple(coerce(v, item, name) for v in value)
    if typing.get_origin(kind) in (Literal, typing.Union, types.UnionType):
        allowed = [
            a for k in (kind, *typing.get_args(kind)) if typing.get_origin(k) is Literal for a in typing.get_args(k)
        ]
        if value not in allowed:
            raise InputError(f"config: {name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"config: {name} is {value!r}; it must be finite")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"config: {name} is {value!r}; it must be of type {kind.__name__}")
    return value


def explain_unknown(error: TypeError, cls: type, where: str = "") -> str:
    """One line for a keyword that no config class has, with the nearest name that exists."""
    text = str(error)
    if "unexpected keyword argument" not in text:
        return f"TypeError: {text}"
    unknown = text.split("'")[1]
    return f"unknown field {unknown!r}{nearest(unknown, field_names(cls, where))}"


def field_names(cls: type, prefix: str = "") -> list[str]:
    """Dotted names of every field, nested ones included."""
    names = []
    for f in dataclasses.fields(cls):
        names.append(prefix + f.name)
        if dataclasses.is_dataclass(f.type):
            names += field_names(typing.cast(type, f.type), f"{prefix}{f.name}.")
    return names
