"""A page is one string that balances and escapes."""

from sweep.report.document import document
from sweep.report.markup import section
from tests.report.test_page import Page


def test_document():
    text = document("a <b>", "2026-03-03", ["first", "second"], [section("one", "One", "body & more")])
    page = Page(text)
    assert page.open == []
    assert text.startswith("<!doctype html>")
    assert "a &lt;b&gt;" in text
    assert "first" in page.sections["header"]
    assert "body & more" in page.sections["one"]
    assert "prefers-color-scheme: dark" in text
