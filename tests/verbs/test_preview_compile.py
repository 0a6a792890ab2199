"""`sweep preview --compile`: the keys it promises, what it refuses, and what is kept when it is stopped."""

import dataclasses
import json
import math

import jax
import pytest

from sweep import cli
from sweep.config import Data, Memory, load
from sweep.design.cohorts import cohorts
from sweep.errors import InputError
from sweep.train.ahead import compile as ahead
from sweep.train.ahead.collectives import Traffic
from sweep.train.ahead.targets import Target
from sweep.train.devices import KINDS
from sweep.verbs import preview_compile
from tests.tpu import needs_libtpu

KEYS = {
    "hash", "params", "mesh", "rows", "mode", "attention", "remat", "micro_batches", "temp_bytes", "argument_bytes",
    "limit_bytes", "fits", "collectives", "crossing", "flops_ratio", "compile_s", "roofline_step_s",
}  # fmt: skip
SMOKE = load("configs/smoke.py")
GIB = 2**30
GOOD = ahead.Compiled(
    temp_bytes=3 * GIB,
    argument_bytes=GIB,
    used_bytes=4 * GIB,
    limit_bytes=16 * GIB,
    fits=True,
    compile_s=2.0,
    flops_ratio=1.25,
    traffic=(Traffic("all-gather", (12,), 2, 24, 24 * 2**20), Traffic("all-reduce", None, 1, None, None)),
)


@pytest.fixture(autouse=True)
def settings():
    """jax's settings as they were: the verb changes them for its process."""
    cache, platforms = jax.config.values["jax_enable_compilation_cache"], jax.config.values["jax_platforms"]
    yield
    jax.config.update("jax_enable_compilation_cache", cache)
    jax.config.update("jax_platforms", platforms)


@pytest.fixture
def told(monkeypatch):
    """Results that the compiler is said to give, one a cohort; the devices are those of this machine, called v5e."""
    here = Target("v5e:2x4", "cpu", "TPU v5 lite", tuple(jax.local_devices()), 2, 16 * GIB, KINDS["TPU v5e"])
    monkeypatch.setattr(preview_compile, "target", lambda name: here)

    def set_results(*results):
        rest = list(results)

        def give(*_):
            result = rest.pop(0) if len(rest) > 1 else rest[0]
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(preview_compile, "compiled", give)

    return set_results


def run(price: float = 0.0, sweep=SMOKE, **given):
    said: list[str] = []
    assumed = {"assume_tokens": 1e9, "assume_vocab": 256} | given
    return preview_compile.run(sweep, name="v5e:2x4", price=price, say=said.append, **assumed), said


def test_the_keys_and_the_table(told):
    told(GOOD)
    output, said = run()
    assert output.code == 0
    assert set(output.data) == {"cohorts", "target", "versions", "hours", "hosts", "devices_per_host", "placement"}
    assert output.data["target"] == "v5e:2x4"
    assert {"jax", "jaxlib"} <= set(output.data["versions"])
    assert all(set(row) == KEYS for row in output.data["cohorts"])
    assert json.loads(json.dumps(output.data, allow_nan=False)) == output.data
    assert said[0].startswith("compiling 1 of 4")
    assert "to go" in said[1]
    for row in output.data["cohorts"]:
        assert row["hash"] in output.text
    assert "24, 25.2 MB" in output.text  # what is outside of the steps is not counted as of one
    assert "x1.25" in output.text
    assert "a bound and no forecast" in output.text


def test_hours_are_the_bound_times_the_steps_of_each_cohort_and_dollars_their_price(told):
    told(GOOD)
    output, _ = run(price=3.0)
    groups = cohorts(preview_compile.plan_of(SMOKE, "cpu", 1e9, 256).trials)
    slowest = shared_out = 0.0
    for cohort, row in zip(groups, output.data["cohorts"], strict=True):
        assert row["hash"] == cohort.hash
        longest = max(t.steps for t in cohort.trials)
        shared = max(t.branch_step for t in cohort.trials) + sum(t.cooldown for t in cohort.trials)  # one trunk
        work = shared if len(cohort.trials) > 1 else longest
        seconds = row["roofline_step_s"] * max(longest, work / row["mesh"]["trial"])
        slowest, shared_out = max(slowest, seconds), shared_out + seconds * math.prod(row["mesh"].values()) / 8
    assert output.data["hours"] == pytest.approx(max(slowest, shared_out) / 3600)
    assert output.data["dollars"] == pytest.approx(output.data["hours"] * 3.0 * 8)


def test_a_cohort_that_does_not_fit_names_what_could_hold_it(told):
    large = dataclasses.replace(GOOD, temp_bytes=60 * GIB, used_bytes=61 * GIB, fits=False)
    told(GOOD, large, GOOD)
    output, _ = run(sweep=dataclasses.replace(SMOKE, memory=Memory("none", 1)))
    assert output.code == 2
    line = next(x for x in output.text.splitlines() if x.startswith("refused"))
    assert "needs 65.5 GB of 17.2 GB a device; tpu7x, v5p, h200 could hold it, or more devices" in line  # no h100: 63.7
    assert [row["fits"] for row in output.data["cohorts"]] == [True, False, True, True]


