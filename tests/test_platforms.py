"""Which commands start an accelerator, which never do, and who holds one: with a false plugin, /dev and /proc."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pyarrow as pa
import pytest
from pyarrow import csv

from sweep import cli, platforms
from sweep.config import Sweep
from sweep.design import table
from sweep.errors import InputError
from sweep.fit import solver
from sweep.train import store
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
    "doctor": [],
}


@pytest.fixture(scope="module")
def safe(machine) -> dict:
    return machine.call(*([*verb.split(), *words] for verb, words in SAFE.items()))


def test_every_verb_is_tried():
    assert set(SAFE) | {"run", "demo"} == set(cli.VERBS)


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


@pytest.fixture
def dev(monkeypatch, tmp_path):
    """Makes nodes in a /dev of its own, and plugins; no variable of the environment speaks of platforms."""
    for name in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "TPU_LIBRARY_PATH", "PJRT_NAMES_AND_LIBRARY_PATHS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platforms, "DEV", tmp_path)

    def make(*nodes: str, plugins: tuple[str, ...] = ()):
        for node in nodes:
            (tmp_path / node).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / node).write_text("")
        monkeypatch.setattr(platforms, "plugins", lambda: {name: f"xla_{name}" for name in plugins})
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("nodes", "plugins", "where"),
    [
        ([], [], "cpu"),
        ([], ["cuda", "tpu"], "cpu"),
        (["nvidia0", "nvidiactl"], ["cuda"], "gpu"),
        (["nvidia0", "nvidiactl"], ["tpu"], "cpu"),
        (["nvidia-modeset"], ["cuda"], "cpu"),
        (["accel0"], ["tpu"], "tpu"),
        (["accel/accel0"], ["tpu"], "cpu"),  # the folder of Linux's own accelerators, such as an NPU
        (["vfio/0", "vfio/vfio"], ["tpu"], "tpu"),
        (["vfio/vfio"], ["tpu"], "cpu"),  # there with any virtual machine
    ],
)
def test_where_a_run_would_train(dev, nodes, plugins, where):
    dev(*nodes, plugins=tuple(plugins))
    assert platforms.here() == where


@pytest.mark.parametrize(
    ("asked", "where"), [("cpu", "cpu"), ("cuda", "gpu"), ("gpu,cpu", "gpu"), ("tpu,cpu", "tpu"), (" ", "gpu")]
)
def test_where_a_run_would_train_by_the_environment(dev, monkeypatch, asked, where):
    dev("nvidia0", plugins=("cuda",))
    monkeypatch.setenv("JAX_PLATFORMS", asked)
    assert platforms.here() == where


def test_a_gpu_that_is_asked_for_and_not_there_is_passed_over(dev, monkeypatch):
    dev(plugins=("cuda",))
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
    assert platforms.here() == "cpu"


@pytest.mark.parametrize(
    ("nodes", "plugins", "chosen"),
    [
        ([], [], None),  # nothing to leave out
        ([], ["tpu"], "cpu"),
        ([], ["cuda", "tpu"], "cpu"),
        (["nvidia0"], ["cuda", "tpu"], "cuda,cpu"),
        (["nvidia0"], ["tpu"], None),  # JAX says that the plugin of the GPU is missing
        (["accel0"], ["tpu"], None),
        (["vfio/0"], ["tpu"], None),
        ([], ["tpu", "metal"], None),  # a platform that is not known here
    ],
)
def test_libtpu_is_left_out_where_there_is_no_tpu(dev, nodes, plugins, chosen):
    dev(*nodes, plugins=tuple(plugins))
    assert platforms.automatic() == chosen


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")
@pytest.mark.skipif(any(platforms.nodes().values()), reason="this machine has an accelerator")
def test_a_start_beside_libtpu_without_a_tpu_is_silent(machine):
    """JAX by itself starts libtpu here, which prints warnings from C++."""
    found = machine.call(["doctor", "--on-device"], plugin="", name="none")
    assert (found["codes"], found["stderr"], found["started"]) == ([0], "", ["cpu"])


@pytest.mark.parametrize(
    ("nodes", "plugins", "env", "why"),
    [
        ([], [], {}, "no GPU on this machine .* pip install 'isoflop.cuda12.'"),
        ([], ["cuda"], {}, r"no GPU on this machine .*installed \(xla_cuda\)"),
        (["nvidia0"], [], {}, "nvidia0 is here, but not JAX's plugin for it: pip install 'isoflop.cuda12.'"),
        (["nvidia0"], ["cuda"], {"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES=-1 hides .*nvidia0"),
        (["nvidia0"], ["cuda"], {"JAX_PLATFORMS": "cpu"}, "JAX_PLATFORMS=cpu forbids it"),
        (["accel0"], ["tpu"], {}, "no GPU on this machine"),
    ],
)
def test_no_gpu_to_fit_on_is_told_in_one_line(dev, monkeypatch, nodes, plugins, env, why):
    dev(*nodes, plugins=tuple(plugins))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"^--device gpu: .*{why}") as told:
        platforms.take("gpu")
    assert "\n" not in str(told.value)
    assert "leave out --device" in str(told.value)


def test_a_lost_gpu_loses_nothing(machine):
    found = machine.call(["fit", "losses.csv", "--device", "gpu", "--out", "never"])
    assert found["codes"] == [1]
    assert "no GPU on this machine" in found["said"][0]
    assert not (machine.folder / "never").exists()


def test_a_run_on_a_tpu_keeps_a_cpu_for_the_fitter(dev, monkeypatch):
    told = {}
    monkeypatch.setattr(jax.config, "update", lambda name, value: told.update({name: value}))
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    platforms.take("any")
    assert told == {"jax_platforms": "tpu,cpu"}


def test_laws_are_fitted_on_the_cpu_beside_a_tpu(monkeypatch):
    cpus, asked = jax.local_devices(), []

    def local_devices(backend=None):
        asked.append(backend)
        return cpus

    monkeypatch.setattr(jax, "local_devices", local_devices)
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert solver.layout(100).devices == len(cpus)
    assert asked == ["cpu"]


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


@pytest.fixture
def proc(monkeypatch, tmp_path, dev):
    """Makes processes in a /proc of its own: pid, words of the command, what is open."""
    root = tmp_path / "proc"
    monkeypatch.setattr(platforms, "PROC", root)
    monkeypatch.setattr(platforms, "LOCK", tmp_path / "libtpu_lockfile")

    def make(pid: int, *words: str, opened: tuple[str, ...]) -> Path:
        (root / str(pid) / "fd").mkdir(parents=True)
        (root / str(pid) / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
        for number, path in enumerate(opened):
            (root / str(pid) / "fd" / str(number)).symlink_to(path)
        return root / str(pid)

    return make


def test_who_holds_a_device(proc, tmp_path):
    dev = tmp_path
    proc(
        20,
        "sweep",
        "run",
        "configs/gpu.py",
        opened=("/dev/null", f"{dev}/nvidia0", f"{dev}/nvidia0", f"{dev}/nvidia-uvm"),
    )
    proc(3, "python", "train.py", opened=(f"{dev}/vfio/0", f"{dev}/libtpu_lockfile"))
    proc(100, "old", opened=(f"{dev}/accel0",))
    proc(5, "editor", opened=("/dev/tty", "/home/nvidia0", f"{dev}/null"))
    proc(os.getpid(), "this", opened=(f"{dev}/nvidia0",))
    (tmp_path / "proc" / "self").mkdir()
    assert platforms.holders() == (
        [
            platforms.Holder(3, "python train.py", (f"{dev}/libtpu_lockfile", f"{dev}/vfio/0")),
            platforms.Holder(20, "sweep run configs/gpu.py", (f"{dev}/nvidia-uvm", f"{dev}/nvidia0")),
            platforms.Holder(100, "old", (f"{dev}/accel0",)),
        ],
        0,
    )


def test_processes_that_end_or_belong_to_others(proc, tmp_path, monkeypatch):
    (proc(7, "ended", opened=()) / "fd").rmdir()
    proc(8, "other", opened=(f"{tmp_path}/nvidia0",))
    proc(9, "mine", opened=(f"{tmp_path}/nvidia0",))
    look = platforms.open_files

    def guarded(folder: Path):
        if folder.name == "8":
            raise PermissionError
        return look(folder)

    monkeypatch.setattr(platforms, "open_files", guarded)
    found, closed = platforms.holders()
    assert ([h.pid for h in found], closed) == ([9], 1)


def test_a_device_that_this_process_really_holds_is_seen(monkeypatch, tmp_path):
    """The real /proc: another process has a node of a false /dev open, until it ends."""
    node = tmp_path / "nvidia0"
    node.write_text("")
    monkeypatch.setattr(platforms, "DEV", tmp_path)
    command = [sys.executable, "-c", f"file = open({str(node)!r}); print('open', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        (held,) = [h for h in platforms.holders()[0] if str(node) in h.nodes]
        assert held.pid == process.pid
        assert "nvidia0" in held.command
        process.communicate("\n")
    assert not [h for h in platforms.holders()[0] if str(node) in h.nodes]


def test_verbs_say_what_they_may_start():
    modules = {name: importlib.import_module(path) for name, (path, _) in cli.VERBS.items()}
    saying = {name for name, module in modules.items() if hasattr(module, "device")}
    assert saying == {"run", "demo", "preview", "fit", "multiverse", "doctor"}
    assert cli.device_of(modules["status"], modules["status"].Args("runs/x")) == "cpu"
    for verb in ("fit", "multiverse"):
        args = modules[verb].Args
        assert [cli.device_of(modules[verb], args("t.csv", device=d)) for d in ("cpu", "gpu")] == ["cpu", "gpu"]


# Memory


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """groups(lines of /proc/self/cgroup, {file below /sys/fs/cgroup: text}) -> the least limit, or None."""

    def limit(lines: str, files: dict[str, str]) -> int | None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(lines)
        for name, text in files.items():
            (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "cgroup" / name).write_text(text)
        monkeypatch.setattr(platforms, "PROC", tmp_path / "proc")
        monkeypatch.setattr(platforms, "GROUPS", tmp_path / "cgroup")
        return min(platforms.group_limits(), default=None)

    return limit


@pytest.mark.parametrize(
    ("lines", "files", "least"),
    [
        ("0::/\n", {"memory.max": "4294967296\n"}, 2**32),  # docker, version 2: the container's group is the root
        ("0::/\n", {"memory.max": "max\n"}, None),
        (
            "0::/job/step\n",
            {"job/step/memory.max": "max\n", "job/memory.max": "1073741824\n"},
            2**30,
        ),  # SLURM: the job's
        (
            "4:memory:/docker/abc\n3:cpuset:/docker/abc\n0::/\n",  # version 1, from inside: the root alone
            {"memory/memory.limit_in_bytes": "2147483648\n", "cpuset/memory.limit_in_bytes": "1\n"},
            2**31,
        ),
        ("0::/gone\n", {}, None),
    ],
)
def test_limits_of_control_groups(groups, lines, files, least):
    assert groups(lines, files) == least


def test_memory_of_the_host_is_cut_to_the_limit(groups):
    groups("0::/\n", {"memory.max": "123456789\n"})
    assert platforms.host_memory() == 123456789


def test_without_control_groups_it_is_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "PROC", tmp_path)
    with open("/proc/meminfo") as file:
        assert platforms.host_memory() == pytest.approx(1024 * int(file.readline().split()[1]), rel=0.01)


KEEPS = """
import jax, jax.numpy as jnp, os
jax.jit(lambda x: x + 1)(jnp.ones(3))  # a program of the user's, before anything of ours
from sweep import platforms
platforms.KEEP_SECONDS = 0.0
platforms.keep_programs()
jax.jit(lambda x: x * 2)(jnp.ones(3))
print(len([f for _, _, files in os.walk(os.environ["SWEEP_CACHE"]) for f in files]))
"""


@pytest.mark.parametrize(("extra", "kept"), [({}, True), ({"JAX_ENABLE_COMPILATION_CACHE": "0"}, False)])
def test_programs_are_kept_for_users_of_the_library(tmp_path, extra, kept):
    environment = {**os.environ, "SWEEP_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **extra}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    found = subprocess.run([sys.executable, "-c", KEEPS], env=environment, capture_output=True, text=True, check=True)
    assert (int(found.stdout) > 0) == kept


def test_a_place_that_is_set_stays(monkeypatch, tmp_path):
    before = jax.config.values["jax_compilation_cache_dir"]
    try:
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        platforms.keep_programs()
        assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
