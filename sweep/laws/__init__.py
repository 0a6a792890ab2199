"""The registry of laws: one small file a family of laws, found by id."""

from sweep.errors import InputError
from sweep.laws import additive
from sweep.laws.law import Law

LAWS: dict[str, Law] = {law.id: law for law in (additive.LAW,)}


def ids() -> list[str]:
    """Names that `get` knows."""
    return list(LAWS)


def get(id: str) -> Law:
    """The law named `id`. Raises InputError for a name that is not in the registry."""
    if id not in LAWS:
        raise InputError(f"unknown law {id!r}; known: {', '.join(LAWS)}")
    return LAWS[id]


__all__ = ["LAWS", "Law", "get", "ids"]
