"""Axes, colours and SVGs that stand alone."""

import re

import altair as alt
import pytest

from sweep.report import theme


@pytest.mark.parametrize(("lo", "hi"), [(400, 4e4), (2.1e4, 3.3e4), (1e9, 1e12), (30, 1.2e4), (1e3, 1e23), (5.1, 5.3)])
def test_log_ticks_are_few_and_inside(lo, hi):
    ticks = theme.log_ticks(lo, hi)
    assert 3 <= len(ticks) <= 8
    assert ticks == sorted(ticks)
    assert lo * 0.99 <= ticks[0] < ticks[-1] <= hi * 1.01


def test_shades_run_through_the_palette():
    assert theme.shades(0) == []
    assert theme.shades(1) == [theme.SEQUENTIAL[4]]
    assert [theme.SEQUENTIAL.index(c) for c in theme.shades(4)] == [0, 3, 5, 8]
    assert len(theme.shades(30)) == 30


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("palette", "paper"), [(theme.SEQUENTIAL, theme.PAPER), (theme.DARK_SEQUENTIAL, theme.DARK_PAPER)]
)
def test_the_palette_is_told_apart_by_lightness_alone_and_seen_on_its_ground(palette, paper):
    steps = [luminance(color) for color in palette]
    assert steps == sorted(steps) or steps == sorted(steps, reverse=True)
    for color in (luminance(c) for c in palette):
        lighter, darker = max(color, luminance(paper)), min(color, luminance(paper))
        assert (lighter + 0.05) / (darker + 0.05) > 2.4  # WCAG contrast; 3 is asked of graphics without labels


def test_svg_needs_nothing_from_outside_and_shares_no_id():
    chart = alt.Chart(theme.data([{"a": 1, "b": 2}])).mark_point(clip=True).encode(x="a:Q", y="b:Q")
    one, two = (theme.svg(chart, name, "a < b") for name in ("one", "two"))
    assert "http" not in one
    assert "<script" not in one
    assert 'aria-label="a &lt; b"' in one
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= ids[0]
