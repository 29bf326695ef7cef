"""Ports on loopback that nothing listens on."""

from __future__ import annotations

import random
import socket

from profiler.errors import ConfigError

LOOPBACK = "127.0.0.1"

#: Below the kernel's ephemeral range: while a server is down for a restart, an outgoing connection
#: could otherwise take its port, or even connect to itself.
PORTS = range(20_000, 32_000)

# A server that is described listens only later: its port must not be given to another meanwhile.
_GIVEN: set[int] = set()


def free_port() -> int:
    """Find a loopback port that nothing listens on, and that was not given before.

    Returns:
        The port number.

    Raises:
        ConfigError: no port was found.
    """
    source = random.SystemRandom()
    for _ in range(100):
        port = source.choice(PORTS)
        if port not in _GIVEN and is_free(port):
            _GIVEN.add(port)
            return port
    raise ConfigError(f"no free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}")


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
