"""`sweep suggest`: text and JSON, FLOPs or device-hours, and the measured worth that it cites."""

import dataclasses
import json
import shutil

import pytest

from sweep.cli import main
from sweep.configs import gpu
from sweep.design import recipes
from sweep.fit import fit
from sweep.tables import io
from sweep.tables.schema import table_of
from sweep.verbs import suggest
from tests.plan.test_suggest import families


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    out = tmp_path_factory.mktemp("fit")
    fit(families(), bootstrap=100, diagnostics=False).save(out)
    return str(out)


def say(capsys, *words) -> tuple[int, str]:
    code = main(["suggest", *map(str, words)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out + captured.err


def test_text_and_json_say_the_same(capsys, home):
    question = (home, "--target-compute", 1e22, "--spend", "1e20", "--for", "params")
    code, out = say(capsys, *question)
    assert code == 0
    data = json.loads(say(capsys, *question, "--json")[1])
    assert data["for"] == "params"
    for t in data["trials"]:
        assert f"{t['params']:10.4g} {t['tokens']:10.4g}" in out
    assert f"(x{data['factor']:.2f}) if the law holds" in out
    assert suggest.MEASURED in out


def test_device_hours_at_a_rate(capsys, home):
    hours = json.loads(say(capsys, home, "--target-compute", 1e22, "--spend", "10h", "--rate", 3e15, "--json")[1])
    flops = json.loads(say(capsys, home, "--target-compute", 1e22, "--spend", 10 * 3600 * 3e15, "--json")[1])
    assert hours["trials"] == flops["trials"]
    out = say(capsys, home, "--target-compute", 1e22, "--spend", "10h", "--rate", 3e15, "--trunk")[1]
    assert "device-hours, trunks shared" in out


def test_a_sweep_names_its_nearest_shapes(capsys, home, tmp_path):
    """By the recipe that `sweep.json` holds and the vocabulary of its table."""
    shutil.copytree(home, tmp_path / "run" / "fit")
    (tmp_path / "run" / "sweep.json").write_text(json.dumps({"config": dataclasses.asdict(gpu.SWEEP)}))
    io.write(table_of([{"trial": "t", "status": "done", "vocab": 8192}]), tmp_path / "run" / "losses.parquet")
    question = (tmp_path / "run", "--target-compute", 1e22, "--spend", "1e20")
    code, out = say(capsys, *question, "--json")
    assert code == 0
    text = say(capsys, *question)[1]
    for trial in json.loads(out)["trials"]:
        shape = recipes.nearest_shape(trial["params"], gpu.SWEEP, vocab=8192, platform="gpu")
        assert (trial["shape"]["width"], trial["shape"]["depth"]) == (shape.width, shape.depth)
        assert trial["shape"]["params_with_head"] == pytest.approx(trial["params"], rel=0.3)
        assert f"width {shape.width}, depth {shape.depth}" in text


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--target-compute", "1e22", "--spend", "10h"], 1, "needs --rate"),
        (["--target-compute", "1e22", "--spend", "much"], 1, "write FLOPs such as 2e21, or device-hours"),
        (["--target-compute", "1e22", "--spend", "1e"], 1, "write FLOPs such as"),
        (["--target-compute", "1e22", "--spend", "-5"], 1, "write FLOPs such as"),
        (["--target-compute", "1e22", "--spend", "10h", "--rate", "-1"], 1, "--rate -1: it must be a number"),
        (["--target-compute", "1e19", "--spend", "1e20"], 2, "refused (target_inside)"),
        (["--target-compute", "1e22", "--spend", "1e12"], 2, "the cheapest run takes"),
        (["--target-compute", "1e22", "--spend", "1e20", "--for", "both"], 1, "loss"),
    ],
)
def test_bad_questions_are_one_line(capsys, home, words, code, why):
    given, out = say(capsys, home, *words)
    assert given == code
    assert why in out
    assert out.count("\n") == 1
