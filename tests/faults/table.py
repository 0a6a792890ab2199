"""The tables of docs/reliability.md, from what the tests state.

`python -m tests.faults.table` writes them into the document; a test holds the document to them.
"""

import importlib
import re
from pathlib import Path

from tests.faults.register import Fault, Kind

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
TITLES: dict[Kind, str] = {
    "files": "Files that cannot be written, or are damaged",
    "changes": "Something else than before",
    "runs": "Runs that end or go wrong",
    "stores": "Stores that go away",
}
BEGIN, END = "<!-- made by `python -m tests.faults.table` from the tests -->", "<!-- end of what is made -->"


def stated() -> list[Fault]:
    """What every test states, in the order of files and of the tests in them."""
    names = sorted(file.stem for file in HERE.glob("test_*.py"))
    tests = [test for name in names for test in vars(importlib.import_module(f"tests.faults.{name}")).values()]
    return [test.fault for test in tests if isinstance(getattr(test, "fault", None), Fault)]


def tables(faults: list[Fault]) -> str:
    """A table for each kind that has any."""
    pieces = []
    for kind, title in TITLES.items():
        rows = [f"| {f.fault} | {f.outcome} | {f.code} | {f.remedy} |" for f in faults if f.kind == kind]
        if rows:
            head = ["| what goes wrong | what happens | exit code | what to do |", "|---|---|---|---|"]
            pieces.append("\n".join([f"### {title}", "", *head, *rows]))
    return "\n\n".join(pieces)


def with_tables(page: str, made: str) -> str:
    """The document with its tables replaced."""
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n\n{made}\n\n{END}", page, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(), tables(stated())))
