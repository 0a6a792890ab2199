"""What each verb may start, as real commands beside a plugin that tells of every start."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from sweep import cli, platforms
from sweep.config import Sweep
from sweep.design import table
from sweep.train import store
from tests.bundle.conftest import write_trained
from tests.plan.test_suggest import families
from tests.report.simulated import build
from tests.train import corpora
from tests.train.tiny import make_trial

ROOT = Path(__file__).parents[1]

# A plugin as JAX finds it: preferred over every other, it writes down that it was started, and breaks.
PLUGIN = """
import os
from pathlib import Path

def start():
    Path(os.environ["FALSE_CHIP"]).write_text("started")
    raise OSError("the false chip was started")

def initialize():
    from jax._src import xla_bridge
    xla_bridge.register_backend_factory("{name}", start, priority=900, fail_quietly=False)
"""

# Runs each command of a JSON list by the command line; prints their exit codes and the backends that were started.
DRIVER = """
import contextlib, io, json, sys, traceback
from pathlib import Path
from sweep import cli, platforms

platforms.DEV = Path(sys.argv[2])
codes, said = [], []
for words in json.loads(sys.argv[1]):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            code = cli.main(words)
        except SystemExit as stop:
            code = stop.code or 0
        except Exception:
            code = traceback.format_exc()
    codes.append(code)
    said.append(text.getvalue())
from jax.extend import backend
try:
    started = sorted(backend.backends())
except RuntimeError:
    started = None
