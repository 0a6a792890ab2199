"""`sweep laws`: the list, one law, and what it says of numbers nobody could check."""

import json

import pytest

from sweep import cli, laws


def said(capsys, *words):
    assert cli.main(["laws", *words]) == 0
    return capsys.readouterr().out


def test_list(capsys):
    text = said(capsys)
    records = json.loads(said(capsys, "--json"))["laws"]
    assert [r["id"] for r in records] == laws.ids()
    for r in records:
        assert {"id", "formula", "inputs", "output", "parameters", "published", "optimum"} <= set(r)
        assert f"\n{r['id']} " in f"\n{text}"
        assert r["formula"] in text
    assert "loss, nats/token; 0 published, 1 unverified" in text


def test_one_law(capsys):
    text = said(capsys, "data_constrained")
    for part in (
        "unique_tokens",
        "R_D",
        "0 to 3",
        "arXiv 2305.16264",
        "muennighoff_repeated",
        "read in the primary source",
    ):
        assert part in text
    (record,) = json.loads(said(capsys, "data_constrained", "--json"))["laws"]
    assert record["published"][0]["coefficients"]["R_D"] == 15.387756
    assert record["parameters"][0] == {
        "name": "E", "meaning": "nats/token, irreducible loss", "lower": 0.0, "upper": None, "scale": "log"
    }  # fmt: skip
    assert record["optimum"] == "search"


def test_unverified_numbers_are_called_so(capsys):
    assert "recalled, unverified" in said(capsys, "farseer")
    (record,) = json.loads(said(capsys, "farseer", "--json"))["laws"]
    assert [p["verified"] for p in record["published"]] == [False]


def test_a_law_without_an_optimum_says_so(capsys):
    assert "compute-optimal params and tokens: not from this law" in said(capsys, "power_compute")


@pytest.mark.parametrize("words", [["aditive"], ["nothing_like_it"]])
def test_unknown_law(capsys, words):
    assert cli.main(["laws", *words]) == 1
    error = capsys.readouterr().err
    assert f"sweep laws: error: unknown law '{words[0]}'" in error
    assert "`sweep laws` lists them" in error


@pytest.mark.parametrize(
    ("id", "code", "message"),
    [
        ("gadre_c4", 0, ""),
        ("farseer_recalled", 2, "refused (unverified)"),
        ("muennighoff_repeated", 1, "needs unique_tokens"),
    ],
)
def test_predicting_from_published_sets(capsys, id, code, message):
    assert cli.main(["predict", id, "--params", "1e9", "--tokens", "2e10"]) == code
    said = capsys.readouterr()
    assert message in said.err
    assert ("loss 2.7552" in said.out) == (code == 0)


@pytest.mark.parametrize("name", ["besiroglu", "hoffmann"])
def test_a_set_of_coefficients_by_its_id(capsys, name):
    law, entry = laws.published(name)
    text = said(capsys, name)
    assert text.startswith(f"{name}: published coefficients of the law {law.id}\n")
    for part in (law.formula, f"{entry.coefficients.A:.6g}", entry.source, "nats/token, irreducible loss", "sardana"):
        assert part in text
    assert f"sweep plan {name}; all about the law: sweep laws additive" in text
    data = json.loads(said(capsys, name, "--json"))
    assert [r["id"] for r in data["laws"]] == ["additive"]
    assert data["coefficients"]["coefficients"] == pytest.approx(entry.coefficients._asdict())


def test_unverified_coefficients_are_not_for_planning(capsys):
    assert "not for planning" in said(capsys, "farseer_recalled")


def test_chinchilla_is_the_additive_law(capsys):
    assert said(capsys, "chinchilla") == said(capsys, "additive")
    for verb in (
        ["plan", "chinchilla", "--compute", "1e22"],
        ["predict", "additive", "--params", "1e9", "--tokens", "1e10"],
    ):
        assert cli.main(verb) == 1
        error = capsys.readouterr().err
        assert f"{verb[1]} is a law (additive), not a set of published coefficients; its sets: hoffmann, bes" in error
    assert "no published coefficients" in said(capsys, "power_compute")
