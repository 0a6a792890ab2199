"""What a test of tests/faults states: the fault, where it is injected, what happens, and what its user then does.

docs/reliability.md shows the statements of all tests as its tables (tests.faults.table).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from sweep.errors import SweepError

Test = TypeVar("Test", bound=Callable[..., object])
Kind = Literal["files", "changes", "runs", "stores"]
CODES = (0, 1, 2, 3, 70)  # exit codes of the command line


@dataclass(frozen=True)
class Fault:
    """A row of the document.

    Attributes:
        kind: the table it stands in.
        fault: what goes wrong.
        outcome: what happens then, as its user sees it.
        code: how the command ends.
        remedy: what to do; by default nothing.
        where: where the test injects it; for readers of the test, not in the document.
    """

    kind: Kind
    fault: str
    outcome: str
    code: int
    remedy: str = "nothing"
    where: str = ""

    def __post_init__(self):
        if self.code not in CODES or any(
            "|" in text or "\n" in text for text in (self.fault, self.outcome, self.remedy)
        ):
            raise ValueError(f"{self.fault}: not a row of a table")

    def ended(self, error: SweepError) -> str:
        """The line that a user sees, once it is seen that the command ends as stated."""
        text = str(error)
        assert error.exit_code == self.code, f"{self.fault}: exit code {error.exit_code}, stated {self.code}: {text}"
        assert text.strip(), "nothing said"
        assert "\n" not in text, text
        return text


def fault(kind: Kind, fault: str, outcome: str, code: int, remedy: str = "nothing", where: str = ""):
    """Marks a test with what it states; the fixture `stated` gives it back to the test."""
    made = Fault(kind, fault, outcome, code, remedy, where)

    def mark(test: Test) -> Test:
        setattr(test, "fault", made)  # noqa: B010
        return test

    return mark
