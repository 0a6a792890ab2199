"""The command line: help that teaches, one line a problem, one JSON object on stdout, exit codes."""

import json
import tomllib
from pathlib import Path

import pytest

from sweep import cli
from sweep.arguments import check_paths
from sweep.errors import Partial, Refusal
from sweep.storage import store
from sweep.verbs import doctor
from sweep.verbs.output import Output


@pytest.fixture(autouse=True)
def stay_put(monkeypatch, tmp_path):
    """No compile cache or corpus of one's own, and no run directory in the repository."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def call(capsys, *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command."""
    try:
        code = cli.main(list(words))
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_teaches(capsys, verb):
    code, out, err = call(capsys, *verb.split(), "--help")
    assert (code, err) == (0, "")
    _, _, rest = out.partition("[-h]")
    assert f"sweep {verb} " in " ".join(rest.replace("│", " ").split())  # an example, beside the usage line


@pytest.mark.parametrize("words", [["data"], ["data", "--help"], ["data", "-h"]])
def test_a_first_word_alone_lists_its_verbs(capsys, words):
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    assert "  data build " in out
    assert "sweep data VERB --help" in out


def test_a_second_word_that_is_no_verb_is_told_what_there_is(capsys):
    code, out, err = call(capsys, "data", "bild", "x.txt")
    assert (code, out) == (1, "")
    assert err == "sweep: error: no such verb: 'data bild'; there is `sweep data build`\n"


ON_THIS_MACHINE = [
    ("run", "configs/smoke.py", "--data.stage", "gs://bucket/corpus"),
    ("run", "gs://bucket/sweep.py"),
    ("run", "configs/smoke.py", "--checkpoint.folder", "gs://bucket/x"),
    ("data", "build", "gs://bucket/corpus", "--out", "data"),
    ("data", "build", "corpus", "--out", "gs://bucket/data"),
    ("doctor", "--out", "gs://bucket/x"),
    ("reproduce", "gs://bucket/x.tar.gz"),
    ("verify-resume", "configs/smoke.py", "--out", "gs://bucket/x"),
    ("import", "gs://bucket/logs", "--out", "imported"),
    ("plan", "fit", "--compute", "1e21", "--write", "gs://bucket/x.py"),
]
IN_A_STORE = [
    ("run", "configs/smoke.py", "--out", "gs://bucket/x"),
    ("run", "configs/smoke.py", "--out=gs://bucket/x"),
    ("demo", "--out", "gs://bucket/demo"),
    ("worker", "gs://bucket/x"),
    ("status", "gs://bucket/x"),
    ("check", "gs://bucket/table.csv"),
    ("fit", "gs://bucket/table.csv"),
    ("fit", "table.csv", "--out", "gs://bucket/fit"),
    ("compare", "gs://bucket/table.csv"),
    ("backtest", "gs://bucket/table.csv"),
    ("multiverse", "table.csv", "--html", "gs://bucket/page.html"),
    ("predict", "gs://bucket/fit", "--params", "1e9", "--tokens", "1e10"),
    ("plan", "gs://bucket/fit", "--compute", "1e21"),
    ("forecast", "gs://bucket/fit", "--params", "1e9", "--tokens", "1e10"),
    ("forecast", "score", "gs://bucket/fit"),
    ("forecast", "list", "gs://bucket/fit"),
    ("forecast", "verify", "gs://bucket/fit"),
    ("suggest", "gs://bucket/fit", "--target-compute", "1e22", "--spend", "1e21"),
    ("report", "gs://bucket/x"),
    ("bundle", "gs://bucket/x"),
    ("bundle", "x", "--out", "gs://bucket/x.tar.gz"),
]
STREAMED = [
    ("run", "configs/smoke.py", "--data.path", "gs://bucket/corpus"),
    ("preview", "configs/smoke.py", "--data.path=gs://bucket/corpus"),
]
ADDRESSES = ON_THIS_MACHINE + IN_A_STORE + STREAMED


