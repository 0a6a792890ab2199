"""Fits made again: the same digits, or what differs."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.bundle import refit
from sweep.bundle.contents import contents
from sweep.tables import io

TABLE = "tables/fit-losses.csv"


@pytest.fixture
def unpacked(fitted: Path, tmp_path: Path) -> Path:
    """The bundle of a fit as a folder; its files may be changed."""
    for name, data in contents(fitted).files.items():
        (tmp_path / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / name).write_bytes(data)
    return tmp_path / "b"


def again(folder: Path, **changes) -> refit.Refit:
    return refit.refit(folder, {"path": ".", "table": TABLE, "why": None, **changes})


def edit(folder: Path, **values) -> None:
    file = folder / "fit.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_fit_gives_the_same_digits(unpacked: Path):
    found = again(unpacked)
    assert (found.status, found.exact, found.largest) == ("same", True, 0.0)
    assert found.numbers > 200
    assert refit.verdict(found).startswith(".: the same digits")


def test_a_number_that_was_changed_shows(unpacked: Path):
    params = json.loads((unpacked / "fit.json").read_text())["params"]
    edit(unpacked, params=params | {"alpha": params["alpha"] * (1 + 2e-6)})
    found = again(unpacked)
    assert found.status == "differs"
    assert found.worst == "params.alpha"
    assert found.largest == pytest.approx(2e-6, rel=0.01)
    assert "params.alpha" in found.different[0]
    edit(unpacked, params=params | {"alpha": params["alpha"] * (1 + 2e-7)})
    found = again(unpacked)
    assert (found.status, found.exact) == ("same", False)


def test_other_versions_are_told_and_widen_the_tolerance(unpacked: Path):
    record = json.loads((unpacked / "fit.json").read_text())
    edit(unpacked, versions=record["versions"] | {"jax": "0.0.1"}, n_more=1)
    found = again(unpacked)
    assert found.tolerance == refit.OTHER
    assert found.versions == [f"jax 0.0.1, now {record['versions']['jax']}"]
    assert found.status == "differs"  # a key that this version does not write
    edit(unpacked, residual_sd=record["residual_sd"] * (1 + 5e-5), n_more=None)
    assert again(unpacked).status == "same"


def test_a_resample_that_was_changed_shows(unpacked: Path):
    table = pq.read_table(unpacked / "lanes.parquet")
    i = table["status"].to_pylist().index("converged")
    alpha = table["alpha"].to_pylist()
    alpha[i] *= 1.01
    io.write(table.set_column(table.column_names.index("alpha"), "alpha", pa.array(alpha)), unpacked / "lanes.parquet")
    found = again(unpacked)
    assert (found.status, found.worst) == ("differs", f"resample {i + 1} alpha")


def test_a_table_with_a_row_more_differs(unpacked: Path):
    table = unpacked / TABLE
    table.write_text(table.read_text() + "2000000,60000000,4.9\n")
    found = again(unpacked)
    assert found.status == "differs"
    assert any("n: 12, now 13" in line for line in found.different) or found.largest > 0


def test_a_law_that_this_version_does_not_know(unpacked: Path):
    edit(unpacked, law="quantum")
    found = again(unpacked)
    assert found.status == "unchecked"
    assert "does not know the law 'quantum'" in refit.verdict(found)


def test_an_option_of_another_version_is_one_line(unpacked: Path):
    edit(unpacked, request=json.loads((unpacked / "fit.json").read_text())["request"] | {"prophecy": True})
    found = again(unpacked)
    assert found.status == "differs"
    assert "prophecy" in refit.verdict(found)


def test_what_cannot_be_repeated_says_why(unpacked: Path):
    found = again(unpacked, table=None, why="made from a table in memory")
    assert refit.verdict(found) == ".: not repeated: made from a table in memory"


def test_the_fit_of_a_sweep_is_repeated_on_its_table(trained: Path, tmp_path: Path):
    for name, data in contents(trained).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = refit.refit(tmp_path, {"path": "fit", "table": ".", "why": None})
    assert (found.status, found.exact) == ("same", True)
    shutil.rmtree(tmp_path / "fit")
