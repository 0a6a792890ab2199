"""One simulated run and its page, shared by the tests of the report."""

import pytest

from sweep.fit import Fit
from sweep.report import page
from sweep.report.load import Run, load
from tests.plan.conftest import small_fit
from tests.report.simulated import build


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A SIMULATED run directory with every file, loaded."""
    return load(build(tmp_path_factory.mktemp("simulated") / "run"))


@pytest.fixture(scope="session")
def whole_page(run: Run) -> str:
    """The page of the simulated run."""
    return page.html(run, "2026-03-03 12:00 UTC")


@pytest.fixture(scope="session")
def found() -> Fit:
    """The small fit of the planner's tests."""
    return small_fit()
