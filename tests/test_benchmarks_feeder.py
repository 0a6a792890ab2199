"""The benchmark of the feeder: what it asks for, and that both sides cut the same number of windows."""

import pytest

from benchmarks import feeder


def test_a_host_reads_what_its_share_of_the_slice_trains():
    for need in feeder.demand().values():
        by_hand = 0.5 * 64 * 459e12 / (6 * need["params"]) / 2048 / 16  # 6 N FLOPs a token, attention left out
        assert need["windows_per_s"] == pytest.approx(by_hand, rel=0.35)
        assert need["bytes_per_s"] == need["windows_per_s"] * 2 * 2049


def test_both_sides_are_timed_warm_and_cold(tmp_path):
    shard = feeder.make_shard(tmp_path, 200_000)
    assert shard.stat().st_size == 400_000
    found = feeder.throughput(shard, 32, 64, rounds=2)
    assert set(found) == {"cold", "warm"}
    assert all(set(sides) == {"feeder", "floor"} for sides in found.values())
    assert all(x > 0 for sides in found.values() for side in sides.values() for x in side.values())
