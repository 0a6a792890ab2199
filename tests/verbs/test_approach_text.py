"""Lines under approach 2: the variant and the bias, where there are any."""

from sweep.verbs.approach_text import under_parabolas


def row(title, block, answer):
    return f"{title} {block['a']} {answer['params']}"


def test_variant_and_bias():
    variant = {"status": "ok", "a": 0.5, "target": {"params": 7.0}}
    off = {"flops": 1e23, "params": -0.034, "tokens": 0.041, "a": 0.0}
    lines = under_parabolas({"approach2": {"interpolation": variant, "bias_at_target": off}}, row)
    assert lines[0] == "  or interpolated 0.5 7.0"
    assert "N* -3.4%, D* +4.1%" in lines[1]


def test_nothing_where_there_is_no_answer():
    assert under_parabolas({"approach2": {"interpolation": {"status": "refused"}}}, row) == []
    assert under_parabolas({"approach2": {"interpolation": {"status": "refused"}, "bias_at_target": None}}, row) == []
