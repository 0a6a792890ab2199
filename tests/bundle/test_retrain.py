"""A trial trained again: the same bits, other tokens refused, and what counts as the same where bits cannot be."""

import json
import math
from collections import Counter
from pathlib import Path

import jax
import pytest

from sweep.bundle import retrain
from sweep.errors import InputError
from sweep.tables import io
from sweep.train import launch
from sweep.train.data.shards import open_folder
from sweep.train.progress import Quiet
from sweep.versions import installed, processor
from tests.train import corpora


@pytest.fixture(scope="module", autouse=True)
def programs(compile_cache: None) -> None:
    """Compiled once."""


@pytest.fixture
def record(trained: Path) -> dict:
    return json.loads((trained / "sweep.json").read_text())


def rows(trained: Path) -> list[dict]:
    return io.merged(trained).to_pylist()


@pytest.mark.slow
def test_a_trial_gives_the_same_bits_with_those_of_its_shape(tokens: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:2])
    out, corpus = tmp_path / "run", open_folder(tokens)
    launch.train_sweep(corpora.sweep_on(str(tokens)), corpus, out)
    then = {row["trial"]: row["loss"] for row in rows(out)}
    trunks = Counter(row["trunk"] for row in rows(out))
    name = next(row["trial"] for row in rows(out) if row["trunk"] and trunks[row["trunk"]] == 2)
    record = json.loads((out / "sweep.json").read_text())
    found = retrain.retrain(out, record, name[:5], corpus, tmp_path / "again", Quiet())
    assert found[0].trial == name
    assert len(found) == 2  # one shape at both budgets
    assert all(r.exact and r.reproduced and r.now == then[r.trial] for r in found)
    assert len(list((tmp_path / "again").glob("cohorts/*/rows-*.parquet"))) == 1  # no other cohort was trained
    assert "the same bit for bit" in retrain.verdict(found[0])


def test_other_tokens_are_refused(record, tmp_path: Path):
    with pytest.raises(InputError, match="other tokens"):
        retrain.check_tokens(open_folder(corpora.write(tmp_path / "other", seed=1)), record)


def test_a_trial_that_is_not_there_or_has_no_loss():
    known = {"aa1": {"status": "done", "loss": 2.0}, "aa2": {"status": "diverged", "loss": None}}
    assert retrain.row_of("aa1", known) == "aa1"
    for name, message in (("b", "no such trial; the bundle has aa1"), ("aa", "several trials"), ("aa2", "diverged")):
        with pytest.raises(InputError, match=message):
            retrain.row_of(name, known)


def test_noise_is_of_the_seeds_else_of_the_design(trained: Path, record):
    found = rows(trained)
    assert retrain.noise_of(found, record) == (0.01, "prior.noise of the config")
    repeats = [row | {"seed": 1, "loss": row["loss"] * math.exp(0.02)} for row in found]
    sd, source = retrain.noise_of(found + repeats, record)
    assert sd == pytest.approx(0.02 / math.sqrt(2))  # of two values 0.02 apart
    assert source == "the seeds in the table"


def judged(trained: Path, record: dict, factor: float, **changes) -> retrain.Retrained:
    then = rows(trained)[0]
    record = record | {"versions": installed(), "device": record["device"] | {"processor": processor()}}
    now = then | {"loss": then["loss"] * factor} | changes
    return retrain.judged(then["trial"], then, now, record, (0.01, "prior.noise of the config"))


def test_bits_must_be_equal_where_nothing_differs(trained: Path, record):
    assert judged(trained, record, 1.0).reproduced
    found = judged(trained, record, 1 + 1e-7)
    assert not found.reproduced
    assert "so bits should be" in retrain.verdict(found)


def test_on_another_mesh_the_noise_counts(trained: Path, record):
    near, far = (judged(trained, record, f, mesh="1x4") for f in (1.02, 1.04))
    assert near.reproduced
    assert not far.reproduced
    assert near.different == ["mesh 1x1, now 1x4"]
    assert "inside 3 sd of 0.01" in retrain.verdict(near)
    assert "NOT REPRODUCED, outside" in retrain.verdict(far)


def test_a_run_that_broke_is_not_reproduced(trained: Path, record):
    then = rows(trained)[0]
    found = retrain.judged(then["trial"], then, None, record, (0.01, ""))
    assert not found.reproduced
    assert "NOT REPRODUCED" in retrain.verdict(found)
