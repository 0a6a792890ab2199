"""Lines under approach 2: the variant and the bias, where there are any."""

from sweep.verbs.approach_text import under_parabolas


def row(title, block, answer):
    return f"{title} {block['a']} {answer['params']}"


def test_variant_and_bias():
    variant = {"status": "ok", "a": 0.5, "target": {"params": 7.0}}
    lines = under_parabolas({"approach2": {"interpolation": variant, "bias": -0.034}}, row)
    assert lines[0] == "  or interpolated 0.5 7.0"
    assert "N* -3.4%" in lines[1]


def test_nothing_where_there_is_no_answer():
    assert under_parabolas({"approach2": {"interpolation": {"status": "refused"}}}, row) == []
    assert under_parabolas({"approach2": {"interpolation": {"status": "refused"}, "bias": None}}, row) == []
