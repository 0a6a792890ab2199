"""A relay in each process but 0, through which JAX speaks to the coordination service in process 0.

JAX's client ends its process from C++, with a page of text, in the moment in which its connection to the service
breaks: before anybody could say in one line what has happened. Through a relay it sees no break, only silence, and
bears that for the time of a heartbeat.
"""

import contextlib
import socket
import threading
import time

CONNECT_SECONDS = 60.0  # that the service may take to start
PAUSE = 0.2  # seconds between tries
KEPT: list[socket.socket] = []  # Python closes a socket that nobody refers to, and the near ones must stay open


def relay(host: str, port: int) -> str:
    """The address of a relay to a service, for as long as this process lives."""
    entrance = socket.create_server(("127.0.0.1", 0), backlog=16)
    threading.Thread(target=serve, args=(entrance, host, port), name="relay", daemon=True).start()
    return f"127.0.0.1:{entrance.getsockname()[1]}"


def serve(entrance: socket.socket, host: str, port: int) -> None:
    """Take connections and relay each of them."""
    while True:
        near, _ = entrance.accept()
        threading.Thread(target=connect, args=(near, host, port), name="relay", daemon=True).start()


def connect(near: socket.socket, host: str, port: int) -> None:
    """Relay one connection, both ways. Where there is no service, the near end is left open and silent."""
    limit = time.monotonic() + CONNECT_SECONDS
    while time.monotonic() < limit:
        try:
            far = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        except OSError:
            time.sleep(PAUSE)
            continue
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            KEPT.append(end)
        threading.Thread(target=carry, args=(far, near), name="relay", daemon=True).start()
        carry(near, far)
        with contextlib.suppress(OSError):  # JAX has closed the near end, or the far end is broken
            far.shutdown(socket.SHUT_RDWR)
        return


def carry(source: socket.socket, sink: socket.socket) -> None:
    """All bytes from one end to the other, until either breaks."""
    with contextlib.suppress(OSError):
        while came := source.recv(1 << 16):
            sink.sendall(came)
