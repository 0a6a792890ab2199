"""Messages speak of arguments to who calls a function, and of options to who types a command."""

import re
from pathlib import Path

import numpy as np
import pytest

from sweep import cli
from sweep.cli import main
from sweep.errors import InputError, Refusal, SweepError
from sweep.plan import plan
from sweep.tables.load import load
from sweep.wording import as_arguments

ARRAYS = {"N": np.geomspace(1e6, 1e8, 9), "data": np.geomspace(1e9, 1e10, 9), "loss": np.linspace(4, 3, 9)}


@pytest.fixture
def in_python(monkeypatch):
    monkeypatch.setattr(SweepError, "on_command_line", False)


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ('pass --columns "params=N*1e6" "tokens=D*1e9"', 'pass columns={"params": "N*1e6", "tokens": "D*1e9"}'),
        ("pass --columns params=D tokens=N, if", 'pass columns={"params": "D", "tokens": "N"}, if'),
        ("name it with --columns, as in --columns tokens=D)", 'name it with columns, as in columns={"tokens": "D"})'),
        ("--columns nope=…: no such input", 'columns={"nope": "…"}: no such input'),
        ("--columns 'C/(6*M)': no column 'M'", "columns='C/(6*M)': no column 'M'"),
        ('leave it out (--where "loss > 0"), or', 'leave it out (where="loss > 0"), or'),
        ("filter with --where", "filter with where"),
        ("--drop-unfinished leaves", "sweep.tables.read.TableFile(…, drop_unfinished=True) leaves"),
        ('with --wide "budget=loss"', 'with sweep.tables.read.TableFile(…, wide="budget=loss")'),
        ("--columns params=N: it must be", 'columns={"params": "N"}: it must be'),
        ("(--despite collinear overrides)", '(despite=["collinear"] overrides)'),
        ("without intervals: --bootstrap 0", "without intervals: bootstrap=0"),
        ("--compute 10: 10 FLOPs is too small", "compute=10: 10 FLOPs is too small"),
        ("--params 8Q: a number such as 7B", 'params="8Q": a number such as 7B'),
        ("--params many: it must be a number", 'params="many": it must be a number'),
        ("--params [1, 2]: it must be a number", "params=[1, 2]: it must be a number"),
        ("plan: --compute and --loss are two targets", "plan: compute and loss are two targets"),
        ("--compute 1e22 or --loss 2.1, hold --params", "compute=1e22 or loss=2.1, hold params"),
        ("say --given experts=VALUE,bits=16", 'say given={"experts": VALUE, "bits": 16}'),
        ("say --fix E=1.6, or", 'say fix={"E": 1.6}, or'),
        ("give --input tokens=NUMBER, or params", "give tokens=NUMBER, or params"),
        ("pass --units bpb (bits per byte) or --units nats", 'pass units="bpb" (bits per byte) or units="nats"'),
        ("say --train DEVICE@mfu=SHARE, or", 'say train="DEVICE@mfu=SHARE", or'),
        ("raise --max-params", "raise max_params"),
        ("fit again with `sweep fit TABLE --out fit`", "fit again with `sweep fit TABLE --out fit`"),
        ("no option here - and none -- here", "no option here - and none -- here"),
    ],
)  # fmt: skip
def test_options_become_arguments(option, argument):
    assert as_arguments(option) == argument


def test_the_same_problem_said_to_both(in_python, capsys, tmp_path):
    with pytest.raises(InputError, match=r"no column 'tokens'; did you mean 'data'") as caught:
        load(ARRAYS)
    assert 'as in columns={"tokens": "data"}' in str(caught.value)
    rows = "\n".join(f"{n},{d},{x}" for n, d, x in zip(*ARRAYS.values(), strict=True))
    (tmp_path / "t.csv").write_text("N,data,loss\n" + rows)
    assert main(["fit", str(tmp_path / "t.csv")]) == 1
    assert "as in --columns tokens=data" in capsys.readouterr().err
    assert not SweepError.on_command_line  # the command line has gone again


def test_other_calls(in_python):
    with pytest.raises(InputError, match=r"^compute=10: 10 FLOPs is too small to mean it"):
        plan("besiroglu", compute=10)
    with pytest.raises(InputError, match=r"units=\"bit\": no such unit; did you mean 'bits'"):
        load(ARRAYS, {"tokens": "data"}, units="bit")
    assert "--despite" not in str(Refusal("collinear", "no (--despite collinear overrides)"))


def test_no_message_of_the_package_keeps_an_option():
    """Every message of a problem, as the source writes it, loses its dashes."""
    source = "\n".join(p.read_text() for p in Path(cli.__file__).parent.glob("[tfpl]*/*.py"))
    messages = re.findall(r'f?"([^"\n]*--[a-z][^"\n]*)"', source)
    assert len(messages) > 40
    for message in messages:
        assert not re.search(r"(?<![\w-])--[a-z]", re.sub(r"`[^`]*`?", "", as_arguments(message))), message
