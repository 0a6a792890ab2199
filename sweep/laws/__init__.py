"""The registry of laws: one small file a family, found by itself.

A module of this package that has a `LAW`, or several `LAWS`, is registered by their ids. Adding the file is the only
edit; `sweep fit`, `plan` and the others find it by its id, and its published coefficients by their names.
"""

import importlib
import pkgutil

from sweep.errors import InputError
from sweep.laws.law import Law, Published
from sweep.nearest import nearest


def discover() -> dict[str, Law]:
    """Every law of this package's modules. Raises ValueError where an id or a published name is taken twice."""
    found: dict[str, Law] = {}
    sets: set[str] = set()
    for module in sorted(x.name for x in pkgutil.iter_modules(__path__)):
        content = importlib.import_module(f"{__name__}.{module}")
        for law in (*getattr(content, "LAWS", ()), *([content.LAW] if hasattr(content, "LAW") else ())):
            taken = sets & law.published.keys() | ({law.id} & found.keys())
            if taken:
                raise ValueError(f"{module}: {', '.join(sorted(taken))} is taken by another law")
            found[law.id] = law
            sets |= law.published.keys()
    return found


LAWS: dict[str, Law] = discover()


def ids() -> list[str]:
    """Names that `get` knows."""
    return list(LAWS)


CALLED = {"chinchilla": "additive"}  # by people


def get(id: str) -> Law:
    """The law named `id`, or called so by people. Raises InputError for a name that is not in the registry."""
    if id in CALLED:
        return LAWS[CALLED[id]]
    if id not in LAWS:
        raise InputError(f"unknown law {id!r}{nearest(id, LAWS)}; `sweep laws` lists them")
    return LAWS[id]


def published(name: str) -> tuple[Law, Published]:
    """The law and the published coefficients called `name`, such as `hoffmann`; `.verified` says whether to trust them.

    Raises InputError for a name that no law has.
    """
    for law in LAWS.values():
        if name in law.published:
            return law, law.published[name]
    if name in LAWS or name in CALLED:
        law = get(name)
        sets = ", ".join(law.published) or "none"
        raise InputError(f"{name} is a law ({law.id}), not a set of published coefficients; its sets: {sets}")
    known = [key for law in LAWS.values() for key in law.published]
    raise InputError(f"no published coefficients called {name!r}{nearest(name, known)}; `sweep laws ID` lists a law's")


__all__ = ["LAWS", "Law", "Published", "get", "ids", "published"]
