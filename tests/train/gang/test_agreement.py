"""Hosts that disagree: one line that names the host and the difference, on all of them, by `sweep run` itself."""

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep import cli
from sweep.errors import Refusal
from sweep.train.data.shards import open_folder
from sweep.train.gang import agreement
from sweep.train.gang.team import Team
from sweep.train.watch import leave
from tests.train import corpora
from tests.train.gang.processes import Ended, environment_of, place, run
from tests.train.gang.test_team import together

CONFIG = '''"""A sweep for tests."""
from tests.train.corpora import sweep_on

SWEEP = sweep_on("tokens")
'''


def host(folder: str, words: Sequence[Sequence[str]]) -> None:
    """`sweep run` in this host's own folder, with its own words."""
    address, processes, rank = place()
    agreement.SEEN_SECONDS = 1.0
    os.chdir(Path(folder) / str(rank))
    flags = ["--coordinator", address, "--processes", str(processes), "--process", str(rank)]
    leave(cli.main(["run", "config.py", *flags, *words[rank]]))


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Two hosts that have a disk each, with the same on both."""
    for rank in range(2):
        (tmp_path / str(rank)).mkdir()
        (tmp_path / str(rank) / "config.py").write_text(CONFIG)
        corpora.write(tmp_path / str(rank) / "tokens")
    return tmp_path


def told(hosts: Path, *words: Sequence[str], environments: Sequence[Mapping[str, str]] = ()) -> list[Ended]:
    """What both say and how they end."""
    return run(host, 2, str(hosts), list(words) or [[], []], joined=False, environments=environments, timeout=90)


def check(ended: Sequence[Ended], code: int, *words: str) -> None:
    """Both end with the code, and with one line that has the words."""
    assert [one.code for one in ended] == [code, code], ended
    for one in ended:
        assert one.out == ""
        (line,) = [line for line in one.err.splitlines() if "processes x" not in line]
        for word in words:
            assert word in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ([["--budgets", "8e7"], ["--budgets", "9e7"]], 2, ["budgets", "process 1 of 2 (host ", "90000000.0"]),
        ([[], ["--checkpoint.minutes", "7"]], 2, ["checkpoint.minutes is 7.0 in process 1 of 2"]),
        ([[], ["--checkpoint.minuets", "7"]], 1, ["--checkpoint.minuets"]),
    ],
)
def test_another_config(hosts, words, code, expected):
    ended = told(hosts, *words)
    check(ended, code, *expected)
    if code == 2:
        assert "refused (hosts_disagree)" in ended[0].err


def test_another_number_of_devices(hosts):
    check(
        told(hosts, environments=[{}, {"XLA_FLAGS": environment_of(2)["XLA_FLAGS"]}]),
        2,
        "refused (hosts_disagree): devices is 2 in process 1 of 2 (host ",
        "and 1 in process 0 of 2",
    )


@pytest.mark.slow
def test_other_tokens(hosts):
    shutil.rmtree(hosts / "1" / "tokens")
    corpora.write(hosts / "1" / "tokens", seed=1)
    check(told(hosts), 2, "refused (hosts_disagree): fingerprint of the tokens is ", "in process 1 of 2 (host ")


def test_other_bytes_under_the_same_manifest(hosts):
    """One token of the held-out text differs; the manifest says nothing of it."""
    whole = open_folder(hosts / "0" / "tokens")
    changed = np.array(whole.val)
    changed[len(changed) // 2] ^= 1

    def work(team: Team) -> str:
        corpus = whole if team.leads else dataclasses.replace(whole, val=changed)
        with pytest.raises(Refusal) as refusal:
            agreement.same_data(team, corpus)
        return str(refusal.value)

    said = together((0, 1), work)
    assert said[0] == said[1]
    assert said[0].startswith("SHA-256 of what val.bin holds is ")


@pytest.mark.slow
def test_a_corpus_that_one_host_has_not(hosts):
    shutil.rmtree(hosts / "1" / "tokens")
    ended = told(hosts)
    check(ended, 1, "tokens")
    assert "error: process 1 of 2 (host " in ended[0].err


@pytest.mark.slow
def test_a_config_that_one_host_has_not(hosts):
    (hosts / "0" / "config.py").unlink()
    ended = told(hosts)
    check(ended, 1, "config.py")
    assert "error: process 0 of 2 (host " in ended[1].err


@pytest.mark.slow
def test_a_run_directory_that_is_on_one_host_alone(hosts):
    check(
        told(hosts, ["--out", "run"], ["--out", "run"]),
        2,
        "process 1 of 2 (host ",
        "does not see the run directory run of process 0 of 2 (host ",
        "give --out a folder that all hosts share",
    )
    assert not (hosts / "1" / "run").exists()


@pytest.mark.slow
def test_a_run_directory_of_another_sweep(hosts):
    out = hosts / "shared"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    ended = told(hosts, *[["--out", str(out)]] * 2)
    check(ended, 2, "refused (another_sweep)", "is not empty and holds no sweep")


def test_one_host_needs_nobody(tmp_path: Path, monkeypatch: Any):
    from sweep.train.gang.team import ALONE

    agreement.same(ALONE, {"a": 1}, "")
    agreement.same_devices(ALONE)
    agreement.same_folder(ALONE, tmp_path)
    assert list(tmp_path.iterdir()) == []
