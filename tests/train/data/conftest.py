"""Text that the tests of data build on."""

from pathlib import Path

import pytest


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.txt").write_text(f"Dokument {i}: größer als {i - 1}\n" * (i + 1))
    return folder
