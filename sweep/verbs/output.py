"""What a verb returns: data for --json, text for a person, and the exit code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    data: dict
    text: str
    code: int = 0
