"""Processes that meet, and those that cannot: one line in all that came."""

import contextlib
import errno
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest

from sweep.errors import InputError, Refusal, SweepError
from sweep.train.gang import lines, roll_call, start
from sweep.train.gang.cluster import Seat
from sweep.train.gang.lines import Line
from sweep.train.gang.roll_call import Greeting, Met, meet
from tests.train.gang.processes import free_port, run
from tests.train.gang.test_watch import in_gang

GANG = ["JAX_COORDINATOR_ADDRESS", "SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST"]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No scheduler, short waits."""
    for name in GANG:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(roll_call, "LATE_SECONDS", 0.5)


# Flags


@pytest.mark.parametrize(
    ("flags", "seat"),
    [
        (("", 0, -1), None),
        (("", 1, -1), None),
        (("", 1, 0), None),
        (("h:1", 1, 0), None),
        (("h:81", 4, 3), Seat("h:81", 4, 3)),
        (("[::1]:81", 2, 0), Seat("[::1]:81", 2, 0)),
    ],
)
def test_the_place_of_a_process_is_what_its_flags_say(flags, seat):
    assert start.seat_of(*flags) == seat


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("h:81", 0, -1), "--processes N and --process I missing beside --coordinator"),
        (("h:81", 4, -1), "--process I missing beside --coordinator, --processes"),
        (("", 4, 1), "--coordinator HOST:PORT missing beside --processes, --process"),
        (("", 4, -1), "--coordinator HOST:PORT and --process I missing beside --processes"),
        (("", 0, 0), "--coordinator HOST:PORT and --processes N missing beside --process"),
        (("h:81", 4, 4), "--process 4 of --processes 4: processes are numbered from 0 to N - 1"),
        (("h:81", 4, -2), "--process -2 of --processes 4"),
        (("h:81", -1, 0), "--process 0 of --processes -1"),
        (("h", 4, 0), "--coordinator h: not a HOST:PORT"),
        (("h:99999", 4, 0), "not a HOST:PORT"),
    ],
)
def test_flags_that_are_missing_or_wrong_are_named(flags, words):
    with pytest.raises(InputError) as error:
        start.seat_of(*flags)
    assert words in str(error.value)


def test_the_coordinator_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "h:81")
    assert start.seat_of("", 4, 3) == Seat("h:81", 4, 3)
    assert start.seat_of("", 1, -1) is None
    with pytest.raises(InputError, match="nothing says how many processes there are"):
        start.seat_of("", 0, -1)


def test_a_gpu_that_is_asked_for_and_absent_is_refused_before_the_others_are_met(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(InputError, match="JAX_PLATFORMS=cuda: no such device is here"):
        start.greeting(Seat("h:81", 2, 0))


# Meeting, by threads


def unsaid(text: str) -> None:
    """For what takes long enough to be told of."""


def greeting(process: int, **changes: Any) -> Greeting:
    fields = {"processes": 2, "host": f"host{process}", "versions": {"jax": "1"}, "platform": "cpu"}
    return Greeting(process, **fields | changes)


def met(*greetings: Greeting, seconds: float = 20.0) -> list[Met | SweepError]:
    """What comes of it for each."""
    address = f"localhost:{free_port()}"

    def one(who: Greeting) -> Met | SweepError:
        try:
            return meet(who, address, seconds, None, unsaid)
        except SweepError as error:
            return error

    with ThreadPoolExecutor(len(greetings)) as pool:
        return list(pool.map(one, greetings))


def hang_up(all: list[Any]) -> None:
    for one in all:
        for line in one.lines.values():
            line.close()


def test_all_know_the_hosts_of_all_and_have_lines():
    four = met(*(greeting(rank, processes=4) for rank in (2, 0, 3, 1)))
    assert all(isinstance(one, Met) and one.hosts == ["host0", "host1", "host2", "host3"] for one in four)
    assert [sorted(one.lines) for one in four if isinstance(one, Met)] == [[0], [1, 2, 3], [0], [0]]
    hang_up(four)


@pytest.mark.parametrize(
    ("greetings", "kind", "words"),
    [
        ([greeting(0), greeting(1, processes=3)], InputError, "process 1 (host host1) was started as one of 3"),
        (
            [greeting(0, processes=3), greeting(1, processes=3), greeting(1, processes=3, host="other")],
            InputError,
            "two processes are number 1, on host",
        ),
        ([greeting(0, platform="tpu"), greeting(1)], InputError, "would train on cpu, process 0 (host host0) on tpu"),
        (
            [greeting(0), greeting(1, versions={"jax": "2"})],
            Refusal,
            "process 1 (host host1) has jax 2, process 0 (host host0) has 1; install the same on every host",
        ),
        ([greeting(0), greeting(1, versions={})], Refusal, "has jax none"),
    ],
)
def test_those_that_cannot_work_together_all_hear_why(greetings, kind, words):
    answers = met(*greetings)
    assert {type(answer) for answer in answers} == {kind}
    assert len({str(answer) for answer in answers}) == 1
    assert words in str(answers[0])


def test_who_does_not_come_is_named_by_all_who_did():
    here, there = met(greeting(0, processes=4), greeting(2, processes=4), seconds=2.0)
    assert "processes 1, 3 of 4 did not come to port" in str(here)
    assert str(there) == str(here)


def test_a_process_that_finds_no_process_0_says_so():
    (answer,) = met(greeting(1), seconds=1.5)
    assert "process 1 (host host1) of 2 did not reach process 0 at localhost:" in str(answer)
    assert "Connection refused" in str(answer)


def test_a_port_in_use_is_one_line():
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of .* is in use"):
            meet(greeting(0), f"localhost:{port}", 5.0, None, unsaid)


def test_a_stranger_at_the_port_is_sent_away():
    port = free_port()

    def stranger() -> bytes:
        while True:
            try:
                connection = socket.create_connection(("localhost", port), timeout=10)
            except OSError:
                continue
            with connection:
                connection.sendall(b"GET / HTTP/1.1\r\n")
                return connection.recv(100)

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(meet, greeting(0), f"localhost:{port}", 20.0, None, unsaid)]
        assert pool.submit(stranger).result(20) == b""
        answers.append(pool.submit(meet, greeting(1), f"localhost:{port}", 20.0, None, unsaid))
        both = [answer.result(20) for answer in answers]
    assert both[0].hosts == both[1].hosts
    hang_up(both)


def test_a_process_that_ends_and_comes_again_is_no_other():
    """A scheduler starts a pod anew while the others are awaited."""
    port = free_port()

    def first_try() -> None:
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=5) as connection:
                connection.sendall(json.dumps({"sweep": asdict(greeting(1, processes=3))}).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                return

    def come(rank: int) -> Any:
        return meet(greeting(rank, processes=3), f"localhost:{port}", 20.0, None, unsaid)

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(come, 0)]
        first_try()
        time.sleep(0.5)
        answers += [pool.submit(come, 1), pool.submit(come, 2)]
        three = [answer.result(20) for answer in answers]
    assert [one.hosts for one in three] == [["host0", "host1", "host2"]] * 3
    hang_up(three)


def test_whether_a_line_is_open_is_known_at_once():
    with socket.create_server(("localhost", 0)) as server:
        line = Line(socket.create_connection(server.getsockname()))
        other, _ = server.accept()
        began = time.monotonic()
        assert line.open()
        assert time.monotonic() - began < lines.SEND_SECONDS / 2
        other.close()
        time.sleep(0.1)
        assert not line.open()
        line.close()


def test_a_host_without_ipv6_is_met(monkeypatch):
    real = socket.socket

    def socket_of(family: int = -1, *arguments: Any, **options: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *arguments, **options)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    monkeypatch.setattr(socket, "socket", socket_of)
    with lines.listening(("::", 0)) as server:
        assert server.family == socket.AF_INET


# Real processes


def total() -> Any:
    """A sum over all devices, and what was said before it."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import NamedSharding, PartitionSpec

    with in_gang() as team:
        mesh = jax.make_mesh((jax.device_count(),), ("all",))
        ones = jax.make_array_from_callback(
            (jax.device_count(),), NamedSharding(mesh, PartitionSpec("all")), lambda _: np.ones(1, np.float32)
        )
        everywhere = NamedSharding(mesh, PartitionSpec())
        print(f"{float(jax.jit(jnp.sum, out_shardings=everywhere)(ones))} of {team.members}")


@pytest.mark.slow
def test_four_processes_start_and_process_0_says_what_was_found():
    ended = run(total, 4, devices=2, joined=False)
    assert [one.code for one in ended] == [0] * 4
    assert ended[0].err == "4 processes x 2 CPU, 8 devices\n"
    assert [one.err for one in ended[1:]] == [""] * 3
    assert [one.out for one in ended] == ["8.0 of (0, 1, 2, 3)\n", "", "", ""]


def test_proxies_of_the_environment_are_not_for_the_gang():
    proxies: dict[str, str] = {}
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        proxies[name] = f"http://localhost:{free_port()}"  # nobody is there
    ended = run(total, 2, joined=False, environments=[proxies, proxies])
    assert [one.code for one in ended] == [0, 0], ended
    assert ended[0].err == "2 processes x 1 CPU, 2 devices\n"
