"""Lines between process 0 and each other process of a gang: JSON objects over TCP, one on each line of text.

They carry what must arrive while everything else is stuck. That a process has ended is seen at once, whatever ended it:
the operating system closes its end.
"""

import contextlib
import json
import select
import socket
import threading
import time
from typing import Any

SEND_SECONDS = 5.0  # that a message may take to leave
LONGEST = 1 << 20  # bytes of one message

Message = dict[str, Any]


class Line:
    """One end. Messages may be sent by any thread; one thread receives."""

    def __init__(self, connection: socket.socket):
        connection.settimeout(SEND_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.rest = b""  # of a message that has come in part
        self.sending = threading.Lock()

    def fileno(self) -> int:
        """For selectors."""
        return self.connection.fileno()

    def send(self, message: Message) -> None:
        """Nothing where the other end is closed: `receive` notices that."""
        with self.sending, contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[Message] | None:
        """The messages that have come, maybe none; None: the other end is closed, or is none of ours."""
        try:
            came = self.connection.recv(1 << 16)
        except TimeoutError:
            return []
        except OSError:
            return None
        *lines, self.rest = (self.rest + came).split(b"\n")
        messages = [message for line in lines if (message := parsed(line)) is not None]
        foreign = len(messages) < len(lines) or len(self.rest) > LONGEST
        return None if foreign or not came else messages

    def first(self, seconds: float) -> Message | None:
        """The first message, waited for so long; None where none comes. What follows it is left for `receive`."""
        limit, text = time.monotonic() + seconds, b""
        try:
            while not text.endswith(b"\n") and len(text) < LONGEST and (left := limit - time.monotonic()) > 0:
                self.connection.settimeout(left)
                letter = self.connection.recv(1)
                if not letter:
                    return None
                text += letter
        except OSError:
            return None
        finally:
            self.connection.settimeout(SEND_SECONDS)
        return parsed(text)

    def open(self) -> bool:
        """Whether the other end is open, or what has come from it was not all read. What is read here is lost."""
        came = select.poll()  # MSG_DONTWAIT alone does not keep a socket with a timeout from waiting for so long
        came.register(self.connection, select.POLLIN)
        try:
            return not came.poll(0) or bool(self.connection.recv(1 << 16, socket.MSG_DONTWAIT))
        except OSError:
            return False

    def finish(self) -> None:
        """No more messages from here; what is on its way still arrives."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.connection.close()


def parsed(text: bytes) -> Message | None:
    """A message; None for anything else."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def listening(address: tuple[str, int]) -> socket.socket:
    """A socket that others can connect to, of each version of IP that is here where the address leaves it open. Raises
    OSError.
    """
    host, port = address
    if host in ("", "::", "0.0.0.0"):
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        host = "0.0.0.0"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def split(address: str) -> tuple[str, int]:
    """The host and port of HOST:PORT. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(address)
    return host.strip("[]"), int(port)
