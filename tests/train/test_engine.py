"""A sweep on this machine: cohorts side by side, one table, what is done is kept, and problems end in one line."""

import dataclasses
import errno
import os
import signal
import threading
from pathlib import Path

import jax
import pytest

from sweep import config, files
from sweep.design.cohorts import cohorts
from sweep.errors import InputError, Partial, Refusal
from sweep.tables import io
from sweep.train import devices, engine, outcome, store
from sweep.train.cohort import CohortRun
from sweep.train.data.shards import Corpus, as_dict, open_folder
from sweep.train.gang.watch import Times, Watch
from sweep.train.progress import Quiet
from tests.train import corpora
from tests.train.tiny import TINY, make_trial

OTHER = dataclasses.replace(TINY, width=16, ffn=24)
TRIALS = [
    *(make_trial(steps=n, cooldown=n // 5, trunk=True) for n in (20, 30)),
    make_trial(OTHER, steps=24, seed=1, budget=2e9),
]
SWEEP = dataclasses.replace(corpora.sweep_on("tokens"), checkpoint=config.Checkpoint(minutes=1e-9))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return open_folder(corpora.write(tmp_path_factory.mktemp("engine") / "tokens"))


@pytest.fixture(autouse=True)
def two_devices(monkeypatch):
    """As on a laptop of two cores: two cohorts, each on a device of its own."""
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:2])


def train(out: Path, corpus: Corpus, progress: Quiet | None = None):
    store.claim(out, SWEEP, as_dict(corpus.manifest))
    return engine.run(SWEEP, TRIALS, out, corpus, progress)


@pytest.fixture(scope="module")
def done(tmp_path_factory, corpus) -> Path:
    out = tmp_path_factory.mktemp("engine") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda: jax.devices()[:2])
        train(out, corpus)
    return out


def by_trial(out: Path) -> dict:
    return {row["trial"]: row for row in io.read(out / "losses.parquet").to_pylist()}


def losses(out: Path) -> dict:
    return {key: (row["status"], row["loss"]) for key, row in by_trial(out).items()}


def no_training(*_):
    raise AssertionError("nothing was left to train")


def test_one_table_holds_every_trial(done):
    rows = by_trial(done)
    assert set(rows) == {t.id for t in TRIALS}
    for trial in TRIALS:
        row = rows[trial.id]
        assert (row["status"], row["tokens"], row["budget"]) == ("done", trial.tokens, trial.budget)
        assert (row["sweep"], row["device"], row["mesh"], row["mode"]) == ("tiny", "cpu", "1x1", "map")
        assert row["epochs"] == pytest.approx(trial.tokens / 40_000)
        assert row["bits_per_byte"] is None  # shards without a manifest
        assert row["mfu"] is None
        assert row["tokens_per_s"] > 0


def test_curves_hold_trials_and_trunks(done):
    keys = {row["trial"] for row in io.read(done / "curves.parquet").to_pylist()}
    assert keys == {t.id for t in TRIALS} | {TRIALS[0].trunk}


def test_each_cohort_has_its_folder(done):
    assert len(cohorts(TRIALS)) == 2
    for cohort in cohorts(TRIALS):
        names = {p.name for p in Path(str(outcome.folder_of(done, cohort))).iterdir() if not p.name.startswith("beat-")}
        tables = {"rows-001.parquet", "curves-001.parquet"}
        assert {"spec.json", "log.jsonl", "checkpoints", "lease-0001", "DONE"} | tables == names


def test_a_second_call_trains_nothing(done, corpus, monkeypatch):
    before = losses(done)
    monkeypatch.setattr(CohortRun, "run", no_training)
    table = train(done, corpus)
    assert {r["trial"]: (r["status"], r["loss"]) for r in table.to_pylist()} == before


def test_cohorts_train_at_the_same_time_on_devices_of_their_own(corpus, tmp_path, monkeypatch):
    """Each waits for the other in the middle of its training: one after another they would never meet."""
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:8])
    meet, real, used = threading.Barrier(2, timeout=120), CohortRun.run, []

    def run(self, stop, attempt):
        used.append({d.id for d in self.mesh.devices.flat})
        meet.wait()
        return real(self, stop, attempt)

    monkeypatch.setattr(CohortRun, "run", run)
    train(tmp_path / "run", corpus)
    assert used[0].isdisjoint(used[1])
    assert {row["status"] for row in by_trial(tmp_path / "run").values()} == {"done"}


