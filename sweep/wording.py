"""Messages in the words of who asks: options on the command line, arguments in Python.

Messages are written as the command line says them: `--columns "tokens=D*1e9"`, `--bootstrap 0`. To who calls a function
they say `columns={"tokens": "D*1e9"}` and `bootstrap=0`. What stands in backticks is a command, and stays one.
"""

import json
import re
from collections.abc import Callable

READ = re.compile(r"--(?:wide (\"[^\"]*\")|drop-unfinished)(?![\w:])")  # options that belong to the table
PAIR = r'"[^"=]+=[^"]*"|[\w.]+=(?:…|[^\s;,)\]"]*[^\s;,)\]":])'
MAPPING = re.compile(rf"--(columns|input)((?: (?:{PAIR}))+)")
GIVEN = re.compile(r"--(given|fix) ([\w.]+=[^\s;:)]*[^\s;:),])")
LABEL = re.compile(r"^((?:[\w ]+: )?)--([a-z][\w-]*) ((?!and |or |goes |is |of )[^:=\s][^:]*?): ")
WORDS = r"(?:nats|bits|bpb)(?:\|\w+)*|log_mse|huber|lad|mse"  # values that are words of their own
VALUE = rf"\"[^\"]*\"|'[^']*'|\$?[+-]?\.?\d[\w.,+-]*\w|\d|DEVICE[^\s,;)]*|[A-Z][A-Z_]*\b|{WORDS}"
VALUED = re.compile(rf"--([a-z][\w-]*) ({VALUE})(?=[\s,;:)\]]|$)")
WORDY = re.compile(r"--despite ([a-z_]+)\b")
BARE = re.compile(r"--([a-z][\w-]*(?:\.[\w-]+)*)")


def as_arguments(text: str) -> str:
    """A message of the command line in the words of Python."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else translated(part) for part in parts)


def translated(text: str) -> str:
    """A stretch without commands."""
    text = READ.sub(
        lambda m: f"sweep.tables.read.TableFile(…, {f'wide={m[1]}' if m[1] else 'drop_unfinished=True'})", text
    )
    text = WORDY.sub(lambda m: f'despite=["{m[1]}"]', text)
    text = MAPPING.sub(mapping, text)
    text = re.sub(r"--input (?=[a-z_]\w* )", "--", text)
    text = GIVEN.sub(lambda m: f"{m[1]}={{" + ", ".join(item(pair, str) for pair in m[2].split(",")) + "}", text)
    text = LABEL.sub(lambda m: f"{m[1]}{name(m[2])}={literal(m[3])}: ", text)
    text = VALUED.sub(lambda m: f"{name(m[1])}={literal(m[2])}", text)
    return BARE.sub(lambda m: f"{name(m[1].removeprefix('no-'))}{'=False' * m[1].startswith('no-')}", text)


def mapping(found: re.Match) -> str:
    """columns={"params": "N"} of --columns params=N; the pairs themselves of --input, which are arguments."""
    pairs = [pair.strip('"') for pair in re.findall(PAIR, found[2])]
    if found[1] == "input":
        return ", ".join(pairs)
    return "columns={" + ", ".join(item(pair, quoted) for pair in pairs) + "}"


def item(pair: str, write: Callable[[str], str]) -> str:
    """ "params": "N" of params=N."""
    key, value = pair.split("=", 1)
    return f"{quoted(key)}: {write(value)}"


def quoted(text: str) -> str:
    """Text as Python writes it."""
    return json.dumps(text, ensure_ascii=False)


def name(option: str) -> str:
    """The argument of an option."""
    return option.replace("-", "_")


def literal(value: str) -> str:
    """A value as Python writes it: numbers, placeholders and what is quoted as they are, other words in quotes."""
    plain = r"[A-Z][A-Z_]*|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|None|True|False|[\[({].*|['\"].*"
    return value if re.fullmatch(plain, value) else quoted(value)
