"""The record adds up."""

import json

import numpy as np
import pytest

from sweep.fit.multiverse.answers import Answer
from sweep.fit.multiverse.axes import AXES
from sweep.fit.multiverse.record import record_of

RNG = np.random.default_rng(0)


def made(law: str, params: float, status: str = "passed") -> Answer:
    """An answer with 30 resamples around it."""
    values = np.array([params, 1e24 / 6 / params, 2.0])
    choices = dict.fromkeys(AXES, "only") | {"law": law}
    factor = np.exp(0.1 * RNG.standard_normal(30))
    return Answer(choices, status, values, values[:, None] * np.stack([factor, 1 / factor, np.ones(30)]))


FOUND = [made("a", 1e10), made("a", 2e10), made("b", 8e10), made("c", 5e9, "at_bound"), made("c", np.nan, "no_optimum")]
RECORD = record_of(FOUND, 7, {"target": 1e24, "level": 0.9})


def test_counts_and_order():
    assert (RECORD["specifications"], RECORD["passed"], RECORD["duplicates"]) == (5, 3, 7)
    assert sum(f["n"] for f in RECORD["failed"]) == 2
    assert {f["code"]: f["laws"] for f in RECORD["failed"]} == {"at_bound": {"c": 1}, "no_optimum": {"c": 1}}
    assert [row["params"] for row in RECORD["curve"]] == [5e9, 1e10, 2e10, 8e10, None]
    json.dumps(RECORD, allow_nan=False)


def test_consensus_is_over_those_that_pass():
    assert RECORD["params"]["median"] == 2e10
    assert RECORD["params"]["interval"] == pytest.approx(np.quantile([1e10, 2e10, 8e10], [0.05, 0.95]))
    assert RECORD["params"]["range"] == [1e10, 8e10]
    assert RECORD["params"]["resampled_interval"][0] < 1e10


def test_variance():
    logs = np.log([1e10, 2e10, 8e10])
    found = RECORD["variance"]["params"]
    assert found["specifications"] == pytest.approx(logs.std())
    assert found["resampling"] == pytest.approx(0.1, rel=0.3)
    assert found["resampling_share"] == pytest.approx(
        found["resampling"] ** 2 / (found["resampling"] ** 2 + logs.var())
    )
    assert RECORD["variance"]["loss"]["specifications"] == 0


def test_drivers_name_the_law():
    first = RECORD["drivers"][0]
    assert first["axis"] == "law"
    logs = np.log([1e10, 2e10, 8e10])
    means = np.array([logs[:2].mean()] * 2 + [logs[2]])
    assert first["params"] == pytest.approx(np.sum((means - logs.mean()) ** 2) / np.sum((logs - logs.mean()) ** 2))
    assert {c["choice"]: c["params"] for c in first["choices"]} == pytest.approx({"a": 1.5e10, "b": 8e10})
    assert RECORD["drivers"][-1]["axis"] == "interaction"
    for name in ("params", "tokens"):
        assert sum(row[name] for row in RECORD["drivers"]) == pytest.approx(1)


def test_without_resamples():
    bare = [Answer(a.choices, a.status, a.values, np.empty((3, 0))) for a in FOUND]
    found = record_of(bare, 0, {"target": 1e24, "level": 0.9})
    assert found["params"]["interval"] == RECORD["params"]["interval"]
    assert found["params"]["resampled_interval"] == [None, None]
    assert found["variance"]["params"]["resampling"] is None


def test_none_passes():
    found = record_of([FOUND[3]], 0, {"target": 1e24, "level": 0.9})
    assert (found["passed"], found["drivers"], found["params"]["median"]) == (0, [], None)
    assert "None of 1" in found["verdict"]
