"""A plan in sentences and tables."""

import re

from sweep.plan import plan
from sweep.report import plan_words as words


def cells(table) -> list[str]:
    return re.findall(r"<td[^>]*>(.*?)</td>", str(table))


def test_the_verdict_and_what_is_around_it():
    made = plan("besiroglu", like_compute=1e22, inference_tokens=1e13, unique_tokens=1e12).record
    assert words.verdict(made) == "Train 3.18B parameters on 1T tokens for a loss of 2.1411 nats/token."
    told = " ".join(words.sentences(made))
    assert "run of 1e+22 FLOPs on text without limit, not on 1T tokens: 2.1411 nats/token, serving 10T tokens." in told
    assert "1 pass over 1T unique tokens; twice the text" in told


def test_a_run_that_is_judged_is_not_recommended():
    made = plan("besiroglu", params=8e9, tokens=15e12).record
    assert words.verdict(made).startswith("8B parameters on 15T tokens reach a loss of")
    assert any(text.startswith("Better for the same spend: ") for text in words.sentences(made))


def test_tables_hold_the_record():
    made = plan("besiroglu", loss=2.2, inference_tokens=1e12, versus=("100M",)).record
    rows = cells(words.break_even_table(made))
    assert len(rows) == 8 * len(made["break_even"]["rows"])
    assert rows[0] == "0"
    others = cells(words.sizes_table(made))
    assert others[:3] == ["100M", "never reaches this loss", "–"]
    assert words.break_even_table(plan("besiroglu", loss=2.2).record) is None
    assert cells(words.numbers_table(made))[:2] == ["parameters", words.short(made["params"])]


def test_digits_in_groups():
    assert words.grouped(1557.4) == "1,557"
    assert words.grouped(81234.5, 3) == "81,200"
    assert words.grouped(20.14, 3) == "20.1"
    assert words.grouped(None) == "–"
