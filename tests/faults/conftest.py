"""A tiny sweep, trained once, whose copies are damaged by the tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest

from sweep.train.data.shards import Corpus, open_folder
from tests.faults.register import Fault
from tests.faults.tiny import train
from tests.train import corpora


@pytest.fixture
def stated(request: pytest.FixtureRequest) -> Fault:
    """What the test states."""
    return request.function.fault


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A compiled program is reused by every test that asks for the same one."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    yield
    jax.config.update("jax_compilation_cache_dir", None)


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cohort after the other."""
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return open_folder(corpora.write(tmp_path_factory.mktemp("faults") / "tokens"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Path:
    """The directory of a sweep that met no fault."""
    out = tmp_path_factory.mktemp("faults") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
        train(out, corpus)
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Callable[[], Path]:
    """copy() -> a copy of that directory."""

    def made(name: str = "run") -> Path:
        return Path(shutil.copytree(whole, tmp_path / name))

    return made
