"""A process names itself, and one that has ended is seen to have ended."""

import json
import os
import subprocess
import sys

from sweep.train.owner import described, gone, life, owner

TELL = "import json; from sweep.train.owner import owner; print(json.dumps(owner()), flush=True); input()"


def test_another_process_is_there_until_it_ends():
    with subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        other = json.loads(child.stdout.readline())
        assert other["pid"] == child.pid
        assert not gone(other)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert gone(other)  # and its parent has not asked yet
        child.wait()
        assert gone(other)


def test_a_number_that_was_given_to_another_process_is_not_the_same_process():
    assert gone({**owner(), "process": [*life(os.getpid())[:2], "1"]})


def test_nothing_is_known_of_other_machines_and_other_containers():
    mine = owner()
    boot, space, _ = mine["process"]
    assert not gone({**mine, "process": ["another boot", space, "1"]})
    assert not gone({**mine, "process": [boot, "pid:[1]", "1"]})
    assert not gone({"host": "old", "pid": 1})


def test_it_is_named_by_number_host_and_since_when():
    assert described({"pid": 7, "host": "h", "since": "then"}) == "process 7 on host h, since then"
