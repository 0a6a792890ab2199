"""What a verb returns: the answer as data for `--json`, as text for people, and the exit code."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Output:
    """Answer of a verb.

    Attributes:
        data: one JSON object, printed with `--json`.
        text: the same for people, verdict first.
        code: exit code, 0 or 3 (finished in part); errors are raised instead.
    """

    data: dict[str, Any]
    text: str
    code: int = 0
