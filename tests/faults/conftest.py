"""A tiny sweep, trained once, whose copies are damaged by the tests."""

import shutil
from collections.abc import Callable
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
def programs(compile_cache: None) -> None:
    """Compiled once."""


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
