"""What functions are given is read at their front door: texts as numbers, one line for what is of a wrong type."""

# pyright: reportArgumentType=false, reportCallIssue=false

import numpy as np
import pytest

from sweep import quantity
from sweep.errors import InputError
from sweep.fit import fit
from sweep.fit.multiverse import multiverse
from sweep.given import columns_of, counts, integer, numbers, optional, real, takes, word, words
from sweep.plan import plan
from sweep.tables.load import load

PARAMS, TOKENS = (x.ravel() for x in np.meshgrid([1e7, 3e7, 1e8], [1e9, 3e9, 1e10]))
TABLE = {"params": PARAMS, "tokens": TOKENS, "loss": 1.8 + 480 * PARAMS**-0.35 + 2100 * TOKENS**-0.37}


@takes(level=real, bootstrap=integer, despite=words, target=optional(quantity.flops))
def example(source, *, level=0.9, bootstrap=10, despite=(), target=None):
    """What reached the function."""
    return source, level, bootstrap, despite, target


def test_the_function_sees_what_was_meant():
    found = example("t", level="0.5", bootstrap="1_000", despite="collinear", target="1PFday")
    assert found == ("t", 0.5, 1000, ("collinear",), 8.64e19)
    assert example("t") == ("t", 0.9, 10, (), None)  # defaults are left alone
    assert example.__doc__ == "What reached the function."


def test_readers():
    assert counts("--versus", "7B") == ("7B",)
    assert counts("--versus", ["7B", 1e9]) == ("7B", 1e9)
    assert columns_of("--columns", {"params": "N"}) == {"params": "N"}
    assert numbers("--given", {"experts": "8", "x": -1}) == {"experts": 8.0, "x": -1.0}
    assert word("--law", "additive") == "additive"
    for reader, value in ((words, {"a": 1}), (words, 3), (words, [3]), (columns_of, "N"), (columns_of, {"params": 3}),
                          (numbers, [8]), (word, 3), (integer, 1.5), (real, "high"), (real, [0.9])):  # fmt: skip
        with pytest.raises(InputError, match=r"^--x.*must be"):
            reader("--x", value)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: example("t", boostrap=3), "example: no argument 'boostrap'; did you mean 'bootstrap'"),
        (lambda: fit(TABLE, bootstrap="many"), "--bootstrap many: it must be a number"),
        (lambda: fit(TABLE, bootstrap=1.5), "--bootstrap 1.5: it must be a whole number"),
        (lambda: fit(TABLE, level=[0.9]), r"--level \[0.9\]: it must be a number, not list"),
        (lambda: fit(TABLE, target_compute="8 joules"), "--target-compute 8 joules: FLOPs such as 1e21"),
        (lambda: fit(TABLE, law=3), "--law 3: it must be text, not int"),
        (lambda: fit(TABLE, columns=["N"]), r"--columns: it must be a mapping such as .*, not \['N'\]"),
        (lambda: fit(TABLE, columns={"params": 3}), "--columns 3: it must be text, not int"),
        (lambda: fit(TABLE, where=True), "--where True: it must be text, not bool"),
        (lambda: fit(TABLE, despite=3), "--despite 3: it must be a list of texts, not int"),
        (lambda: fit(TABLE, despite="nope"), "--despite nope: no such refusal"),
        (lambda: fit(3), "cannot read a table from int"),
        (lambda: load(TABLE, units=4), "--units 4: it must be text, not int"),
        (lambda: load(TABLE, units="bpb", bytes_per_token=[4]), r"--bytes-per-token \[4\]: it must be a number"),
        (lambda: multiverse(TABLE, seed="x"), "--seed x: it must be a number"),
        (lambda: plan("besiroglu", compute="1e22", tolerance="much"), "--tolerance much: it must be a number"),
        (lambda: plan("besiroglu", compute="1e22", devices=1.5), "--devices 1.5: it must be a whole number"),
        (lambda: plan("besiroglu", compute="1e22", train=3), "--train 3: it must be text"),
        (lambda: plan("besiroglu", compute="1e22", given=[1]), r"--given: it must be a mapping such as .* not \[1\]"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_line(call, line):
    with pytest.raises(InputError, match=line) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
