"""The installed package has one name at the top: no folder of a user's hides a part of it, and it hides nobody's."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THEIRS = 'raise SystemExit("the user\'s own module was imported")\n'


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from this tree."""
    builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder of packages that holds what the wheel installs."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def as_user(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True)


def test_a_wheel_holds_every_source_file_once_and_one_name_at_the_top(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert len(names) == len(set(names))
    assert {name.split("/")[0] for name in names} == {"sweep"}
    parts = {"sweep": "sweep", "models": "sweep/models", "configs": "sweep/configs"}
    sources = {f"{to}/{p.relative_to(ROOT / part)}" for part, to in parts.items() for p in (ROOT / part).rglob("*.py")}
    assert sources <= set(names)
    assert {"sweep/models/shape.py", "sweep/configs/pod.py"} <= set(names)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "folders"])
def test_models_and_configs_of_the_users_own_hide_nothing(installed, tmp_path, kind):
    for name in ("models", "configs"):
        (tmp_path / name).mkdir()
        where = tmp_path / f"{name}.py" if kind == "files" else tmp_path / name / "__init__.py"
        where.write_text(THEIRS)
    (tmp_path / "configs" / "pod.py").write_text(THEIRS)
    code = "import sweep.fit, sweep.models.functional as f, sweep.config as c; print(f.__file__)"
    code += "; print(c.load('configs/smoke.py').name)"
    done = as_user(installed, tmp_path, "-c", code)
    assert done.stdout.split() == [str(installed / "sweep" / "models" / "functional.py"), "smoke"], done.stderr
    plan = ("plan", "besiroglu", "--compute", "1e21")  # builds with the shipped recipe of configs/pod.py
    done = as_user(installed, tmp_path, "-m", "sweep", *plan)
    assert done.returncode == 0, done.stderr
    assert "configs/pod.py" in done.stdout


def test_a_second_spelling_is_refused_in_the_repository():
    done = subprocess.run([sys.executable, "-c", "import models"], cwd=ROOT, capture_output=True, text=True)
    assert "from sweep.models import" in done.stderr
