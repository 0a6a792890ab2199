"""What is wrong, or worth saying, about a table: found as data, raised by who must stop, listed by `sweep check`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweep.errors import InputError, Refusal
from sweep.nearest import nearest

CODES = (
    "too_few_rows",
    "collinear",
    "unidentified",
    "equal_losses",
    "equal_targets",
    "several_settings",
    "loss_not_positive",
    "few_for_intervals",
)  # that can be overridden


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes:
        code: short stable name.
        message: one line: what, where, what to do.
        row, column: where, counting rows from 1, when it is about one value.
        level: `error` (the input is wrong), `refusal` (the answer would not be worth having; `--despite CODE`
            overrides) or `remark`.
    """

    code: str
    message: str
    row: int | None = None
    column: str | None = None
    level: str = "remark"


def check_codes(despite: Sequence[str]) -> None:
    """Raise InputError for a code that names no refusal."""
    for code in despite:
        if code not in CODES:
            hint = nearest(code, CODES) or f"; known: {', '.join(CODES)}"
            raise InputError(f"--despite {code}: no such refusal{hint}")


def enforce(problems: Iterable[Problem], despite: Sequence[str]) -> None:
    """Raise the first error, else the first refusal that `despite` does not override."""
    problems = list(problems)
    errors = [problem for problem in problems if problem.level == "error"]
    for problem in errors:
        more = len(errors) - 1
        raise InputError(problem.message + (f" (and {more} more: sweep check lists them)" if more else ""))
    for problem in problems:
        if problem.level == "refusal" and problem.code not in despite:
            raise Refusal(problem.code, f"{problem.message} (--despite {problem.code} overrides)")


def overridden(problems: Iterable[Problem]) -> list[str]:
    """Codes of refusals among the problems of a table that is fitted all the same."""
    return list(dict.fromkeys(p.code for p in problems if p.level == "refusal"))


def stamps(problems: Sequence[Problem], despite: Sequence[str], source: str) -> list[dict[str, str]]:
    """Warnings {code, message} of the refusals that were overridden, and a remark on codes not needed."""
    first = {p.code: p.message for p in reversed(list(problems)) if p.level == "refusal"}
    codes = overridden(problems)
    found = [{"code": code, "message": f"despite the refusal: {first[code]}"} for code in codes]
    idle = [code for code in dict.fromkeys(despite) if code not in codes]
    message = f"{source}: --despite {', '.join(idle)} was not needed"
    return [*found, *([{"code": "despite_not_needed", "message": message}] if idle else [])]
