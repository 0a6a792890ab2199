"""The coordination service of a gang: small strings that its processes leave for one another.

It runs in process 0, apart from the devices: using it never waits for a program. Here alone its client is touched,
which JAX keeps private; Orbax uses it in the same way.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
from jax._src import distributed

PATIENCE = 1000  # milliseconds of one wait for a string; it is repeated, so that signals are seen


@runtime_checkable
class Service(Protocol):
    """Where processes leave strings for one another."""

    def put(self, name: str, value: str) -> None:
        """Leave `value` under `name`; what was there is written over."""
        ...

    def get(self, name: str) -> str | None:
        """What is there now."""
        ...

    def wait(self, name: str) -> str:
        """What is there, as soon as it is. It waits without end: that a process is gone is the watch's to notice."""
        ...


@dataclass(frozen=True)
class Coordination:
    """The service that jax.distributed has started."""

    client: Any

    def put(self, name: str, value: str) -> None:
        self.client.key_value_set(name, value, allow_overwrite=True)

    def get(self, name: str) -> str | None:
        try:
            return self.client.key_value_try_get(name)
        except jax.errors.JaxRuntimeError as error:
            if "NOT_FOUND" not in str(error):
                raise
            return None

    def wait(self, name: str) -> str:
        while True:
            try:
                return self.client.blocking_key_value_get(name, PATIENCE)
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise


def service() -> Coordination | None:
    """The service of this process's gang; None where it works alone."""
    client = distributed.global_state.client
    return None if client is None else Coordination(client)
