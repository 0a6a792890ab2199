"""Many runs asked at once are answered as each alone; texts are numbers; a wrong type is one line."""

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.fit import fit
from sweep.fit.many import Predictions, is_many


@pytest.fixture(scope="module")
def found(simulate):
    return fit(simulate(np.geomspace(1e18, 1e20, 4), noise=0.005, seed=2), bootstrap=60, diagnostics=False)


def test_arrays_are_answered_one_by_one(found):
    params, tokens = np.array([[1e8, 1e9], [1e10, 5e8]]), np.array([[2e9, 2e10], [2e11, 4e12]])
    many = found.predict(params=params, tokens=tokens)
    assert isinstance(many, Predictions)
    assert many.loss.shape == (2, 2)
    for i in np.ndindex(2, 2):
        one = found.predict(params=params[i], tokens=tokens[i])
        assert many.loss[i] == one.loss
        assert [side[i] for side in many.interval] == one.interval
        assert many.extrapolation["compute"][i] == one.extrapolation["compute"]
    codes = {w["code"]: w["message"] for w in many.warnings}
    assert "in 2 of 4 runs" in codes["extrapolation"]


def test_one_size_on_many_tokens(found):
    many = found.predict("1B", ["20B", 4e10, "1e11"])
    assert many.loss.tolist() == [found.predict(1e9, d).loss for d in (2e10, 4e10, 1e11)]
    assert (np.diff(many.loss) < 0).all()


def test_texts_are_numbers(found):
    assert found.predict("7B", "1.4e11") == found.predict(7e9, 140_000_000_000)
    assert found.optimum("1e21") == found.optimum(1e21)
    assert found.optimum("1PFday") == found.optimum(8.64e19)
    assert found.predict(np.float32(2**30), np.int64(2**34)) == found.predict(2.0**30, 2.0**34)
    assert found.predict(1e9, 2e10, level="0.5") == found.predict(1e9, 2e10, level=0.5)  # pyright: ignore


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"params": "7Q", "tokens": 1e10}, "--params 7Q: a number such as"),
        ({"params": 1e9}, "needs tokens: give --tokens"),
        ({"params": None, "tokens": 1e10}, "needs params"),
        ({"params": {"N": 1e9}, "tokens": 1e10}, "--params {'N': 1000000000.0}: it must be a number, not dict"),
        ({"params": 1e9, "tokens": b"1e10"}, "it must be a number, not bytes"),
        ({"params": True, "tokens": 1e10}, "--params True: it must be a number, not bool"),
        ({"params": 1e9, "tokens": np.nan}, "--tokens nan: it must be a number"),
        ({"params": 7, "tokens": 1e10}, "7 params is too small to mean it"),
        ({"params": 1e9, "tokens": 1e10, "level": "high"}, "level high: it must be a number"),
        ({"params": 1e9, "tokens": 1e10, "level": 90}, r"within \(0, 1\)"),
        ({"params": 1e9, "tokens": 1e10, "width": 4}, "reads no width"),
        ({"params": [1e9, 2e9], "tokens": [1e10, 2e10, 3e10]}, "params 2, tokens 3 values; give arrays of one shape"),
        ({"params": [1e9, "many"], "tokens": 1e10}, r"many: it must be a number, and not negative \(run 2 of 2\)"),
        (
            {"params": [1e9, None], "tokens": 1e10},
            r"needs params.*\(run 2 of 2\)",
        ),
    ],
)
def test_a_wrong_argument_is_one_line(found, arguments, line):
    with pytest.raises(InputError, match=line) as caught:
        found.predict(**arguments)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("flops", [None, "many", [1e21], 0, -1e21, np.inf])
def test_a_wrong_budget_is_one_line(found, flops):
    with pytest.raises(InputError, match=r"^optimum: "):
        found.optimum(flops)


def test_what_is_many():
    assert all(is_many(x) for x in ([1], (1, 2), range(3), np.ones(2), np.ones((2, 2))))
    assert not any(is_many(x) for x in (1, 2.0, "7B", b"7B", None, np.float64(3), {"a": 1}, np.array(3.0)[()]))
