"""The harness of tests with several processes, and teams over the service of jax.distributed."""

import signal
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sweep.train.gang.team import everyone
from tests.train.gang.processes import run, start, values


def agree(word: str) -> Any:
    """Answers of every kind that a team gives."""
    team = everyone()
    odd = team.part("odd" if team.me % 2 else "even", [m for m in team.members if m % 2 == team.me % 2])
    return [team.leads, team.share(lambda: word + str(team.me)), team.gather(team.me), team.most(-team.me), odd.members]


def total() -> float:
    """A sum over the devices of all processes."""
    mesh = Mesh(np.array(jax.devices()), ("all",))
    sharding = NamedSharding(mesh, PartitionSpec("all"))
    ones = jax.make_array_from_callback((jax.device_count(),), sharding, lambda _: np.ones(1, np.float32))
    return float(jax.jit(jnp.sum, out_shardings=NamedSharding(mesh, PartitionSpec()))(ones))


def sleeper() -> None:
    print("here", flush=True)
    time.sleep(600)


@pytest.mark.slow
def test_a_team_over_the_service_of_jax():
    answers = values(run(agree, 4, "from "))
    assert answers == [[me == 0, "from 0", [0, 1, 2, 3], 0, [me % 2, me % 2 + 2]] for me in range(4)]


def test_devices_of_two_processes_make_one_sum():
    assert values(run(total, 2, devices=2)) == [4.0, 4.0]


def test_one_process_starts_no_service():
    assert values(run(total, 1, devices=2)) == [2.0]


def test_what_is_started_is_killed_at_the_end():
    with start(sleeper, 1) as started:
        started.says(0, "here")
        started.send(0, signal.SIGSTOP)
    assert started.processes[0].poll() == -signal.SIGKILL
