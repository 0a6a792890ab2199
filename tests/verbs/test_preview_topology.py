"""A plan for hosts that are not here, as the command tells it."""

import json

import jax
import pytest

from sweep import cli

POD = ["preview", "configs/pod.py", "--assume-tokens", "6e10", "--assume-vocab", "32768"]


def run(capsys, *words: str, code: int = 0) -> dict:
    assert cli.main([*POD, *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_pod_is_planned_without_it(capsys):
    data = run(capsys, "--topology", "v5p:4x4x4", "--hosts", "16", "--price", "4.2", "--mfu", "0.5")
    assert (data["topology"], data["hosts"], data["devices_per_host"]) == ("v5p:4x4x4", 16, 4)
    placed = data["placement"]
    assert (placed["hosts"], placed["devices"], placed["devices_per_host"]) == (16, 64, 4)
    assert placed["utilisation"] > 0.99
    assert placed["makespan_ratio"] < 1.05
    for one in placed["cohorts"]:
        assert len(one["hosts"]) * 4 == one["devices"]
        assert one["hosts"][0] * 4 == one["first"]
        assert one["fits"]
        assert 0 < one["memory_bytes"] < data["device"]["memory_bytes"]
    busy = sum(one["devices"] * (one["end"] - one["start"]) for one in placed["cohorts"]) / 64
    assert busy == pytest.approx(placed["utilisation"], abs=0.02)
    assert data["hours_least"] == pytest.approx(data["totals"]["flops_exact"] / (64 * 459e12) / 3600)
    assert data["hours_least"] < 0.5 * data["hours"] < 1.1 * data["hours_least"]
    assert data["totals"]["hours"] == data["hours"]
    assert data["dollars"] == pytest.approx(data["hours"] * 64 * 4.2)
    assert data["files"][0]["path"] == "cohorts/*/checkpoints/*"
    assert data["files"][0]["bytes"] > 12 * 3 * max(c["params_with_head"] for c in data["cohorts"])
    assert set(jax._src.xla_bridge._backends) <= {"cpu"}  # pyright: ignore


def test_hosts_of_gpus_are_counted(capsys):
    data = run(capsys, "--topology", "h100:8", "--hosts", "4")
    assert (data["hosts"], data["devices_per_host"], data["mfu"], data["dollars"]) == (4, 8, 0.4, None)
    assert {one["devices"] % 8 for one in data["placement"]["cohorts"]} == {0}


def test_what_does_not_fit_is_refused(capsys):
    data = run(capsys, "--topology", "v5e:2x4", code=2)
    assert data["refused"][0]["code"] == "too_large"
    assert not all(one["fits"] for one in data["placement"]["cohorts"])


def test_a_limit_of_hours_holds(capsys):
    data = run(capsys, "--topology", "v5p:4x4x4", "--hours", "10", code=2)
    assert [r["code"] for r in data["refused"]] == ["too_long"]


def test_the_text_names_hosts_and_assumptions(capsys):
    assert cli.main([*POD, "--topology", "v5p:4x4x4", "--hosts", "16", "--price", "4.2"]) == 0
    text = capsys.readouterr().out
    assert "place    on 16 hosts of 4, busy " in text
    assert "target   v5p:4x4x4: 16 hosts of 4 x tpu-v5p" in text
    assert "at $4.2 a device-hour" in text
    assert "if a busy device reaches 40% of its peak (--mfu, an assumption)" in text
    assert "0-15" in text
    assert "cohorts/*/checkpoints/*" in text
    assert "not probed" not in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--topology", "v5p:4x4x4", "--hosts", "10"], "has 64 chips on 16 hosts, and 10 cannot share them"),
        (["--topology", "v5p:4x4x4", "--mfu", "40"], "--mfu 40: the share of the peak"),
        (["--topology", "v5p:4x4x4", "--mfu", "nan"], "--mfu nan"),
        (["--topology", "v5p:4x4x4", "--price", "-1"], "--price -1: dollars"),
        (["--topology", "v5p:4x4x4", "--devices", "8"], "--devices and --platform do not go with --topology"),
        (["--topology", "v5p:4x4x4", "--compile", "v5p:4x4x4"], "do not go with --compile"),
        (["--no-probe", "--hosts", "4"], "--hosts goes with --topology or --compile"),
        (["--no-probe", "--mfu", "0.5"], "--mfu goes with --topology,"),
        (["--no-probe", "--price", "2"], "--price goes with --topology or --compile"),
    ],
)
def test_what_means_nothing_is_one_line(capsys, words, why):
    assert cli.main([*POD, *words]) == 1
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1
