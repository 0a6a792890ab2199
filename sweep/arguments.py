"""Words of the command line as the arguments of a verb or the fields of a config: quantities, and complaints, in plain.

A field of a dataclass that holds a quantity says so by its metadata (`sweep.quantity.reads`), one of a config by
`sweep.config.QUANTITIES`. Its words are read there before tyro sees them, so that every verb takes 8B, 1.5PFday and
1_000_000 alike and complains alike. What else tyro has to complain of is folded into one line.
"""

import contextlib
import dataclasses
import io
import re
from typing import Any

from sweep import config, fields, files
from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.quantity import Reader
from sweep.storage import Address, locate
from sweep.storage.store import store_of

NAMES = ("--trial", "--name", "--address")  # options whose value may be the address of a run
LATER = ("--data.path",)  # and one that the config refuses, or the library of its store is asked for when it is read
LOCAL_VERBS = ("data build", "doctor", "import", "reproduce", "verify-resume")  # all of theirs lies on this machine
LOCAL = ("--data.stage", "--data.tokenizer", "--checkpoint.folder", "--write", "--recipe")  # and what these name
MANY = ("budgets", "params")  # fields of a config that take several words


def parse(cls: type, words: list[str], verb: str, *, partial: bool = False, default: Any = None) -> Any:
    """`words` as an object of the dataclass `cls`. Help goes to stdout and exits 0.

    Args:
        verb: in messages and in the help.
        partial: also return the words that are not of `cls`.
        default: object whose values hold where the words say nothing.

    Raises:
        InputError: words that do not fit.
    """
    import tyro

    kwargs = {} if default is None else {"default": default}
    said = io.StringIO()
    words = in_numbers(cls, words)
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(cls, args=words, prog=f"sweep {verb}", return_unknown_args=partial, **kwargs)
    except SystemExit as error:
        if not error.code:
            raise
        raise InputError(complaint(said.getvalue(), verb)) from None


def check_paths(verb: str, words: list[str]) -> None:
    """Before any work: addresses such as gs://bucket/x only where they can be used, and what it takes to reach them.

    Raises:
        InputError: an address of what must lie on this machine; a library that is missing; an unknown scheme.
    """
    for before, word in zip(["", *words], words, strict=False):
        option, _, value = word.partition("=") if word.startswith("--") else (before, "", word)
        place = None if option in NAMES + LATER else locate(value)
        if not isinstance(place, Address):
            continue
        if verb in LOCAL_VERBS or option in LOCAL or place.suffix == ".py":
            files.local(place, option if option in LOCAL else "")
        store_of(place)


def check_names(words: list[str]) -> None:
    """Raise InputError for an override of a field that does not exist, with the nearest that does."""
    known = fields.field_names(config.Sweep)
    for word in words:
        if word.startswith("--"):
            name = word[2:].split("=")[0].replace("-", "_")
            bare = re.sub(r"(^|\.)no_", r"\1", name)
            if name not in known and bare not in known:
                raise InputError(f"unknown field {word.split('=')[0]!r}{nearest(name, known)}")


def in_numbers(cls: type, words: list[str]) -> list[str]:
    """`words` with plain numbers where a field of `cls` holds a quantity. Raises InputError for what is none."""
    known, found = readers(cls), []
    reader, option, left = None, "", 0
    for word in words:
        if word.startswith("--"):
            option, equals, text = word.partition("=")
            reader, many = known.get(option[2:].replace("-", "_"), (None, False))
            left = len(words) if many else 1
            if reader and equals:
                word = f"{option}={plain(reader, option, text)}"
        elif reader and left and not word.startswith("-h"):
            word, left = plain(reader, option, word), left - 1
        found.append(word)
    return found


def readers(cls: type) -> dict[str, tuple[Reader, bool]]:
    """Name of each field that holds a quantity, as typed, with its reader and whether it takes several words."""
    if cls is config.Sweep:
        return {name: (reader, name in MANY) for name, reader in config.QUANTITIES.items()}
    found = {}
    for field in dataclasses.fields(cls):
        if reader := field.metadata.get("reader"):
            hints = getattr(field.type, "__metadata__", ())
            aliases = [alias for hint in hints for alias in getattr(hint, "aliases", None) or ()]
            names = (field.name, *(alias.lstrip("-").replace("-", "_") for alias in aliases))
            found |= dict.fromkeys(names, (reader, False))
    return found


def plain(reader: Reader, option: str, text: str) -> str:
    """A quantity as Python writes its number: 8000000000.0 of 8B; None stays."""
    return text if text == "None" else repr(reader(option, text))


def complaint(text: str, verb: str) -> str:
    """What tyro says on stderr, in one plain line."""
    bare = re.sub(r"[╭╮╰╯│─]+|-{5,}", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))
    line = re.sub(r"\s+", " ", bare).strip()
    line = re.sub(r" ?For full helptext, (?:run|see):? sweep .*$", "", line)
    option = re.search(r"Error parsing (\S+):", line)
    given = re.search(r"(?:from|arguments:) \[(.*?)\]|(?:float:|base 10:) ('.*?')", line)
    wanted = "a whole number" if "INT" in line else "a number" if "FLOAT" in line else ""
    if option and given and wanted:
        value = (given[1] or given[2]).strip("'")
        return f"{option[1]} {value}: it must be {wanted}; `sweep {verb} --help` explains"
    line = re.sub(r"Missing from [^:]*: ", "missing: ", line).replace(" (required)", "")
    line = re.sub(
        r"--[\w.-]+ (?:STR|INT|FLOAT), (?=--)|(?<= )(?:STR|INT|FLOAT) ", "", line
    )  # old names, kinds of values
    line = re.sub(r"^(Value error|Missing argument|Unrecognized options|Required options|Invalid choice) ", "", line)
    return f"{line.rstrip(' .')}; `sweep {verb} --help` explains" if line else "the arguments cannot be read"