def test_what_is_left_meets_the_same_meshes_as_the_whole(corpus, tmp_path, monkeypatch):
    """A group must not grow because others are done: a mesh decides the last bits of a loss."""
    whole, seen = {p.cohort.hash: p.axes for p in engine.schedule_of(TRIALS).places}, {}

    def run(self, stop, attempt):
        seen[self.cohort.hash] = (self.mesh.shape["trial"], self.mesh.shape["data"])
        raise Partial("not now")

    monkeypatch.setattr(CohortRun, "run", run)
    store.claim(tmp_path / "run", SWEEP, as_dict(corpus.manifest))
    first = cohorts(TRIALS)[0]
    files.write_text(outcome.folder_of(tmp_path / "run", first) / "DONE", "")
    with pytest.raises(Partial, match="not now"):
        train(tmp_path / "run", corpus)
    assert seen == {c.hash: whole[c.hash] for c in cohorts(TRIALS)[1:]}


class Kill(Quiet):
    """Sends this process a signal after the first chunk."""

    def __init__(self, number: int):
        self.number, self.sent = number, False

    def update(self, run: CohortRun) -> None:
        if not self.sent:
            self.sent = True
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_order_and_the_same_call_continues(done, corpus, tmp_path, number):
    out, handlers = tmp_path / "run", [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Partial, match="the same command continues"):
        train(out, corpus, Kill(number))
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    train(out, corpus)
    assert losses(out) == losses(done)


class Rows(Quiet):
    """What the loss table and the curves held after each chunk."""

    def __init__(self, out: Path):
        self.out = out
        self.held: list[dict] = []

    def update(self, run: CohortRun) -> None:
        ended = {key for key in run.cursor.results if key in {t.id for t in TRIALS[:2]}}
        found = {row["trial"]: row for row in io.merged(self.out).to_pylist()}
        assert ended <= set(found)
        self.held.append(found)


def test_rows_are_there_when_a_trial_ends_and_do_not_change_later(done, corpus, tmp_path):
    """The two branches end in different chunks of one cohort; the first is readable before the second."""
    shown = Rows(tmp_path / "run")
    train(tmp_path / "run", corpus, shown)
    first, second = (t.id for t in TRIALS[:2])
    early = [held for held in shown.held if first in held and second not in held]
    assert early
    assert early[0][first] == by_trial(tmp_path / "run")[first]
    assert losses(tmp_path / "run") == losses(done)


def test_killed_after_rows_were_written_it_ends_as_a_run_in_one_piece(done, corpus, tmp_path, monkeypatch):
    """The rows are newer than the checkpoint that is left: those trials are trained again, to the same bits."""
    out, real = tmp_path / "run", CohortRun.drain

    def drain(self, pending):
        real(self, pending)
        if len(self.cursor.results) == 1 and self.cohort.shape == TINY:
            raise KeyboardInterrupt  # as if the process died: nothing is saved any more

    with monkeypatch.context() as patch:
        patch.setattr(CohortRun, "drain", drain)
        patch.setattr(CohortRun, "save", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            train(out, corpus)
    written = {row["trial"]: row["loss"] for row in io.merged(out).to_pylist() if row["status"] == "done"}
    assert TRIALS[0].id in written
    assert TRIALS[1].id not in written
    train(out, corpus)
    assert losses(out) == losses(done)
    curves = [io.read(folder / "curves.parquet").sort_by([("trial", "ascending"), ("step", "ascending")])
              for folder in (out, done)]  # fmt: skip
    assert curves[0].equals(curves[1])


def test_a_full_disk_is_one_line(corpus, tmp_path, monkeypatch):
    def full(self, stop, attempt):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CohortRun, "run", full)
    with pytest.raises(InputError, match="No space left on device; free some space") as error:
        train(tmp_path / "run", corpus)
    assert "\n" not in str(error.value)


