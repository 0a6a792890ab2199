"""Which of JAX's platforms a command starts, and who holds a device: told from files, without starting anything.

A process that starts JAX's default backend takes the accelerator: a TPU serves one process, and of a GPU's memory JAX
asks for three quarters. So a verb says by its `device(args)` what it may start, and one that says nothing stays on the
CPU, whatever JAX_PLATFORMS asks for.
"""

import contextlib
import importlib.util
import os
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from sweep.errors import InputError
from sweep.files import cache

Device = Literal["cpu", "gpu", "any"]  # what a verb may start: the CPU, a GPU, or whatever JAX finds
Platform = Literal["cpu", "gpu", "tpu"]

KEEP_SECONDS = 0.5  # of compiling, from which a program is worth a file
DEV, PROC, GROUPS = Path("/dev"), Path("/proc"), Path("/sys/fs/cgroup")
LOCK = Path("/tmp/libtpu_lockfile")  # held open by the process in which libtpu runs
NODES = {  # what the drivers of JAX's platforms put under /dev, in the order in which JAX prefers the platforms
    "cuda": ("nvidia[0-9]*", "nvidiactl", "dxg"),
    "rocm": ("kfd",),
    "tpu": ("accel[0-9]*", "vfio/[0-9]*", "vfio/devices/*"),  # TPU v4 and before; v5e and later
}
HELD = ("nvidia", "dxg", "kfd", "accel", "vfio/")  # what a process has open that uses one of them
EXTRAS = {
    "cuda": "pip install 'isoflop[cuda12]'",
    "rocm": "pip install 'jax[rocm]'",
    "tpu": "pip install 'isoflop[tpu]'",
}
NAMES: dict[str, Platform] = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu", "rocm": "gpu", "tpu": "tpu"}


def nodes() -> dict[str, list[str]]:
    """Device nodes of each platform, such as {"cuda": ["/dev/nvidia0"], "rocm": [], "tpu": []}."""
    return {name: sorted(str(p) for glob in globs for p in DEV.glob(glob)) for name, globs in NODES.items()}


def plugins() -> dict[str, str]:
    """Modules that JAX starts a platform with, by its name; one of an unknown platform by its own."""
    spec = importlib.util.find_spec("jax_plugins")
    names = [m.name for m in pkgutil.iter_modules(spec.submodule_search_locations if spec else [])]
    names += [entry.value.rpartition(".")[2] for entry in entry_points(group="jax_plugins")]
    names += [pair.partition(":")[0] for pair in os.environ.get("PJRT_NAMES_AND_LIBRARY_PATHS", "").split(",") if pair]
    if os.environ.get("TPU_LIBRARY_PATH") or importlib.util.find_spec("libtpu"):
        names.append("libtpu")
    known = {name: f"xla_{name}" for name in NODES} | {"tpu": "libtpu"}
    return {next((p for p, start in known.items() if name.startswith((start, p))), name): name for name in names}


def usable() -> list[str]:
    """Platforms of which both a device and JAX's plugin are here, in JAX's order of preference."""
    there, found = nodes(), plugins()
    return [name for name in NODES if there[name] and name in found and not (name == "cuda" and hidden())]


def hidden() -> bool:
    """Whether CUDA_VISIBLE_DEVICES hides every GPU from this process."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "NoDevFiles")


def here() -> Platform:
    """Where a run on this machine would train: by JAX_PLATFORMS, else by what is installed and plugged in."""
    asked = [name.strip() for name in os.environ.get("JAX_PLATFORMS", "").split(",") if name.strip()]
    found = usable()
    gpus = [name for name in found if NAMES[name] == "gpu"]
    for name in asked or found:
        if NAMES.get(name) != "gpu" or gpus:  # JAX passes over a GPU that is asked for and not there
            return NAMES.get(name, "cpu")
    return "cpu"


def take(device: Device) -> None:
    """Confine JAX to the platforms that a command may start. To be called before any backend starts.

    Raises:
        InputError: a GPU is asked for and cannot be had.
    """
    import jax

    asked = os.environ.get("JAX_PLATFORMS", "")
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_platform_name", "")  # else JAX looks for the one that JAX_PLATFORM_NAME names
    elif device == "gpu":
        jax.config.update("jax_platforms", f"{gpu()},cpu")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a training run may hold most of its memory
    elif asked:
        if "cpu" not in asked.split(","):  # where the fitter of a TPU host works
            jax.config.update("jax_platforms", f"{asked},cpu")
    elif (chosen := automatic()) is not None:
        jax.config.update("jax_platforms", chosen)


def automatic() -> str | None:
    """What to start where nobody named a platform; None leaves it to JAX.

    JAX starts libtpu wherever it is installed. Without a TPU that prints warnings and fails, so there it is left out. A
    device without its plugin is left to JAX, which says what to install.
    """
    there, found = nodes(), plugins()
    alone = "tpu" in found and not there["tpu"]
    if not alone or not found.keys() <= NODES.keys() or any(there[name] and name not in found for name in NODES):
        return None
    return ",".join([*usable(), "cpu"])


def gpu() -> str:
    """JAX's name of the GPU that is here. Raises InputError, saying what was found, where there is none to be had."""
    asked = os.environ.get("JAX_PLATFORMS", "")
    allowed = not asked or any(NAMES.get(name.strip()) == "gpu" for name in asked.split(","))
    found = [name for name in usable() if NAMES[name] == "gpu"]
    if found and allowed:
        return found[0]
    why = no_gpu(nodes(), plugins()) if allowed else f"JAX_PLATFORMS={asked} forbids it"
    raise InputError(f"--device gpu: {why}; leave out --device to fit on the CPU")


