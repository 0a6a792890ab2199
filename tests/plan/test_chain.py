"""A chained ledger names the line that was edited, whatever the edit, and nothing else."""

import hashlib
import json

import pytest

from sweep.errors import Refusal
from sweep.plan import chain
from sweep.plan.chain import ORIGIN, parse, seal, text

RECORDS = [{"kind": "forecast", "id": str(i), "loss": 2 + i / 10} for i in range(5)]


def written(records=RECORDS, previous=ORIGIN) -> list[str]:
    """Lines of a ledger."""
    lines = []
    for record in records:
        sealed = seal(record, previous)
        lines.append(text(sealed))
        previous = sealed["hash"]
    return lines


def judged(tmp_path, lines: list[str]) -> chain.Ledger:
    return parse("".join(line + "\n" for line in lines).encode(), tmp_path / "forecast.jsonl")


def named(ledger: chain.Ledger) -> dict[int, str]:
    return {line.number: line.problem for line in ledger.broken}


def test_the_hash_is_that_of_the_line_before_and_of_the_content(tmp_path):
    lines = written()
    previous = ORIGIN
    for record, line in zip(RECORDS, lines, strict=True):
        body = json.dumps({**record, "previous": previous})
        previous = hashlib.sha256(body.encode()).hexdigest()
        assert line == body[:-1] + f', "hash": "{previous}"}}'
    ledger = judged(tmp_path, lines)
    assert (ledger.broken, ledger.head, ledger.unsealed, ledger.torn) == ([], previous, 0, 0)
    ledger.refuse_broken()


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "edit",
    [
        lambda line: line.replace('"loss": 2', '"loss": 3'),
        lambda line: line.replace('"loss":', '"loss": 1.0, "loss":'),  # a reader sees the first, a parser the last
        lambda line: line.replace(": ", ":"),
        lambda line: line[:-4] + ("00" if line[-4:-2] != "00" else "11") + line[-2:],
        lambda line: line.replace('"previous": "', '"previous": "f'),
        lambda line: line.replace('"forecast"', '"outcome"'),
    ],
)
def test_an_edited_line_is_named_and_no_other(tmp_path, number, edit):
    lines = written()
    lines[number] = edit(lines[number])
    assert lines != written()
    found = judged(tmp_path, lines)
    assert list(named(found)) == [number + 1]
    with pytest.raises(Refusal, match=f"line {number + 1} was changed after it was written") as refused:
        found.refuse_broken()
    assert refused.value.code == "broken_chain"


@pytest.mark.parametrize("number", range(4))
def test_an_edit_with_a_new_hash_shows_in_the_next_line(tmp_path, number):
    lines = written()
    record = json.loads(lines[number]) | {"loss": 9.0}
    del record["hash"]
    lines[number] = text(seal({k: v for k, v in record.items() if k != "previous"}, record["previous"]))
    assert named(judged(tmp_path, lines)) == {
        number
        + 2: f"does not follow line {number + 1}: that line was replaced, or lines were removed, added or moved here"
    }


def test_lines_that_are_removed_or_moved_show(tmp_path):
    a, b, c, d, e = written()
    assert list(named(judged(tmp_path, [a, c, d, e]))) == [2]
    assert list(named(judged(tmp_path, [b, c, d, e]))) == [1]
    assert list(named(judged(tmp_path, [a, c, b, d, e]))) == [2, 3, 4]
    assert list(named(judged(tmp_path, [a, b, b, c, d, e]))) == [3]
    assert list(named(judged(tmp_path, [a, b, text(RECORDS[2]), d, e]))) == [3]


def test_what_the_chain_cannot_show_a_kept_hash_does(tmp_path):
    lines = written()
    head = json.loads(lines[-1])["hash"]
    whole, cut = judged(tmp_path, lines), judged(tmp_path, lines[:-1])
    assert not cut.broken
    assert whole.holds(head)
    assert whole.holds(head[:12])
    assert not whole.holds(head[:4])  # too few to mean anything
    assert not cut.holds(head)
    anew = judged(tmp_path, written([RECORDS[0] | {"loss": 9.0}, *RECORDS[1:]]))
    assert not anew.broken
    assert not anew.holds(head)


def test_an_old_ledger_without_hashes_is_read_and_sealed_from_then_on(tmp_path):
    old = [text(record) for record in RECORDS[:3]]
    ledger = judged(tmp_path, old)
    assert (ledger.unsealed, ledger.broken) == (3, [])
    sealed = [text(seal(RECORDS[3], ledger.head))]
    assert not judged(tmp_path, old + sealed).broken
    for number in range(3):
        edited = [line.replace('"loss": 2', '"loss": 3') if i == number else line for i, line in enumerate(old)]
        assert list(named(judged(tmp_path, edited + sealed))) == [4]
        assert not judged(tmp_path, edited).broken  # nothing can show it yet
