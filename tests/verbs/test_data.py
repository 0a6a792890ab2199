"""`sweep data build` says what it wrote, and what it wrote is what it says."""

import io
import json
from pathlib import Path

import pytest
import tyro
from rich.console import Console

from sweep.errors import InputError
from sweep.train.data.shards import open_folder
from sweep.verbs import data


@pytest.fixture
def text(tmp_path: Path) -> Path:
    lines = [json.dumps({"text": f"record {i} with some words of its own, {i * i}"}) for i in range(200)]
    (tmp_path / "text.jsonl").write_text("\n".join(lines))
    return tmp_path / "text.jsonl"


def test_builds_and_describes(text: Path, tmp_path: Path):
    out = str(tmp_path / "data")
    output = data.run(tyro.cli(data.Args, args=[str(text), "--out", out, "--tokenizer", "bpe:300"]))
    corpus = open_folder(Path(out))
    assert output.code == 0
    assert output.data == {"out": out, **json.loads(Path(out, "manifest.json").read_text())}
    assert output.data["train"]["tokens"] == len(corpus.train)
    assert f"{len(corpus.train):,} tokens" in output.text
    assert f"--data.path {out}" in output.text


def test_what_was_left_out_is_named_with_its_size(text: Path, tmp_path: Path):
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "broken.json").write_text("{")
    args = data.Args(
        files=(str(text), str(tmp_path / "README.md"), str(tmp_path / "broken.json")), out=str(tmp_path / "d")
    )
    output = data.run(args)
    assert "left out   nothing else\n" in output.text
    assert "unusable   broken.json (1 bytes: not a JSON object; write one a line)\n" in output.text
    assert "data cards README.md (5 bytes: a data card)\n" in output.text
    assert [file["file"] for file in output.data["left_out"]] == ["broken.json"]
    assert output.data["cards"][0]["bytes"] == 5


def test_the_field_of_the_text_is_an_option(text: Path, tmp_path: Path):
    text.write_text(text.read_text().replace('"text"', '"content"'))
    args = [str(text), "--out", str(tmp_path / "data"), "--text-field", "content"]
    assert data.run(tyro.cli(data.Args, args=args)).data["text_field"] == "content"


def test_bad_input_is_one_line(tmp_path: Path):
    with pytest.raises(InputError) as error:
        data.run(data.Args(files=(str(tmp_path / "none"),), out=str(tmp_path / "data")))
    assert "\n" not in str(error.value)


def test_help_teaches(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        tyro.cli(data.Args, args=["--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "Example: sweep data build" in shown
    assert "bpe:N" in shown


@pytest.mark.parametrize(("after", "shows"), [(0.0, True), (60.0, False)])
def test_progress_shows_only_on_long_work(after: float, shows: bool):
    screen = io.StringIO()
    with data.progress(Console(file=screen, force_terminal=True, width=80), after=after) as report:
        report("reading", 5_000_000, 10_000_000)
    assert ("reading" in screen.getvalue()) == shows
    assert ("5 MB" in screen.getvalue()) == shows