def no_gpu(there: dict[str, list[str]], installed: dict[str, str]) -> str:
    """Why no GPU is usable, and how to get it."""
    for name in ("cuda", "rocm"):
        if there[name] and name not in installed:
            return f"{there[name][0]} is here, but not JAX's plugin for it: {EXTRAS[name]}"
    if there["cuda"]:
        return f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')} hides {there['cuda'][0]}"
    have = f"JAX's plugin for one is installed ({installed['cuda']})" if "cuda" in installed else EXTRAS["cuda"]
    return f"no GPU on this machine (no {DEV}/nvidia*); where there is one: {have}"


def keep_programs() -> None:
    """Compiled programs are kept on disk for the next process: compiling takes a fit most of its first minute.

    Nothing where JAX keeps them already (JAX_COMPILATION_CACHE_DIR), is told not to (JAX_ENABLE_COMPILATION_CACHE=0),
    or the folder cannot be written: it is `xla` in sweep.files.cache.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    chosen = jax.config.values
    if chosen["jax_compilation_cache_dir"] or not chosen["jax_enable_compilation_cache"]:
        return
    folder = cache() / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", KEEP_SECONDS)
    compilation_cache.reset_cache()  # JAX looks once, at its first program, whether there is one


def fitting_devices() -> list[Any]:
    """Devices of this process on which laws are fitted: JAX's default, but the CPU beside a TPU.

    A TPU has no float64: XLA emulates it, slowly.
    """
    import jax

    return jax.local_devices(backend="cpu") if jax.default_backend() == "tpu" else jax.local_devices()


@dataclass(frozen=True)
class Holder:
    """A process that has accelerators open: their nodes, or the lock file of libtpu."""

    pid: int
    command: str
    nodes: tuple[str, ...]


def holders() -> tuple[list[Holder], int]:
    """Other processes that hold a device, and how many processes could not be looked into (those of other users).

    In a container only its own processes are seen.
    """
    found, closed = [], 0
    for folder in sorted((p for p in PROC.glob("[0-9]*") if p.name != str(os.getpid())), key=lambda p: int(p.name)):
        try:
            held = sorted({path for path in open_files(folder) if is_device(path)})
            if held:
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
                found.append(Holder(int(folder.name), " ".join(words), tuple(held)))
        except PermissionError:
            closed += 1
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found, closed


def open_files(folder: Path) -> Iterator[str]:
    """Paths that the process of a folder of /proc has open."""
    for link in (folder / "fd").iterdir():
        try:
            yield os.readlink(link)
        except FileNotFoundError:  # closed meanwhile
            continue


def is_device(path: str) -> bool:
    """Whether a path is a device of an accelerator or libtpu's lock."""
    return path.startswith(tuple(f"{DEV}/{name}" for name in HELD)) or path == str(LOCK)


def host_memory() -> int:
    """Bytes that this process may take: the memory of the machine, or less where a container or SLURM limits it."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *group_limits()])


def group_limits() -> Iterator[int]:
    """Limits in bytes of the control groups (Linux) that this process is in, of either version.

    A process in a container may see its group under another path than the host does; the limit then stands at the root.
    """
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (GROUPS / "memory", "memory.limit_in_bytes") if controllers else (GROUPS, "memory.max")
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError):
                limit = (folder / name).read_text().strip()
                if limit.isdigit():  # else "max"
                    yield int(limit)
            if folder == root:
                break
