"""A sweep as data: strict, hashed by content, the same object after saving."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sweep import config
from sweep.config import Data, Recipe, Sweep, from_dict, to_dict
from sweep.errors import InputError
from sweep.hashing import content_hash

SWEEP = Sweep(name="t", budgets=(3e10, 1e10), lr_bracket=(0.5, 1.0, 2.0), data=Data(path="x"), recipe=Recipe(lr=0.02))
SHIPPED = sorted((Path(config.__file__).parents[1] / "configs").glob("[a-z]*.py"))


def write(folder: Path, body: str) -> str:
    path = folder / "mine.py"
    path.write_text("from sweep.config import *\n" + body)
    return str(path)


def test_saved_json_reloads_to_the_same_object_and_hash():
    again = from_dict(json.loads(json.dumps(to_dict(SWEEP))))
    assert again == SWEEP
    assert content_hash(again) == content_hash(SWEEP)


def test_saved_file_reloads(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps({"config": to_dict(SWEEP), "hash": "x"}))
    assert config.load(str(tmp_path / "sweep.json")) == SWEEP


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"config": 3}', '"text"'])
def test_json_that_is_not_a_sweep(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(InputError):
        config.load(str(tmp_path / "sweep.json"))


def test_hash_is_the_same_in_another_process_and_differs_for_another_value():
    code = (
        "from sweep.config import Sweep; from sweep.hashing import content_hash; "
        "print(content_hash(Sweep(name='t', budgets=(1e10,))))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    here = Sweep(name="t", budgets=(1e10,))
    assert other == content_hash(here)
    assert other != content_hash(dataclasses.replace(here, data_seed=1))


def test_budgets_are_sorted_so_that_their_order_means_nothing():
    assert SWEEP.budgets == (1e10, 3e10)
    assert SWEEP.target == 3e11


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configs_load_under_their_own_name_and_open_with_a_manual(path):
    assert config.load(str(path)).name == path.stem
    manual = path.read_text().split('"""')[1]
    assert all(
        word in manual for word in ("Shows:", "Expected:", "Time:", "Hardware:", f"sweep run configs/{path.name}")
    )


def test_shipped_configs_load_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.load("configs/smoke.py").name == "smoke"


# A file that is not a sweep


def test_missing_file():
    with pytest.raises(InputError, match=r"nowhere\.py: no such config file"):
        config.load("nowhere.py")


def test_folder_and_other_files_are_not_configs(tmp_path):
    (tmp_path / "notes.txt").write_text("SWEEP")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="not a Python file"):
            config.load(str(path))


@pytest.mark.parametrize("body", ["", "SWEEP = 3", "SWEEP = Sweep"])
def test_file_without_a_sweep(tmp_path, body):
    with pytest.raises(InputError, match="must set SWEEP"):
        config.load(write(tmp_path, body))


@pytest.mark.parametrize(
    ("body", "said"), [("1 / 0", "ZeroDivisionError: division by zero"), ("x = (", "SyntaxError"), ("x", "NameError")]
)
def test_file_that_raises_is_reported_in_one_line(tmp_path, body, said):
    with pytest.raises(InputError, match=said) as caught:
        config.load(write(tmp_path, body))
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


# Fields


@pytest.mark.parametrize(
    ("call", "field", "near"),
    [
        ("Sweep(name='x', budgets=(1e9,), budget=3)", "budget", "budgets"),
        ("Sweep(name='x', budgets=(1e9,), recipe=Recipe(warmupp=0.1))", "warmupp", "recipe.warmup"),
        ("Sweep(name='x', budgets=(1e9,), data=Data(tokeniser='byte'))", "tokeniser", "data.tokenizer"),
    ],
)
def test_unknown_field_in_a_file_names_the_nearest(tmp_path, call, field, near):
    with pytest.raises(InputError, match=f"unknown field '{field}'; did you mean '{near}'"):
        config.load(write(tmp_path, f"SWEEP = {call}"))