def test_what_the_device_refuses_is_a_failed_row_and_is_tried_again(done, corpus, tmp_path, monkeypatch):
    real = CohortRun.run

    def refuse(self, stop, attempt):
        if self.cohort.shape == OTHER:
            raise jax.errors.JaxRuntimeError("INTERNAL: a fault of the device\nmore")
        return real(self, stop, attempt)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(CohortRun, "run", refuse)
        with pytest.raises(Partial, match="INTERNAL: a fault of the device"):
            train(out, corpus)
    row = by_trial(out)[TRIALS[2].id]
    assert (row["status"], row["reason"], row["loss"]) == ("failed", "INTERNAL: a fault of the device", None)
    assert [by_trial(out)[t.id]["status"] for t in TRIALS[:2]] == ["done", "done"]
    train(out, corpus)
    assert losses(out) == losses(done)


def test_a_process_whose_chunks_take_long_may_take_long(corpus, tmp_path, monkeypatch):
    """Else the watch would end a gang that is only slow, each time that it is started."""
    given: list[float | None] = []

    def doing(self: Watch, what: str, patience: float | None = None) -> None:
        given.extend([patience] * what.startswith("training"))

    monkeypatch.setattr(Watch, "doing", doing)
    monkeypatch.setattr(CohortRun, "longest", 1000.0)
    train(tmp_path / "slow", corpus)
    assert set(given) == {4000.0}
    monkeypatch.setattr(CohortRun, "longest", 1.0)
    given.clear()
    train(tmp_path / "fast", corpus)
    assert set(given) == {Times().stuck}


def out_of_memory(*_):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")


def test_out_of_memory_as_it_runs_recomputes_more_and_goes_on(done, corpus, tmp_path, monkeypatch):
    """The first choice runs out after a chunk; the next goes on, and changes no loss but by rounding."""
    real, failed = CohortRun.drain, []

    def drain(self, pending):
        real(self, pending)
        if self.machine.execution.remat == "none" and self.cohort.shape == OTHER:
            failed.append(self.cohort.hash)
            out_of_memory()

    monkeypatch.setattr(CohortRun, "drain", drain)
    out = tmp_path / "run"
    train(out, corpus)
    assert failed
    rows = by_trial(out)
    assert {rows[t.id]["remat"] for t in TRIALS if t.shape == OTHER} == {"dots"}
    assert {rows[t.id]["remat"] for t in TRIALS if t.shape != OTHER} == {"none"}
    for trial in TRIALS:
        assert rows[trial.id]["loss"] == pytest.approx(by_trial(done)[trial.id]["loss"], rel=1e-4)


def test_what_fits_no_choice_is_refused_and_leaves_its_rows(done, corpus, tmp_path, monkeypatch):
    real = CohortRun.run

    def run(self, stop, attempt):
        self.compile()
        return out_of_memory() if self.cohort.shape == OTHER else real(self, stop, attempt)

    monkeypatch.setattr(CohortRun, "run", run)
    out = tmp_path / "run"
    with pytest.raises(Refusal, match="even with everything recomputed") as refusal:
        train(out, corpus)
    assert refusal.value.code == "too_large"
    row = by_trial(out)[TRIALS[2].id]
    assert (row["status"], row["loss"]) == ("failed", None)
    assert [by_trial(out)[t.id]["status"] for t in TRIALS[:2]] == ["done", "done"]


def test_programs_to_come_are_compiled_while_one_trains(done, corpus, tmp_path, monkeypatch):
    """As on an accelerator: there is one device, and the second cohort is compiled before its turn."""
    monkeypatch.setattr(devices, "platform", lambda: "tpu")
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    first = threading.Event()
    real_compile, real_run = CohortRun.compile, CohortRun.run
    told = []

    def compile(self):
        real_compile(self)
        told.append((threading.current_thread().name.split("_")[0], self.cohort.hash))
        if len({h for _, h in told}) == 2:
            first.set()

    def run(self, stop, attempt):
        self.compile()
        assert first.wait(120)  # the other cohort's program is made while this one has its turn
        return real_run(self, stop)

    monkeypatch.setattr(CohortRun, "compile", compile)
    monkeypatch.setattr(CohortRun, "run", run)
    train(tmp_path / "run", corpus)
    assert [name for name, _ in told].count("compile") >= 1
    assert set(by_trial(tmp_path / "run")) == set(by_trial(done))


def test_a_fault_of_ours_is_not_hidden(corpus, tmp_path, monkeypatch):
    def broken(self, stop, attempt):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(CohortRun, "run", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        train(tmp_path / "run", corpus)
