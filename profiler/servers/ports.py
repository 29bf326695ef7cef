"""Ports on loopback that nothing listens on."""

from __future__ import annotations

import random
import socket

from profiler.errors import ConfigError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Find a loopback port that nothing listens on.

    Ports below the kernel's ephemeral range are searched: while a server is down for a restart,
    an outgoing connection could otherwise take its port, or even connect to itself.

    Returns:
        The port number.

    Raises:
        ConfigError: no port was found.
    """
    source = random.SystemRandom()
    for _ in range(100):
        port = source.randrange(20_000, 32_000)
        if is_free(port):
            return port
    raise ConfigError("no free port between 20000 and 32000 on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections in TIME_WAIT do not keep a restarted server from its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
