"""A name that moves: an address on loopback that leads to one server, later to another one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from profiler.servers.ports import LOOPBACK, free_port

_READ_BYTES = 1 << 16


class MovingName:
    """A TCP proxy that stands for a DNS name: connections that exist stay where they lead.

    Args:
        target: the port on loopback that new connections lead to; may be changed at any time.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = free_port()
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="moving name", daemon=True)
        #: How many connections were made to each port.
        self.led_to: list[int] = []

    @property
    def url(self) -> str:
        """The address for Redis."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            # A thread that waits for it is let go by `shutdown`; `close` alone would not.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            target = self.target
            try:
                server = socket.create_connection((LOOPBACK, target))
            except OSError:
                client.close()
                continue
            self.led_to.append(target)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_READ_BYTES):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
