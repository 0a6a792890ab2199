"""Whatever is not markup is escaped."""

from sweep.report.markup import Markup, facts, join, section, stacked, table, tag

EVIL = '<script>alert("x")</script>'


def test_children_and_attributes_are_escaped():
    made = tag("p", EVIL, title=EVIL)
    assert "<script" not in made
    assert made.count("&lt;script&gt;") == 2
    assert '"x"' not in made


def test_markup_is_placed_as_it_is_and_underscores_become_attribute_names():
    assert (
        tag("p", tag("b", "bold"), class_="a", aria_hidden="true") == '<p class="a" aria-hidden="true"><b>bold</b></p>'
    )


def test_every_builder_escapes():
    for made in (join([EVIL]), table([EVIL], [[EVIL]], caption=EVIL), facts([(EVIL, EVIL)]), stacked(EVIL, EVIL)):
        assert isinstance(made, Markup)
        assert "<script" not in made
    assert "<script" not in section("x", EVIL, EVIL)


def test_void_elements_have_no_end():
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_numeric_columns_are_marked():
    assert table(["a", "b"], [["x", "1"]], numeric=[1]).count('class="number"') == 2
