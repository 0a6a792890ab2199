"""Tables drawn with pipes, as papers' READMEs and database shells have them."""

import pytest

from sweep.errors import InputError
from sweep.tables.load import load
from sweep.tables.read import read

DRAWN = """\
| params | tokens | loss | note |
|-------:|:------:|------|:-----|
| 1e6    | 2e7    | 4.0  | a \\| b |
| 2M     | 4e7    | **3.5** | `c` |
| 3e6 | 9e7 | 3.1 | |
"""
LOSSES = [4.0, 3.5, 3.1]


def put(tmp_path, text, name="t.md"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize("name", ["t.md", "t.csv", "results.txt"])
@pytest.mark.parametrize("frame", ["{}", "# Results\n\nOf our runs, see a,b:\n\n{}\nThe best one is bold.\n", "\n{}"])
def test_markdown(tmp_path, name, frame):
    file = put(tmp_path, frame.format(DRAWN), name)
    runs = load(file)
    assert runs.loss.tolist() == LOSSES
    assert runs.params.tolist() == [1e6, 2e6, 3e6]
    assert read(file)["note"].to_pylist() == ["a | b", "c", ""]


@pytest.mark.parametrize(
    "text",
    [
        "params | tokens | loss\n--- | --- | ---\n1e6 | 2e7 | 4.0\n2e6 | 4e7 | 3.5\n3e6 | 9e7 | 3.1\n",
        " params | tokens | loss\n--------+--------+------\n 1e6 | 2e7 | 4.0\n 2e6 | 4e7 | 3.5\n 3e6 | 9e7 | 3.1\n",
        "+--+--+--+\n|params|tokens|loss|\n+--+--+--+\n|1e6|2e7|4.0|\n|2e6|4e7|3.5|\n|3e6|9e7|3.1|\n+--+--+--+",
        "params|tokens|loss\n1e6|2e7|4.0\n2e6|4e7|3.5\n3e6|9e7|3.1\n",
        "| params | tokens | loss |\r\n| 1e6 | 2e7 | 4.0 |\r\n| 2e6 | 4e7 | 3.5 |\r\n| 3e6 | 9e7 | 3.1 |\r\n",
    ],
)
def test_without_a_frame_and_from_a_shell(tmp_path, text):
    assert load(put(tmp_path, text, "t.csv")).loss.tolist() == LOSSES


def test_a_row_of_dashes_is_a_row(tmp_path):
    assert read(put(tmp_path, DRAWN + "| - | - | - | - |\n")).num_rows == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{DRAWN}\n\nand\n\n{DRAWN}", r"holds 2 tables \(lines 1, 10\); put one in a file of its own"),
        (DRAWN.replace("| 3.1 | |", "| 3.1 |"), "line 5 has 3 cells, the header has 4"),
        ("# Nothing\n\nhere\n", "no table in it"),
        ("| params | tokens | loss |\n|---|---|---|\n", "a header and no rows"),
    ],
)
def test_what_is_not_read(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load(put(tmp_path, text))