def test_unknown_field_in_data_names_the_nearest():
    values = to_dict(SWEEP)
    values["recipe"]["wamup"] = 0.1
    with pytest.raises(InputError, match=r"unknown field 'wamup'; did you mean 'recipe\.warmup'"):
        from_dict(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sizes", "six"),
        ("sizes", 6.5),
        ("sizes", True),
        ("trunk", 1),
        ("span", "4"),
        ("span", float("nan")),
        ("name", 3),
        ("schedule", "wds"),
        ("budgets", 1e10),
        ("budgets", ["1e10"]),
        ("seeds", [0.5]),
        ("data", "corpus/"),
        ("recipe", None),
    ],
)
def test_mistyped_field_is_named(field, value):
    with pytest.raises(InputError, match=rf"config: {field} is .*must be"):
        from_dict({**to_dict(SWEEP), field: value})


def test_mistyped_field_in_a_file_is_named_without_the_checks_of_the_test_run(tmp_path):
    path = write(tmp_path, "SWEEP = Sweep(name='x', budgets=(1e9,), recipe=Recipe(lr='1e-2', aspect=32))")
    code = "import sys; from sweep.config import load; load(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("recipe.lr is '1e-2'; it must be of type float")


def test_choice_lists_what_is_allowed():
    with pytest.raises(InputError, match="'wsd', 'cosine', 'constant'"):
        from_dict({**to_dict(SWEEP), "schedule": "wds"})


def test_integers_count_as_floats_and_lists_as_tuples():
    assert from_dict({"name": "x", "budgets": [1000, 2000], "span": 3}).budgets == (1000.0, 2000.0)


def test_what_is_left_out_takes_its_default_and_what_is_given_replaces_only_itself():
    values = to_dict(SWEEP)
    values["recipe"] = {"lr": 0.5}
    changed = from_dict(values)
    assert changed.recipe == Recipe(lr=0.5)
    assert dataclasses.replace(changed, recipe=SWEEP.recipe) == SWEEP


def test_required_fields_are_asked_for():
    with pytest.raises(InputError, match="budgets"):
        from_dict({"name": "x"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budgets", ()),
        ("budgets", (-1e9,)),
        ("budgets", (0.0, 1e9)),
        ("budgets", (1e9, 1e9)),
        ("budgets", (float("inf"),)),
        ("name", ""),
        ("name", "a/b"),
        ("sizes", 2),
        ("span", 1.0),
        ("seeds", ()),
        ("seeds", (1, 1)),
        ("lr_bracket", (0.0,)),
        ("lr_bracket", (1.0, 1.0)),
        ("min_steps", 0),
        ("target_compute", -1.0),
        ("schedule", "cosine"),
        ("recipe.width_step", 3),
        ("recipe.warmup", 0.5),
        ("recipe.cooldown", 0.0),
        ("recipe.lr", 0.0),
        ("recipe.batch_tokens", 0),
        ("recipe.lr_horizon_exponent", 0.1),
        ("recipe.beta2", 1.0),
        ("prior.alpha", 0.0),
        ("data.val_fraction", 0.0),
    ],
)
def test_values_that_mean_nothing_are_refused_by_field(field, value):
    section, _, name = field.rpartition(".")
    values = {name: value}
    if section:
        values = {section: dataclasses.replace(getattr(SWEEP, section), **values)}
    with pytest.raises(InputError, match=rf"config: {'trunk' if field == 'schedule' else field} is"):
        dataclasses.replace(SWEEP, **values)


def test_a_width_step_that_would_change_the_queries_a_key_is_refused():
    shared = dataclasses.replace(SWEEP.architecture, queries_per_kv=3)
    with pytest.raises(InputError, match=r"config: recipe\.width_step is 4; it must be a multiple of 6, twice queries"):
        dataclasses.replace(SWEEP, architecture=shared, recipe=Recipe(width_step=4))
    assert dataclasses.replace(SWEEP, architecture=shared, recipe=Recipe(width_step=12)).recipe.width_step == 12


def test_a_cosine_sweep_has_no_trunk():
    assert dataclasses.replace(SWEEP, schedule="cosine", trunk=False).schedule == "cosine"