print(json.dumps({"codes": codes, "said": said, "started": started}))
"""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A folder with inputs for every verb, and a machine whose JAX has a plugin for a chip that breaks when started."""

    folder: Path

    def call(
        self, *commands: list[str], plugin: str = "false_chip", name: str = "chip", nodes: str = "", **env
    ) -> dict:
        """Exit codes, texts and started backends of commands in one process, and whether the chip was `touched`."""
        made = self.folder / "plugins" / name
        dev, touched = made / "dev", made / "touched"
        dev.mkdir(parents=True, exist_ok=True)
        if plugin:
            (made / "jax_plugins" / plugin).mkdir(parents=True, exist_ok=True)
            (made / "jax_plugins" / plugin / "__init__.py").write_text(PLUGIN.format(name=name))
        touched.unlink(missing_ok=True)
        if nodes:
            (dev / nodes).write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
        kept |= {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{made}",
            "SWEEP_CACHE": str(self.folder / "cache"),
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            "FALSE_CHIP": str(touched),
        }
        command = [sys.executable, "-c", DRIVER, json.dumps(commands), str(dev)]
        done = subprocess.run(
            command, cwd=self.folder, env=kept | env, capture_output=True, text=True, timeout=400, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        return {**found, "touched": touched.exists(), "stderr": done.stderr}


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Machine:
    folder = tmp_path_factory.mktemp("machine")
    (folder / "run").mkdir()
    corpora.write_config(folder / "run").rename(folder / "tiny.py")
    csv.write_csv(pa.table(families()), folder / "losses.csv")
    build(folder / "simulated")
    store.claim(folder / "begun", Sweep(name="t", budgets=(1e9,)), {"fingerprint": "f"})
    table.write([make_trial(steps=20)], folder / "begun" / "plan.parquet")
    (folder / "text").mkdir()
    (folder / "text" / "a.txt").write_text("".join(f"{i} is a number\n" for i in range(9000)))
    write_trained(folder / "kept", corpora.write(folder / "kept tokens"))
    (folder / "histories").mkdir()
    for params in ("1e6", "2e6"):
        (folder / "histories" / f"gpt-{params}.csv").write_text("step,tokens,loss\n1,1000000,5.0\n2,2000000,4.5\n")
    return Machine(folder)


SAFE = {  # a real call of every verb that leaves the accelerator alone, in an order in which each finds its input
    "preview": ["tiny.py", "--no-probe", "--prior.noise", "0.001"],
    "status": ["begun"],
    "data build": ["text", "--out", "shards"],
    "check": ["losses.csv"],
    "fit": ["losses.csv", "--bootstrap", "100", "--no-diagnostics", "--out", "fit"],
    "compare": ["losses.csv", "--laws", "additive"],
    "backtest": ["losses.csv", "--resamples", "20"],
    "multiverse": [
        "losses.csv",
        "--laws",
        "additive",
        "--objectives",
        "huber",
        "--resamples",
        "20",
        "--subsets",
        "all",
    ],
    "predict": ["fit", "--params", "1e9", "--tokens", "2e10"],
    "plan": ["fit", "--compute", "1e22"],
    "forecast": ["fit", "--params", "1e9", "--tokens", "2e10", "--name", "big"],
    "forecast score": ["fit", "--trial", "big", "--loss", "2.5"],
    "forecast list": ["fit"],
    "forecast verify": ["fit"],
    "suggest": ["fit", "--target-compute", "1e22", "--spend", "1e20"],
    "laws": [],
    "report": ["simulated"],
    "import": ["histories", "--named", "gpt-{params}", "--out", "imported"],
    "bundle": ["kept", "--out", "bundle.tar.gz"],
    "reproduce": ["bundle.tar.gz"],
    "doctor": [],
}


@pytest.fixture(scope="module")
def safe(machine) -> dict:
    return machine.call(*([*verb.split(), *words] for verb, words in SAFE.items()))


def test_every_verb_is_tried():
    assert set(SAFE) | {"run", "worker", "demo", "verify-resume"} == set(cli.VERBS)


@pytest.mark.slow
@pytest.mark.parametrize("verb", SAFE)
def test_a_verb_that_does_not_train_works_on_the_cpu(safe, verb):
    at = list(SAFE).index(verb)
    assert safe["codes"][at] == 0, safe["said"][at]


@pytest.mark.slow
def test_none_of_them_starts_an_accelerator(safe):
    assert not safe["touched"]
    assert safe["started"] == ["cpu"]


@pytest.mark.parametrize("env", [{"JAX_PLATFORMS": "chip"}, {"JAX_PLATFORM_NAME": "chip"}], ids=str)
def test_whatever_the_environment_asks_for(machine, env):
    found = machine.call(["laws"], ["fit", "losses.csv", "--bootstrap", "0", "--no-diagnostics"], ["doctor"], **env)
    assert (found["codes"], found["touched"], found["started"]) == ([0, 0, 0], False, ["cpu"])


@pytest.mark.parametrize(
    "words",
    [
        ["run", "tiny.py", "--out", "trained"],
        ["demo", "--config", "tiny.py", "--out", "shown"],
        ["preview", "tiny.py", "--prior.noise", "0.001"],
        ["doctor", "--on-device"],
    ],
    ids=lambda words: words[0],
)
def test_training_and_measuring_reach_for_it(machine, words):
    found = machine.call(words)
    assert found["touched"]
    (code,), (said,) = found["codes"], found["said"]
    assert "the false chip was started" in said
    if words[0] == "doctor":  # a check that fails, with the rest told
        assert code == 2
        assert "BAD devices" in said
    else:
        assert code == 1, code
        assert said.count("error:") == 1
        assert "`sweep doctor` shows what is here and who holds it" in said


def test_the_cpu_can_be_forced_on_what_would_reach_for_it(machine):
    found = machine.call(["doctor", "--on-device"], JAX_PLATFORMS="cpu")
    assert (found["codes"], found["touched"], found["started"]) == ([0], False, ["cpu"])


@pytest.mark.parametrize("verb", ["fit", "multiverse"])
def test_a_fit_reaches_for_a_gpu_when_asked_to(machine, verb):
    found = machine.call([verb, "losses.csv", "--device", "gpu"], plugin="xla_rocm_false", name="rocm", nodes="kfd")
    assert (found["codes"], found["touched"]) == ([1], True), found["said"]


# What is here


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")
@pytest.mark.skipif(any(platforms.nodes().values()), reason="this machine has an accelerator")
def test_a_start_beside_libtpu_without_a_tpu_is_silent(machine):
    """JAX by itself starts libtpu here, which prints warnings from C++."""
    found = machine.call(["doctor", "--on-device"], plugin="", name="none")
    assert (found["codes"], found["stderr"], found["started"]) == ([0], "", ["cpu"])


def test_a_lost_gpu_loses_nothing(machine):
    found = machine.call(["fit", "losses.csv", "--device", "gpu", "--out", "never"])
    assert found["codes"] == [1]
    assert "no GPU on this machine" in found["said"][0]
    assert not (machine.folder / "never").exists()


def test_the_plan_of_a_preview_is_for_where_it_would_train(machine):
    found = machine.call(
        ["preview", "tiny.py", "--prior.noise", "0.001", "--no-probe", "--json"],
        ["preview", "tiny.py", "--prior.noise", "0.001", "--no-probe", "--platform", "gpu", "--json"],
        ["preview", "tiny.py", "--platform", "gpu"],
    )
    assert found["codes"] == [0, 0, 1]
    dtypes = [json.loads(text)["cohorts"][0]["shape"]["dtype"] for text in found["said"][:2]]
    assert dtypes == ["float32", "bfloat16"]
    assert "add --no-probe" in found["said"][2]


# Who holds a device
