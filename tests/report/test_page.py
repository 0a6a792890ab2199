"""The page as a reader meets it: parsed, cut short, and opened in a real browser with the network off."""

import dataclasses
import json
import os
import random
import re
import subprocess
from html.parser import HTMLParser

import pytest

from sweep.errors import InputError
from sweep.report import numbers, page, report, theme
from sweep.report.load import load
from tests.report.browser import CHROMIUM, FLAGS, needs_browser
from tests.report.simulated import build, losses

VOID = {"meta", "link", "br", "hr", "input"}
PROBE = """<script>
addEventListener("load", () => {
const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
const charts = [...document.querySelectorAll("svg.chart")].filter(e => box(e)[0] > 0);
const marks = charts.map(e => e.querySelectorAll(".role-mark path, .role-mark line, .role-mark text").length);
const probe = {boxes: charts.map(box), drawn: charts.map(e => { const b = e.getBBox(); return [b.width, b.height]; }),
  marks, width: document.documentElement.scrollWidth};
const told = document.createElement("pre"); told.id = "probe"; told.textContent = JSON.stringify(probe);
document.body.append(told); console.log("probe ran");
});
</script>"""


class Page(HTMLParser):
    """Sections by id with their text; `open` is left empty by a page whose tags balance."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.sections: dict[str, str] = {}
        self.cells: list[list[str]] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.current = "header"
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.references += [values[name] or "" for name in ("src", "href", "xlink:href", "data") if name in values]
        if tag == "section":
            self.current = values["id"] or ""
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open or "svg" in self.open:
            return
        self.sections[self.current] = self.sections.get(self.current, "") + data
        if self.open and self.open[-1] != "caption" and {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


@pytest.fixture(scope="module")
def parsed(whole_page) -> Page:
    return Page(whole_page)


def row_of(parsed: Page, start: str) -> list[str]:
    return next(row for row in parsed.cells if row and row[0] == start)


def test_tags_balance_and_every_section_is_there(parsed):
    assert parsed.open == []
    assert list(parsed.sections)[1:] == [
        "isoflop", "frontier", "forecast", "curves", "law", "bootstrap", "trust", "multiverse", "learning-rates",
        "failed", "conventions", "trials", "provenance",
    ]  # fmt: skip


def test_nothing_comes_from_outside(parsed, whole_page):
    assert "http" not in whole_page
    assert "@import" not in whole_page
    assert "script" not in parsed.tags
    assert all(ref.startswith(("#", "data:")) for ref in parsed.references)
    assert "url(#" in whole_page
    assert set(re.findall(r"url\(([^#])", whole_page)) == set()


def test_no_id_is_used_twice(whole_page):
    ids = re.findall(r'\bid="([^"]+)"', whole_page)
    assert len(ids) == len(set(ids))


def test_text_of_the_files_is_escaped(parsed, whole_page):
    assert "simulated <law>" in parsed.sections["header"]
    assert "<law>" not in whole_page
    assert "out of memory on <device 0>" in parsed.sections["failed"]
    assert "<device" not in whole_page


def test_trials_are_all_there_with_status_and_reason(parsed):
    for row in losses():
        shown = row_of(parsed, row["trial"]) if row["status"] == "done" else None
        if shown:
            assert shown[1] == "done"
            assert shown[6] == f"{numbers.loss(row['loss'])} ± 0.004"
            assert shown[3] == numbers.count(row["params_with_head"])
        else:
            assert f"{row['reason']}" in parsed.sections["trials"]
            assert f"{row['reason']}" in parsed.sections["failed"]


def test_approaches_side_by_side_equal_the_fit(parsed, run):
    for k, name in ((1, "1 envelope"), (2, "2 isoFLOP parabolas"), (3, "3 parametric law")):
        shown = next(row for row in parsed.cells if row and row[0].strip() == name)
        approach, at = run.fit[f"approach{k}"], run.fit["target"][f"approach{k}"]
        lo, hi = approach["a_interval"]
        assert shown[1] == f"{approach['a']:.3f}{lo:.3f} to {hi:.3f}"
        assert shown[3].startswith(numbers.count(at["params"]))
        assert shown[4].startswith(numbers.count(at["tokens"]))


def test_coefficients_equal_the_fit(parsed, run):
    for name, value in run.fit["params"].items():
        lo, hi = run.fit["interval"][name]
        expected = [numbers.short(v) for v in (value, run.fit["se"][name])]
        assert row_of(parsed, name)[1:] == [*expected, f"{numbers.short(lo)} to {numbers.short(hi)}"]


def test_forecast_and_outcome_side_by_side(parsed, run):
    shown = next(row for row in parsed.cells if row and row[0].startswith("1. 2026-03-01"))
    assert shown[4].startswith(numbers.loss(run.ledger[0]["loss"]))
    assert shown[5].startswith(numbers.loss(run.ledger[1]["loss"]))
    assert shown[7] == ("inside" if run.ledger[1]["inside"] else "outside")
    assert next(row for row in parsed.cells if row and row[0].startswith("2. 2026-03-02"))[7] == "open"


def test_conventions_name_what_the_fit_used(parsed):
    used = {row[1] for row in parsed.cells if row and row[-1] == "used"}
    assert used == {"with_head", "exact"}
    assert "0.94 to 0.94" in parsed.sections["conventions"]  # simulated so


def test_provenance_and_warnings(parsed, run):
    for text in (run.sweep["hash"], "jax 0.10.2", "feedc0de", "2026-03-03 12:00 UTC", "cpu"):
        assert text in parsed.sections["provenance"]
    assert run.fit["warnings"][0]["message"] in parsed.sections["law"]


@pytest.mark.parametrize(
    ("leave_out", "section", "says"),
    [
        (("fit/fit.json", "fit/lanes.parquet"), "frontier", "No approach has been fitted"),
        (("fit/lanes.parquet",), "bootstrap", "nothing here has an interval"),
        (("curves.parquet",), "curves", "No loss curves"),
        (("forecast.jsonl",), "forecast", "No forecast has been written down"),
    ],
)
def test_a_missing_file_is_said_and_the_rest_stands(tmp_path, leave_out, section, says):
    found = Page(page.html(load(build(tmp_path / "run", leave_out)), "today"))
    assert found.open == []
    assert says in found.sections[section]
    assert row_of(found, losses()[0]["trial"])


def test_only_a_loss_table_is_enough(tmp_path):
    names = ("fit/fit.json", "fit/lanes.parquet", "curves.parquet", "forecast.jsonl")
    path = build(tmp_path / "run", names)
    (path / "sweep.json").write_text("{}")
    found = Page(page.html(load(path), "today"))
    assert found.sections["header"].count("No fit yet") == 1
    assert "not recorded" in found.sections["provenance"]


def holes(value, rng: random.Random, share: float, keep: bool = False):
    """`value` with a share of its parts missing or null, at any depth; entries of a list of objects stay objects."""
    if not keep and rng.random() < share:
        return None
    if isinstance(value, dict):
        return {k: holes(v, rng, share) for k, v in value.items() if rng.random() > share / 2}
    return [holes(v, rng, share, isinstance(v, dict)) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(6))
def test_anything_may_be_missing(run, monkeypatch, seed):
    monkeypatch.setattr(theme.vl_convert, "vegalite_to_svg", lambda spec, **_: '<svg class="marks"></svg>')  # for speed
    rng, share = random.Random(seed), (0.03, 0.1, 0.3)[seed % 3]
    names = ("sweep", "losses", "curves", "fit", "lanes", "ledger")
    cut = {name: holes(getattr(run, name), rng, share, keep=True) for name in names}
    assert Page(page.html(dataclasses.replace(run, **cut), "today")).open == []


def test_the_page_appears_whole(tmp_path):
    path = build(tmp_path / "run", ("curves.parquet", "fit/lanes.parquet"))
    out = report(path)
    assert out == path / "report.html"
    assert out.read_text().endswith("</html>\n")
    assert [p.name for p in path.iterdir() if p.name.startswith(".")] == []
    assert report(path, tmp_path / "other.html") == tmp_path / "other.html"


def test_nowhere_to_write_is_one_line(tmp_path):
    path = build(tmp_path / "run", ("curves.parquet", "fit/fit.json", "fit/lanes.parquet"))
    with pytest.raises(InputError, match="cannot be written"):
        report(path, path / "sweep.json" / "report.html")  # beneath a file
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="cannot be written"):
        report(path, path)  # a folder
    assert sorted(tmp_path.iterdir()) == before


def browse(tmp_path, text: str, width: int) -> tuple[dict, list[str], bytes]:
    """The probe's findings, the console, and a screenshot of a page opened with the network off."""
    file = tmp_path / "page.html"
    file.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    runs = []
    for i, wanted in enumerate(([f"--screenshot={tmp_path}/page.png"], ["--dump-dom"])):
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}/profile{i}", f"--window-size={width},1400"]
        environment = {**os.environ, "HOME": str(tmp_path)}
        runs.append(
            subprocess.run([*command, *wanted, file.as_uri()], capture_output=True, timeout=120, env=environment)
        )
    dom = runs[1].stdout.decode()
    told = re.search(r'<pre id="probe">(.*?)</pre>', dom)
    assert told, runs[1].stderr.decode()[-2000:]
    console = [line for line in runs[1].stderr.decode().splitlines() if "CONSOLE" in line]
    return json.loads(told[1]), console, (tmp_path / "page.png").read_bytes()


@needs_browser
@pytest.mark.parametrize("width", [1200, 520])
def test_charts_render_in_a_browser_with_the_network_off(tmp_path, whole_page, width):
    found, console, picture = browse(tmp_path, whole_page, width)
    assert len(found["boxes"]) == 18  # one drawing of each chart is visible, the wide or the narrow one
    for box, drawn in zip(found["boxes"], found["drawn"], strict=True):
        assert min(*box, *drawn) > 40
    assert min(found["marks"]) > 0
    assert found["width"] <= width  # nothing sticks out sideways
    assert [line for line in console if "probe ran" not in line] == []
    assert len(console) == 1
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


@needs_browser
def test_the_browser_test_would_see_trouble(tmp_path, whole_page):
    lost = """<img src="http://127.0.0.1:9/x.png" onerror="console.error('image lost')">"""
    broken = whole_page.replace("</main>", f"{lost}<script>undefined.x</script></main>")
    found, console, _ = browse(tmp_path, re.sub(r'<svg[^>]*class="chart".*?</svg>', "", broken, flags=re.S), 1200)
    assert found["boxes"] == []
    assert any("image lost" in line for line in console)
    assert any("TypeError" in line for line in console)