@pytest.mark.parametrize("words", STREAMED, ids=" ".join)
def test_a_corpus_in_a_store_asks_for_a_local_disk(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert (code, out, (tmp_path / "runs").exists()) == (1, "", False)
    assert "data.path is 'gs://bucket/corpus'; it must be a path on this machine, or --data.stage must name" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", IN_A_STORE, ids=" ".join)
def test_a_store_whose_library_is_missing_stops_every_verb_before_any_work(capsys, tmp_path, monkeypatch, words):
    def absent(name: str) -> str:
        raise store.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(store.importlib.metadata, "version", absent)
    store.open_store.cache_clear()
    code, out, err = call(capsys, *words)
    assert (code, out) == (1, "")
    assert err.endswith("error: gs:// needs gcsfs, which is missing; pip install 'isoflop[gcs]'\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", ON_THIS_MACHINE, ids=" ".join)
def test_an_address_of_what_must_lie_here_stops_every_verb_before_any_work(capsys, tmp_path, words):
    code, out, err = call(capsys, *words)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "gs://bucket/" in err.partition(": error: ")[2].partition(": files at gs:// cannot")[0]
    assert "files at gs:// cannot be read or written; give a path on this machine" in err
    assert list(tmp_path.iterdir()) == []


def test_every_verb_that_takes_a_path_was_asked():
    verbs = {verb for verb in cli.VERBS for words in ADDRESSES if words[: len(verb.split())] == tuple(verb.split())}
    assert set(cli.VERBS) - verbs == {"laws"}


@pytest.mark.parametrize("words", [["--trial", "https://wandb.ai/a/b"], ["--name=https://wandb.ai/a/b"]])
def test_the_name_of_a_run_may_be_an_address(words):
    check_paths("fit", ["fit", *words, "--out", "x"])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_lists_every_verb(capsys, words):
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert all(f"  {verb} " in out for verb in cli.VERBS)
    assert "Exit codes" in out


def test_help_of_a_config_lists_its_fields(capsys):
    code, out, _ = call(capsys, "run", "configs/smoke.py", "--help")
    assert code == 0
    assert "--recipe.lr" in out
    assert "--data.path" in out


def test_the_version_is_that_of_the_package(capsys):
    version = tomllib.loads((Path(cli.__file__).parents[1] / "pyproject.toml").read_text())["project"]["version"]
    assert call(capsys, "--version") == (0, f"sweep {version}\n", "")
    assert json.loads(call(capsys, "--version", "--json")[1]) == {"version": version}


BAD = {
    "unknown verb": (["priview"], "no such verb: 'priview'; did you mean `sweep preview`?"),
    "nothing like it": (["xyzzy"], "`sweep --help` lists them"),
    "unknown field": (
        ["run", "configs/smoke.py", "--budget", "1e9"],
        "unknown field '--budget'; did you mean 'budgets'?",
    ),
    "unknown nested field": (["run", "configs/smoke.py", "--recipe.lrr", "1"], "did you mean 'recipe.lr'?"),
    "not a number": (["run", "configs/smoke.py", "--sizes", "many"], "many"),
    "negative budget": (["run", "configs/smoke.py", "--budgets", "-1e9"], ""),
    "zero budget": (["run", "configs/smoke.py", "--budgets", "0"], "budgets is (0.0,); it must be positive"),
    "no such config": (["run", "nowhere.py"], "nowhere.py: no such config file"),
    "no config": (["run"], "config"),
    "no such data": (["run", "configs/smoke.py", "--data.path", "nowhere"], "nowhere: no such folder"),
    "no such run": (["status", "nowhere"], "not a run directory"),
    "no such table": (["fit", "nowhere.csv"], "nowhere.csv"),
    "no such report": (["report", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_1(capsys, name):
    words, text = BAD[name]
    code, out, err = call(capsys, *words)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("sweep")
    assert "error: " in err
    assert text in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", BAD)
def test_json_is_one_object_on_stdout_also_for_errors(capsys, name):
    words, text = BAD[name]
    code, out, err = call(capsys, *words, "--json")
    found = json.loads(out)
    assert code == 1
    assert set(found["error"]) == {"code", "message"}
    assert text in found["error"]["message"]
    assert found["error"]["message"].strip() in err


@pytest.mark.parametrize(
    "text", ["SWEEP = 3", "x = 1", "import no_such_module", "SWEEP = (", "raise ValueError('mine')"]
)
def test_a_config_that_is_not_a_sweep(capsys, text):
    Path("mine.py").write_text(text)
    code, _, err = call(capsys, "run", "mine.py")
    assert code == 1
    assert err.count("\n") == 1
    assert "mine.py" in err


def verb_that(monkeypatch, act) -> None:
    monkeypatch.setattr(doctor, "run", act)


def test_output_is_text_or_json_never_both(capsys, monkeypatch):
    verb_that(monkeypatch, lambda args: Output({"a": 1.5}, "for a person"))
    assert call(capsys, "doctor") == (0, "for a person\n", "")
    code, out, _ = call(capsys, "doctor", "--json")
    assert (code, json.loads(out)) == (0, {"a": 1.5})


def raising(error: BaseException):
    def act(args):
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "said", "name"),
    [
        (Refusal("too_long", "no"), 2, "sweep doctor: refused (too_long): no", "too_long"),
        (Partial("half"), 3, "sweep doctor: stopped: half", "Partial"),
    ],
)
def test_exit_codes(capsys, monkeypatch, error, code, said, name):
    verb_that(monkeypatch, raising(error))
    assert call(capsys, "doctor") == (code, "", said + "\n")
    found, out, _ = call(capsys, "doctor", "--json")
    assert (found, json.loads(out)["error"]["code"]) == (code, name)


def test_a_verb_may_refuse_in_its_output(capsys, monkeypatch):
    verb_that(monkeypatch, lambda args: Output({}, "bad", 2))
    assert call(capsys, "doctor")[0] == 2


def test_an_interrupt_is_part_of_the_work(capsys, monkeypatch):
    verb_that(monkeypatch, raising(KeyboardInterrupt()))
    assert call(capsys, "doctor") == (3, "", "sweep doctor: interrupted\n")


def test_a_fault_of_ours_is_not_dressed_as_bad_input(capsys, monkeypatch):
    verb_that(monkeypatch, raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


@pytest.mark.parametrize("config", ["configs/smoke.py", "mine.py"])
def test_overrides_reach_the_sweep(capsys, monkeypatch, config):
    from sweep.verbs import run

    seen = []
    monkeypatch.setattr(run, "run", lambda args, sweep, gang: seen.append((args, sweep)) or Output({}, ""))
    Path("mine.py").write_text("from sweep.config import Sweep\nSWEEP = Sweep(name='mine', budgets=(1e9,))\n")
    words = ["--out", "o", "--budgets", "3e9", "1e9", "--recipe.lr", "0.5", "--no-trunk", "--data.allow-repeat"]
    assert call(capsys, "run", config, *words)[0] == 0
    ((args, sweep),) = seen
    assert args.out == "o"
    assert sweep.budgets == (1e9, 3e9)
    assert (sweep.recipe.lr, sweep.trunk, sweep.data.allow_repeat) == (0.5, False, True)
