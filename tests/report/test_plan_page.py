"""The page of a plan: parsed, and planned with again in a real browser, against the planner in Python."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sweep.errors import InputError
from sweep.plan import plan
from sweep.report import plan_page
from sweep.report import plan_words as words
from tests.report import browser, planned
from tests.report.test_page import Page

BLOCKS = (
    "params", "tokens", "flops", "loss", "tokens_per_param", "interval", "flat_band", "best_at_equal_spend", "regret",
    "cost", "break_even", "data", "extrapolation", "cheapest_within_tolerance", "budget_left",
)  # fmt: skip
SHARES = ("saving", "gain", "increase", "budget_left")  # differences, told in absolute terms
SECTIONS = ["move", "numbers", "frontier", "demand", "cost", "break-even", "known", "provenance"]


@pytest.fixture(scope="module")
def page() -> str:
    return plan_page.html(planned.of_fit(), "2026-11-28 12:00 UTC")


@pytest.fixture(scope="module")
def parsed(page) -> Page:
    return Page(without_scripts(page))


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_sections_verdict_and_balance(parsed):
    assert parsed.open == []
    assert list(parsed.sections)[1:] == SECTIONS
    record = planned.of_fit().record
    assert words.verdict(record) in parsed.sections["header"]
    assert "to serve" in parsed.sections["header"]


def test_nothing_comes_from_outside_and_no_id_is_used_twice(page, parsed):
    assert "http" not in page
    assert "@import" not in page
    assert all(ref.startswith(("#", "data:")) for ref in parsed.references)
    ids = re.findall(r'\bid="([^"$]+)"', without_scripts(page))
    assert len(ids) == len(set(ids))


def test_every_input_has_a_label(page):
    form = re.findall(r"<form.*?</form>", page, re.S)[0]
    named = re.findall(r"<label[^>]*><span>[^<]+</span><(?:input|select)", form)
    sliders = re.findall(r'<input type="range"[^>]*aria-label="[^"]+"', form)
    assert len(named) + len(sliders) == len(re.findall(r"<(?:input|select)\b", form)) > 20


def test_the_charts_of_the_plan_stand_in_the_page_without_any_script(parsed, page):
    assert without_scripts(page).count('class="chart"') == 6
    assert "Without scripts" in parsed.sections["move"]


def test_a_law_of_another_form_gets_the_plan_as_asked_and_says_so(found):
    other = planned.of_fit()
    law = dataclasses.replace(other.source.surface.law, id="farseer")
    source = dataclasses.replace(other.source, surface=dataclasses.replace(other.source.surface, law=law), lanes=None)
    page = plan_page.html(dataclasses.replace(other, source=source), "today")
    assert "<script" not in page
    assert "cannot plan again by itself" in page
    assert page.count('class="chart"') == 6


def test_text_of_a_file_cannot_end_the_script(found):
    record = {**found.record, "source": "</script><b>x</b>.csv"}
    page = plan_page.html(plan(dataclasses.replace(found, record=record), compute=1e21), "today")
    assert "<b>x" not in page
    assert page.count("</script>") == 2


def test_where_it_is_written(tmp_path):
    assert plan_page.plan_page(planned.of_fit(), tmp_path / "plan.html").read_text().startswith("<!doctype html>")
    with pytest.raises(InputError, match="cannot be written"):
        plan_page.plan_page(planned.of_fit(), tmp_path)


def differences(path: str, ours: Any, theirs: Any, rel: float) -> list[str]:
    """Where the page's numbers are not the planner's; its own keys beyond those are its business."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        shared = ours.keys() & theirs.keys()
        return [line for key in sorted(shared) for line in differences(f"{path}.{key}", ours[key], theirs[key], rel)]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for i, (a, b) in pairs for line in differences(f"{path}[{i}]", a, b, rel)]
    if isinstance(ours, float | int) and isinstance(theirs, float | int):
        scale = 1.0 if any(word in path for word in SHARES) else abs(ours)
        return [] if abs(ours - theirs) <= rel * scale else [f"{path}: {ours!r} is {theirs!r} on the page"]
    return [] if ours == theirs else [f"{path}: {ours!r} is {theirs!r} on the page"]