def test_the_first_choice_that_fits_is_told(told):
    large = dataclasses.replace(GOOD, temp_bytes=60 * GIB, used_bytes=61 * GIB, fits=False)
    told(large, large, GOOD)
    output, _ = run()
    assert output.code == 0
    first, second, *_ = output.data["cohorts"]
    assert (first["remat"], first["micro_batches"]) == ("full", 1)
    assert first["compile_s"] == 3 * GOOD.compile_s
    assert (second["remat"], second["micro_batches"]) == ("none", 1)


def test_more_than_any_device_has_is_said(told):
    told(dataclasses.replace(GOOD, temp_bytes=500 * GIB, used_bytes=501 * GIB, fits=False))
    assert "no device could hold it: more devices, or a smaller --recipe.batch-tokens" in run()[0].text


def test_collectives_between_trials_are_refused(told):
    told(dataclasses.replace(GOOD, crossing=3))
    output, _ = run()
    assert output.code == 2
    assert "3 collectives between trials" in output.text


def test_a_program_that_the_compiler_refuses_is_told_and_the_others_are_compiled(told):
    told(dataclasses.replace(GOOD, fits=False, error="Mosaic: no such tile"), GOOD)
    output, _ = run()
    assert output.code == 2
    assert output.data["cohorts"][0]["error"] == "Mosaic: no such tile"
    assert len(output.data["cohorts"]) == 4
    assert "does not compile for v5e:2x4 with xla attention: Mosaic: no such tile" in output.text


def test_an_interrupt_keeps_what_is_compiled(told):
    told(GOOD, GOOD, KeyboardInterrupt())
    output, said = run()
    assert output.code == 3
    assert len(output.data["cohorts"]) == 2
    assert output.data["hours"] is None
    assert said[-1] == "interrupted: 2 of 4 cohorts are compiled"
    assert "stopped  2 of 4 cohorts" in output.text


def test_repeated_text_is_noted_and_not_refused(told):
    told(GOOD)
    output, _ = run(assume_tokens=1e4)
    assert output.code == 0
    assert "--data.allow-repeat" in output.text
    assert "--data.allow-repeat" not in run()[0].text


@pytest.mark.parametrize(
    "assumed", [(1e9, 0), (0.0, 256), (-1e9, 256), (1e9, 1), (1e9, 2**33), (1e300, 256), (float("inf"), 256)]
)
def test_both_assumptions_stand_for_a_corpus(told, assumed):
    told(GOOD)
    with pytest.raises(InputError, match="both stand for a corpus"):
        run(assume_tokens=assumed[0], assume_vocab=assumed[1])


def test_without_a_corpus_the_way_round_it_is_named(told):
    absent = dataclasses.replace(SMOKE, data=Data(path="no/such/folder"))
    with pytest.raises(InputError, match=r"no/such/folder.*--assume-tokens 6e10 --assume-vocab 32768"):
        preview_compile.run(absent, name="v5e:2x4")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--price", "2"], "--price goes with --topology or --compile"),
        (["--assume-tokens", "1e9", "--assume-vocab", "256"], "add --no-probe or --compile"),
        (["--no-probe", "--hours", "3"], "--hours needs the probe"),
        (["--compile", "local", "--devices", "4"], "do not go with --compile"),
        (["--compile", "v5e:3x3"], "no such slice of v5e; the nearest is v5e:2x4"),
        (["--compile", "local", "--price", "-1"], "--price -1"),
    ],
)
def test_bad_words_are_one_line(words, why, capsys):
    assert cli.main(["preview", "configs/smoke.py", *words]) == 1
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


ONE = [
    "preview",
    "configs/smoke.py",
    "--params",
    "8000",
    "--budgets",
    "4e9",
    "--architecture.attention",
    "xla",
    "--json",
]


def test_the_whole_command_on_this_machine(capfd):
    assert cli.main([*ONE, "--compile", "local", "--assume-tokens", "1e8", "--assume-vocab", "256"]) == 0
    out, err = capfd.readouterr()
    data = json.loads(out)
    assert data["target"] == "local"
    assert data["hours"] is None  # nobody knows the peak of a CPU
    (row,) = data["cohorts"]
    assert (row["fits"], row["crossing"]) == (True, 0)
    assert row["temp_bytes"] > 0
    assert "compiling 1 of 1" in err


@needs_libtpu
def test_the_whole_command_for_a_tpu(capfd):
    words = ["--compile", "v5e:2x4", "--assume-tokens", "1e8", "--assume-vocab", "256", "--price", "1.2"]
    assert cli.main([*ONE, *words]) == 0
    out, err = capfd.readouterr()
    data = json.loads(out)
    (row,) = data["cohorts"]
    assert set(row) == KEYS
    assert (row["fits"], row["crossing"], row["mesh"]) == (True, 0, {"trial": 1, "data": 1})
    assert row["limit_bytes"] == int(15.75 * GIB)
    assert data["dollars"] == pytest.approx(data["hours"] * 8 * 1.2)
    assert data["versions"]["libtpu"].startswith("0.0.")
    assert err.splitlines() == [line for line in err.splitlines() if line.startswith("compiling")]
