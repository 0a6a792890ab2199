"""What the documents say can be typed: verbs and options exist, marked commands run, links lead somewhere."""

import dataclasses
import importlib
import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from sweep import cli, config, fields, laws
from sweep.fit import fit
from sweep.fit.compare import compare
from sweep.fit.multiverse import Axes, multiverse
from sweep.fit.objective import Objective
from sweep.fit.rolling import roll
from sweep.plan import plan

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = "<!-- run -->"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def commands(text: str) -> list[str]:
    """Every `sweep ...` command of the fenced sh blocks of a page: `&&` separates, a backslash continues a line."""
    blocks = [body for kind, body in FENCE.findall(text) if kind in ("sh", "bash", "console")]
    lines = [line.split("#")[0] for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    parts = [part.strip().removeprefix("$ ") for line in lines for part in line.split("&&")]
    return [part for part in parts if part.split()[:1] == ["sweep"]]


def marked(text: str) -> list[str]:
    """Commands of the blocks that follow the comment RUN."""
    return [c for piece in text.split(RUN)[1:] for c in commands(piece[: FENCE.search(piece).end()])]  # pyright: ignore


ALL = sorted({c for page in PAGES for c in commands(page.read_text())})
MARKED = sorted({c for page in PAGES for c in marked(page.read_text())})


def help_of(words: list[str], capsys: pytest.CaptureFixture) -> str:
    """What `sweep WORDS` prints with --help."""
    try:
        code = cli.main([*words, "--help"])
    except SystemExit as exit:  # tyro leaves so after help
        code = exit.code
    assert not code, capsys.readouterr().err
    return capsys.readouterr().out


def test_there_is_something_to_check():
    assert len(ALL) > 10
    assert len(MARKED) >= 3


def options(verb: str) -> set[str]:
    """Every option of a verb as typed: its own, and the fields of a config where it takes one."""
    module = importlib.import_module(cli.VERBS[verb][0])
    kinds = {typed(f): f.type for f in dataclasses.fields(module.Args)}
    if getattr(module, "CONFIG", False):
        kinds |= {name: kind_of(name) for name in fields.field_names(config.Sweep)}
    names = {f"--{name}".replace("_", "-") for name in kinds}
    switches = {name for name, kind in kinds.items() if kind is bool}
    return names | {"--" + re.sub(r"([^.]+)$", r"no-\1", name).replace("_", "-") for name in switches}


def typed(field: dataclasses.Field) -> str:
    """An option's name: the field's, or the one that its annotation gives it (`for` cannot name a field)."""
    given = [x.name for x in getattr(field.type, "__metadata__", ()) if getattr(x, "name", None)]
    return given[0] if given else field.name


def kind_of(field: str) -> type:
    """Type of a config's field by its dotted name."""
    kind: type = config.Sweep
    for name in field.split("."):
        kind = next(f.type for f in dataclasses.fields(kind) if f.name == name)  # pyright: ignore
    return kind


@pytest.mark.parametrize("command", ALL)
def test_verb_and_options_exist(command, capsys):
    words = shlex.split(command)[1:]
    if words[0].startswith("-"):
        assert "usage: sweep VERB" in help_of([], capsys)
        return
    verb, rest = cli.split_verb(words)
    assert f"usage: sweep {verb}" in help_of(verb.split(), capsys)
    asked = {w.split("=")[0] for w in rest if w.startswith("--")}
    assert asked <= options(verb) | {"--json", "--help"}
    for file in (w for w in rest if w.startswith("configs/")):
        assert (ROOT / file).exists()


def test_an_option_that_does_not_exist_would_be_seen():
    assert "--data.no-allow-repeat" in options("preview")
    assert not {"--no-data.allow-repeat", "--recipe.no-lr", "--bugets"} & options("preview")


@pytest.mark.parametrize("command", MARKED)
def test_marked_commands_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out.strip()


def simulated(rng: np.random.Generator, n: int = 60) -> dict[str, np.ndarray]:
    """Losses of the example's law with A 50, B 300, alpha 0.2, beta 0.25 and little noise."""
    params = np.exp(rng.uniform(np.log(1e6), np.log(1e9), n))
    tokens = params * np.exp(rng.uniform(np.log(2), np.log(200), n))
    loss = (50 / params**0.2 + 300 / tokens**0.25) * np.exp(0.003 * rng.standard_normal(n))
    return {"params": params, "tokens": tokens, "loss": loss}


def test_the_analyst_command_of_the_guide(tmp_path, monkeypatch, capsys):
    """`sweep fit losses.csv ...` as the guide writes it, on a table made here."""
    table = simulated(np.random.default_rng(0))
    rows = zip(*(table[k].tolist() for k in ("params", "tokens", "loss")), strict=True)
    text = "N,D,val_loss,outlier\n" + "".join(f"{n},{d},{loss},0\n" for n, d, loss in rows) + "1e8,2e9,99,1\n"
    (tmp_path / "losses.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    command = next(
        c for c in commands((ROOT / "docs" / "guide.md").read_text()) if c.startswith("sweep fit losses.csv")
    )
    words = [{"2000": "40"}.get(w, w) for w in shlex.split(command)[1:]]
    assert cli.main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n"] == 60
    assert record["params"]["alpha"] == pytest.approx(0.2, rel=0.2)
    assert (tmp_path / "fit" / "fit.json").exists()


def test_the_example_of_a_law_works(monkeypatch):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    kind, body = FENCE.findall(page.split("<!-- law -->")[1])[0]
    assert kind == "python"
    names: dict = {"__name__": "floorless"}
    exec(compile(body, "CONTRIBUTING.md", "exec"), names)
    monkeypatch.setitem(laws.LAWS, "floorless", names["LAW"])
    found = fit(simulated(np.random.default_rng(0)), law="floorless", bootstrap=40)
    assert found.status == "converged"
    assert found.params == pytest.approx({"A": 50, "B": 300, "alpha": 0.2, "beta": 0.25}, rel=0.05)
    low, high = found.interval("alpha", 0.99)
    assert low is not None
    assert high is not None
    assert low < 0.2 < high
    assert found.predict(params=1e8, tokens=2e9).loss == pytest.approx(50 / 1e8**0.2 + 300 / 2e9**0.25, rel=0.01)
    # and with no other edit: planned with, compared, and among the laws of a multiverse
    decided = plan(found, compute=1e20)
    sizes = decided.params * np.array([0.9, 1.0, 1.1])
    around = [found.predict(params=n, tokens=1e20 / (6 * n)).loss for n in sizes]
    assert around[1] == min(around) == pytest.approx(decided.loss)
    source, ids = simulated(np.random.default_rng(0)), ["floorless", "additive_tied"]
    judged = compare(roll(source, ids, count=20), Objective(), 0.9, 0)
    assert judged["best"] == "floorless"
    axes = Axes(tuple(ids), ("huber",), (1e-3,), ("all",), weights=("equal",), resamples=20)
    varied = multiverse(source, target_compute=1e20, axes=axes).to_json()
    assert {s["law"]: s["status"] for s in varied["curve"]}["floorless"] == "passed"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_what_they_say(page):
    """Shell that bash can read, YAML that can be parsed: also the commands of clouds, which nobody runs here."""
    for kind, body in FENCE.findall(page.read_text()):
        if kind in ("sh", "bash"):
            read = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True, timeout=20, check=False)
            assert not read.returncode, f"{body}\n{read.stderr}"
        elif kind == "yaml":
            assert yaml.safe_load(body)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_pages_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+\.md)\)", text):
        assert "://" in target or (page.parent / target).exists(), target
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    places = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= places