def compared(folder, page: str, cases: list, answered: Any, rel: float) -> tuple[int, int]:
    """(plans, refusals) on which page and planner agree."""
    asked = json.dumps([planned.as_the_page_asks(law, kw) for law, kw in cases])
    script = f"""return {asked}.map(asked => {{ try {{ return planner.plan(asked); }}
      catch (error) {{ return {{code: error.code, message: error.message}}; }} }});"""
    told, console = browser.told(folder, page, script)
    assert console == []
    refused = 0
    for (law, kw), theirs in zip(cases, told, strict=True):
        ours = answered(law, kw)
        assert ours.get("code") == theirs.get("code"), (law, kw, theirs)
        if "code" in ours:
            refused += 1
            assert "NaN" not in theirs["message"], theirs
            continue
        wrong = [
            line for block in BLOCKS if block in ours for line in differences(block, ours[block], theirs[block], rel)
        ]
        assert wrong == [], (law, kw)
        assert {"params", "tokens", "loss", "interval"} <= theirs.keys()
    return len(cases) - refused, refused


@browser.needs_browser
def test_the_browser_plans_as_the_planner_does(tmp_path, page):
    plans, refusals = compared(tmp_path, page, planned.grid(), planned.answered, 1e-6)
    assert plans > 100
    assert refusals > 15


@browser.needs_browser
def test_the_browser_prices_repeated_text_as_the_planner_does(tmp_path, page):
    plans, _ = compared(tmp_path, page, planned.repeated(), planned.searched, 1e-6)
    assert plans == len(planned.repeated())


MOVES = Path(__file__).with_name("moves.js").read_text()


@pytest.fixture(scope="module")
def moved(tmp_path_factory, page) -> dict[str, Any]:
    if browser.CHROMIUM is None:
        pytest.skip("no browser")
    seen, console = browser.told(tmp_path_factory.mktemp("moved"), page, MOVES)
    assert console == []
    return seen


@browser.needs_browser
def test_the_page_opens_with_the_numbers_that_stand_in_it(moved):
    record = planned.of_fit().record
    start = moved["start"]
    assert start["verdict"] == words.verdict(record)
    assert start["ledes"].split("\n\n") == words.sentences(record)
    models = plan_page.known(planned.of_fit())
    tables = [
        words.numbers_table(record),
        words.break_even_table(record),
        words.sizes_table(record),
        words.models_table(models),
    ]
    for drawn, written in zip(start["tables"], tables, strict=True):
        cells = re.sub(r"<[^>]+>", " ", str(written)).split()
        assert drawn.split() == cells


@browser.needs_browser
def test_refusals_are_words(moved):
    assert "floor" in moved["floor"]["problem"]
    assert "two is no number" in moved["words"]["problem"] or "must be a number" in moved["words"]["problem"]
    assert "alone takes" in moved["demand"]["problem"]
    assert "unique tokens" in moved["unique"]["problem"]
    for name in ("floor", "words", "demand", "unique"):
        assert moved[name]["stale"], name
    for name in ("loss", "unpriced", "repeated", "reset", "slid"):
        assert moved[name]["problem"] == "", name
        assert not moved[name]["stale"], name


@browser.needs_browser
def test_no_number_is_missing_on_the_way(moved):
    seen = {name: state for name, state in moved.items() if isinstance(state, dict)}
    assert len([name for name in seen if name.startswith("law ")]) > 8
    assert [name for name, state in seen.items() if state["nan"] or state["broken"]] == []
    assert min(state["paths"] for state in seen.values()) > 40
    assert max(state["width"] for state in seen.values()) <= 1200


@browser.needs_browser
def test_inputs_move_the_plan_and_come_back(moved):
    verdicts = [moved[name]["verdict"] for name in ("start", "loss", "unpriced", "repeated", "slid")]
    assert len(set(verdicts)) == len(verdicts)
    assert moved["reset"]["verdict"] == moved["start"]["verdict"]
    assert float(moved["field"]) == pytest.approx(1e13, rel=0.03)  # a decade above the plan's
    assert (moved["peak"], moved["source"]) == ("1.97e14", "Google Cloud TPU documentation, 2026-11")


@browser.needs_browser
@pytest.mark.parametrize("width", [520, 1200])
def test_the_page_fits_its_window(tmp_path, page, width):
    script = """const outside = text => {
      const box = text.getBBox(), [, , w, h] = text.ownerSVGElement.getAttribute("viewBox").split(" ").map(Number);
      return box.x < -1 || box.x + box.width > w + 4 || box.y < -1 || box.y + box.height > h + 1; };
    const cut = [...document.querySelectorAll("svg.chart text")].filter(outside).map(text => text.textContent);
    return {width: document.documentElement.scrollWidth, cut};"""
    told, _ = browser.told(tmp_path, page, script, width)
    assert told["width"] <= width
    assert told["cut"] == []


@browser.needs_browser
def test_a_browser_without_the_planner_would_be_noticed(tmp_path, page):
    broken = page.replace("function atLoss", "function elsewhere")
    _, console = browser.told(tmp_path, broken, "return 1")
    assert any("atLoss" in line for line in console)
