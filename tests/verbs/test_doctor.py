"""`sweep doctor` finds what works here, and says how to cure what does not."""

import json

import pytest

from sweep.verbs import doctor


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))


def test_a_sound_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "FREE_GB", 0.0)
    output = doctor.run(doctor.Args(out=str(tmp_path)))
    assert output.code == 0
    assert json.loads(json.dumps(output.data)) == output.data
    assert output.data["ok"]
    assert output.data["checks"]["devices"]["found"] == "8 x cpu (cpu)"
    assert output.data["checks"]["collectives"]["found"] == "sum over 8 devices"
    assert output.data["notes"]["attention"] == "xla"
    assert "unknown" in output.data["notes"]["peak"]
    assert "BAD" not in output.text
    assert output.data["versions"]["jax"] in output.text


def test_a_full_disk_and_a_locked_cache_are_told_with_their_cure(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(doctor, "FREE_GB", 1e9)
    output = doctor.run(doctor.Args(out=str(tmp_path)))
    assert output.code == 2
    assert [name for name, check in output.data["checks"].items() if not check["ok"]] == ["cache", "disk"]
    bad = [line for line in output.text.splitlines() if line.startswith("BAD")]
    assert "set SWEEP_CACHE to a writable folder" in bad[0]
    assert "GB or choose another --out" in bad[1]


def test_a_place_that_is_not_there_yet(monkeypatch, tmp_path):
    """Run directories are made on the way: the space that counts is that of the nearest folder above."""
    monkeypatch.setattr(doctor, "FREE_GB", 0.0)
    assert doctor.run(doctor.Args(out=str(tmp_path / "runs" / "new"))).code == 0


def test_wrong_arithmetic_is_seen(monkeypatch):
    monkeypatch.setattr(doctor.jnp, "asarray", lambda x, dtype: x * 1.5)
    assert doctor.matmul()[0] is False


def test_missing_extras_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    text = doctor.run(doctor.Args(out=str(tmp_path))).text
    assert all(cure in text for cure in doctor.OPTIONAL.values())
