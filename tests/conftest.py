"""Shared by every test: eight CPU devices, strict ranks, and where the published tables lie."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["SWEEP_RAISE"] = "1"  # an exception that nobody foresaw fails a test with its traceback

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and all that they start

DATASETS = Path(os.environ.get("SWEEP_DATASETS", Path(__file__).parents[2] / "shared" / "datasets"))


MOST_MAPS = 20_000  # regions of memory; Linux grants a process 65,530, and a program of XLA's takes about ten


@pytest.fixture(scope="session", autouse=True)
def options_are_spoken_of() -> None:
    """Messages are tested in the words of the command line; tests/test_wording.py has those of Python."""
    from sweep.errors import SweepError

    SweepError.on_command_line = True


@pytest.fixture(scope="module", autouse=True)
def few_programs() -> Iterator[None]:
    """Let go of compiled programs before a worker has so many that the next one cannot be mapped and breaks it."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A compiled program is reused by every test that asks for the same one."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    yield
    jax.config.update("jax_compilation_cache_dir", None)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of published loss tables; they are read in place and never copied."""
    if not (DATASETS / "reference_fits.json").exists():
        pytest.skip(f"no published tables at {DATASETS}; set SWEEP_DATASETS")
    return DATASETS


@pytest.fixture
def store_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bucket://b/, a store for tests (tests/storage/bucket.py), keeps its objects."""
    from sweep.storage import store
    from tests.storage import bucket

    monkeypatch.setattr(store, "WAITS", (0.0, 0.0, 0.0))
    bucket.register(tmp_path / "store")
    return tmp_path / "store" / "b"
