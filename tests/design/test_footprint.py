"""Files of a run against what the trainer writes."""

import dataclasses

import jax
import numpy as np
import pytest

from sweep.config import load
from sweep.design import families, table
from sweep.design.cohorts import cohorts, spans
from sweep.design.footprint import checkpoint_bytes, files_of
from sweep.design.placement import place
from sweep.tables import io
from sweep.tables.schema import COLUMNS, CURVES, table_of
from sweep.train import state
from sweep.train.sharding import make_mesh

POD = load("configs/pod.py")
RESULTS = ("flops_exact", "train_loss", "loss")


@pytest.fixture(scope="module")
def groups():
    return cohorts(families.plan(POD, vocab=32_768, data="d", unique_tokens=10**11, platform="tpu").trials)


def test_a_checkpoint_is_the_state_of_all_rows(groups):
    """Of which the shapes are known without memory: norms, counters and hyper-parameters are the rest."""
    mesh = make_mesh(jax.devices()[:1], 1)
    for cohort in groups[:3]:
        whole = state.abstract_states(cohort.shape, mesh, len(spans(cohort)))
        taken = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(whole))
        assert checkpoint_bytes(cohort) == pytest.approx(taken, rel=1e-3)


def test_files_are_counted_by_cohorts_hosts_and_what_is_kept(groups):
    schedule = place(groups, 64, "tpu", 95 * 10**9, per_host=4)
    chunks = {c.hash: 100 for c in groups}
    found = {one.path: one for one in files_of(POD, schedule, chunks)}
    assert found["cohorts/*/rows-*.parquet"].files == len(groups)
    kept = found["cohorts/*/checkpoints/*"]
    assert kept.bytes == 3 * sum(checkpoint_bytes(c) for c in groups)
    assert kept.files == 3 * sum(12 + 3 * len(schedule.hosts_of(p)) for p in schedule.places)
    one = dataclasses.replace(POD, checkpoint=dataclasses.replace(POD.checkpoint, keep=1))
    assert 3 * files_of(one, schedule, chunks)[0].bytes == kept.bytes


def test_tables_are_about_as_large_as_they_are_told_to_be(groups, tmp_path):
    trials = [t for c in groups for t in c.trials]
    schedule = place(groups, 8, "tpu")
    told = {one.path: one.bytes for one in files_of(POD, schedule, {c.hash: 1 for c in groups})}
    rng = np.random.default_rng(0)
    rows = [
        {name: value for name, value in table.row(t).items() if name in COLUMNS} | {"loss": rng.normal()}
        for t in trials
    ]
    io.write(table_of(rows), tmp_path / "losses.parquet")
    points = [
        {"trial": s.key, "step": int(rng.integers(10**5))} | dict(zip(RESULTS, rng.normal(size=3), strict=True))
        for c in groups
        for s in spans(c)
        for _ in range(POD.curve_points)
    ]
    io.write(table_of(points, CURVES), tmp_path / "curves.parquet")
    taken = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert told["losses.parquet, curves.parquet"] == pytest.approx(taken, rel=0.5)
