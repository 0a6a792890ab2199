"""The log of a cohort."""

import json

from sweep.train.log import Log


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Log(path)
    assert log.events() == []
    log.write(begun=1)
    log.write(saved=4)
    with path.open("a") as file:
        file.write(json.dumps({"saved": 5})[:-3])
    assert [set(e) - {"time"} for e in log.events()] == [{"begun"}, {"saved"}]
    assert (log.has("saved"), log.count("begun"), log.has("warning")) == (True, 1, False)
