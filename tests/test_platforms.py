"""Where a command would train and fit, who holds a device, and how much memory there is: with false /dev and /proc."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from sweep import cli, platforms
from sweep.errors import InputError
from sweep.fit import solver

ROOT = Path(__file__).parents[1]


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
    assert saying == {"run", "worker", "demo", "preview", "fit", "multiverse", "doctor", "reproduce"}
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
