"""The benchmarks measure what they say: on stand-ins whose figures are known, and on models of a few numbers."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import cohort, flax_loop, gpu_sweep, overhead, record, shapes, speed, train, trials
from sweep.design import families
from sweep.design.cohorts import trunk_savings
from sweep.models import counting, functional
from sweep.train import probe

ROOT = Path(__file__).parents[1]
TINY = shapes.shape(8, 1, 8, 16, 8, 16, platform="cpu")


def test_training_needs_no_package_of_the_command_line_or_the_page():
    """A GPU machine may lack them, and the benchmarks must run there."""
    script = """
import importlib, pkgutil, sys
for name in ("tyro", "altair", "vl_convert", "tensorboardX", "beartype"):
    sys.modules[name] = None
import sweep.configs, sweep.design, sweep.fit, sweep.plan, sweep.tables, sweep.models, sweep.train, sweep.config
for package in (sweep.configs, sweep.models, sweep.design, sweep.fit, sweep.plan, sweep.tables, sweep.train):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
import benchmarks.gpu_sweep, benchmarks.overhead, benchmarks.train
print("imported", "tyro" in sys.modules and sys.modules["tyro"] is None)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "imported True\n", done.stderr


def test_contestants_take_turns_for_as_long_as_asked():
    called = []
    took = trials.best_of({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 0.0, least=3)
    assert called == ["a", "b"] * 3
    assert [len(times) for times in took.values()] == [3, 3]
    assert len(trials.best_of({"a": lambda: None}, 60.0, most=5)["a"]) == 5


def test_mfu_counts_half_of_the_attention_square():
    """A Llama-like block by hand: 2 FLOPs a weight and token, three passes, causal keys, against 989 TFLOP/s."""
    big = shapes.shape(1024, 16, 128, 32_768, 2048, 65_536, platform="gpu")
    weights = 16 * (4 * 1024**2 + 3 * 1024 * big.ffn) + 32_768 * 1024
    flops = 3 * (2 * weights + 16 * 4 * 1024 * (2048 + 1) / 2)
    found = trials.rate(big, 1e6, 2.0, [SimpleNamespace(device_kind="NVIDIA H200")])
    assert found["mfu"] == pytest.approx(flops * 1e6 / 2 / 989e12)
    assert found["floor_s"] == pytest.approx(flops * 1e6 / 989e12)
    assert found["tokens_per_s"] == 5e5
    assert trials.rate(big, 1e6, 2.0, [SimpleNamespace(device_kind="cpu")])["mfu"] is None


def test_sizes_are_those_of_the_targets():
    sizes = [counting.params(s).total / 1e6 for s in shapes.ladder("gpu")]
    assert sizes == pytest.approx([2, 7, 27, 110, 235], rel=0.1)
    small = shapes.small_trial("gpu")
    assert counting.params(small).total <= 2e6
    assert small.batch_tokens == 8192
    assert {s.attention for s in shapes.ladder("gpu")} == {"cudnn"}
    assert {(s.dtype, s.attention) for s in shapes.ladder("cpu")} == {("float32", "xla")}
    rows = [(counting.params(s).total > 30e6, n) for s, n in speed.programs(shapes.ladder("gpu"))]
    assert rows == [(False, 8)] * 3 + [(True, 1)] * 2 + [(False, 1)] * 3


def test_the_walk_has_the_entropy_it_claims():
    steps = np.diff(shapes.walk(64, 100_000).astype(int)) % 64
    counts = np.bincount(steps, minlength=64) / len(steps)
    assert counts[:4] == pytest.approx([0.25] * 4, abs=0.01)
    assert counts[4:].sum() == 0


@pytest.mark.slow
def test_the_plain_loop_reads_the_same_losses_late_as_at_once():
    loop, tokens = flax_loop.make(TINY, peak=1e-2, horizon=1000), shapes.walk(16, 4096)
    first = jnp.asarray(next(flax_loop.batches(tokens, TINY, 3)))
    expected = functional.token_losses(TINY, functional.init(TINY, jax.random.key(0)), first).mean()
    found = []
    for behind in (0, 1):
        state = loop.init(jax.random.key(0))
        found.append(flax_loop.train(loop, state, flax_loop.batches(tokens, TINY, 3), 60, behind=behind)[1])
    assert found[0] == found[1]
    assert found[0][0] == pytest.approx(float(expected), rel=1e-5)
    assert np.mean(found[0][-5:]) < found[0][0] - 0.3  # it trains


@pytest.mark.slow
def test_a_cohort_is_compared_on_equal_work():
    found = cohort.measure(TINY, jax.local_devices()[:2], trials=4, steps=3, seconds=0.0, least=2)
    assert found["mesh"] == {"trial": 2, "data": 1}
    assert [one["devices"] for one in found["contestants"].values()] == [2, 1, 1, 1]
    best = {name: min(one["rounds_s"]) for name, one in found["contestants"].items()}
    for name, one in found["contestants"].items():
        assert one["tokens_per_s"] * one["seconds"] == pytest.approx(4 * 3 * 16)
        assert one["seconds"] == pytest.approx(best[name], abs=1e-4)
        assert one["loss_after_first_round"] == pytest.approx(np.log(16), abs=1.0)
    first, alone = (found["contestants"][name]["loss_after_first_round"] for name in ("cohort", "solo"))
    assert first == pytest.approx(alone, rel=1e-5)
    assert found["ratio_of_cohort"]["solo"] == pytest.approx(best["solo"] / best["cohort"], rel=0.05)
    assert min(found["compile_s"].values()) > 0


def test_a_size_that_fails_or_is_not_reached_is_recorded(monkeypatch, capsys):
    def one(shape, rows, group):
        raise RuntimeError("out of memory\nat length")

    monkeypatch.setattr(speed, "one", one)
    found = list(speed.measure([TINY], [], seconds=60.0))
    assert [one["status"] for one in found] == ["failed: RuntimeError: out of memory"] * 2
    assert "at length" in capsys.readouterr().err
    skipped = list(speed.measure([TINY], [], seconds=-1.0))
    assert [one["status"] for one in skipped] == ["skipped: out of time"] * 2
    assert train.failed({"speed": found})
    assert not train.failed({"speed": skipped, "cohort": {"status": "done"}})


def test_overhead_is_what_the_logs_leave_over(tmp_path):
    for i, seconds in enumerate(([3.0, 4.0], [1.0])):
        folder = tmp_path / "cohorts" / str(i)
        folder.mkdir(parents=True)
        mesh = {"trial": 1, "data": 1 + i}
        events = [{"begun": 1, "mesh": mesh}, *({"chunk": 1, "seconds": s} for s in seconds)]
        (folder / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    found = overhead.of_run(tmp_path, overhead.Watch(wall_s=10.0, compile_s=1.5))
    assert (found["devices"], found["device_s"]) == (8, 9.0)  # the second cohort's second was one of two devices
    assert found["share_outside_device"] == pytest.approx(1 - 9 / 80)
    assert found["share_outside_device_and_compiler"] == pytest.approx(1 - 10.5 / 80)


def test_compiles_are_watched():
    with overhead.watching() as watch:
        jax.jit(lambda x: x * 3.0 + 1.0)(np.ones(7, np.float32)).block_until_ready()
    seen = watch.compile_s
    assert 0 < seen <= watch.wall_s
    jax.jit(lambda x: x * 5.0 + 1.0)(np.ones(7, np.float32)).block_until_ready()
    assert watch.compile_s == seen


@pytest.mark.slow
def test_budgets_are_the_largest_that_fit(monkeypatch):
    monkeypatch.setattr(probe, "flops_per_second", lambda shape, seconds: 1e10)
    corpus = SimpleNamespace(vocab=256, fingerprint="made-up", unique_tokens=10**8)
    known = {"vocab": 256, "data": "made-up", "unique_tokens": 10**8, "platform": "cpu"}

    def work(sweep):
        return trunk_savings(families.plan(sweep, **known).trials).shared + sweep.target

    for seconds in (40.0, 400.0):
        sweep = gpu_sweep.scaled(gpu_sweep.base("cpu"), corpus, seconds)  # pyright: ignore[reportArgumentType]
        smallest, next_up = sweep.budgets[0], gpu_sweep.SCALE[gpu_sweep.SCALE.index(sweep.budgets[0]) + 1]
        assert sweep.budgets == (smallest, 3 * smallest, 9 * smallest)
        assert sweep.target == 27 * smallest
        assert work(sweep) < 0.5 * seconds * 1e10 < work(gpu_sweep.with_budgets(sweep, next_up))


def test_the_gpu_sweep_can_be_built():
    sweep = gpu_sweep.with_budgets(gpu_sweep.base("gpu"), 5e13)
    made = families.plan(sweep, vocab=4096, data="made-up", unique_tokens=3 * 10**7, platform="gpu")
    assert [len(family.trials) for family in made.families] == [5, 5, 5]
    assert {t.shape.attention for t in made.trials} == {"cudnn"}


def test_a_record_says_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_COMMIT", "abc123")
    about = record.environment()
    assert about["commit"] == "abc123"
    assert about["versions"]["jax"] == jax.__version__
    cores = len(os.sched_getaffinity(0))
    assert about["device"] == ("8 x cpu" if cores >= 8 else "8 x cpu (fake)")
    file = record.write(tmp_path / "new", "one", about)
    assert json.loads(file.read_text()) == about
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.write(tmp_path / "new", "one", {"speed": float("nan")})
    assert json.loads(file.read_text()) == about


def test_gpu_sh_records_parts_that_fail_or_run_out_of_time(tmp_path):
    """A stand-in for Python that hangs in the first part, fails in the second and does the third."""
    fake = tmp_path / "python"
    fake.write_text(
        "#!/bin/bash\ncase $1 in */fit.py) sleep 30;; */train.py) echo broken; exit 1;; *) echo fine: $@;; esac\n"
    )
    fake.chmod(0o755)
    env = {**os.environ, "PYTHON": str(fake), "SWEEP_BENCH_SECONDS": "10"}
    done = subprocess.run(
        ["bash", str(ROOT / "benchmarks/gpu.sh"), str(tmp_path / "out")], capture_output=True, text=True, env=env
    )
    assert done.returncode == 3, done.stderr
    parts = [json.loads(line) for line in (tmp_path / "out/parts.jsonl").read_text().splitlines()]
    statuses = [(p["part"], p["status"], p["exit"]) for p in parts]
    assert statuses == [("fit", "out of time", 124), ("train", "failed", 1), ("sweep", "done", 0)]
    assert "--seconds 2" in (tmp_path / "out/sweep.log").read_text()
    assert "broken" in done.stdout
    assert sum(p["cap"] for p in parts) <= 10


def test_the_table_shows_what_was_measured():
    done = {"tokens_per_s": 1e6, "mfu": 0.25, "compile_s": 3.0, "step_s": 0.016, "params": 1_000, "rows": 8}
    result = {
        **dataclasses.asdict(overhead.Watch()),
        "device": "1 x NVIDIA H200",
        "cores": 16,
        "versions": {"jax": "0.11.2"},
        "date": "2026-01-01",
        "cohort": {"status": "failed: TypeError: no rule"},
        "speed": [{**done, "status": "done"}, {"params": 2, "rows": 1, "status": "skipped: out of time"}],
    }
    text = train.table(result)
    assert "cohort failed: TypeError: no rule" in text
    assert [word in text for word in ("1,000,000", "16.00", "25.0%", "skipped: out of time")] == [True] * 4
