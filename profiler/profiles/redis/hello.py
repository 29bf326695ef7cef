"""What is done at every new connection, before it is used: log in, and ask who is there."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from profiler.errors import ConfigError

#: Of an address that leads to a Sentinel without saying so.
NAME_THE_SERVICE = (
    "redis.url leads to a Sentinel; let it begin with redis+sentinel:// and name the service:"
    " redis+sentinel://host:26379/service/0"
)

NO_REDIS = "redis.url leads to something that is no Redis; check it"


class Greeting:
    """The hook that redis-py calls at each connection of a client; counts them.

    HELLO is asked at each, which needs no right: it says what the server is. Whatever it answers,
    the round trip is of use. A TLS 1.3 server sends session tickets after the handshake, which
    redis-py takes for a reply that nobody asked for, and refuses the connection; with the first
    reply they are read.

    Args:
        needs_primary: whether a replica is refused: one that was the primary when it was named.
    """

    def __init__(self, *, needs_primary: bool = False) -> None:
        self._needs_primary = needs_primary
        self._lock = threading.Lock()
        #: How many connections were opened so far.
        self.opened = 0
        #: ``standalone`` or ``cluster``, as the last server said; empty where it did not.
        self.mode = ""

    def __call__(self, connection: "redis.Connection") -> None:
        """Log in and choose the database, as without the hook; then look, and count.

        Raises:
            redis.RedisError: the server refuses us, or is a replica.
            ConfigError: it is a Sentinel.
        """
        refused = None
        try:
            connection.on_connect()  # type: ignore[no-untyped-call]
        except redis.ResponseError as error:  # of SELECT, which a Sentinel does not know
            refused = error
        about = hello(connection)
        self.mode = about.get("mode", "")
        if self.mode == "sentinel":
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise ConfigError(NAME_THE_SERVICE)
        if refused:
            raise refused
        if self._needs_primary and about.get("role", "master") != "master":
            at = f"{connection.host}:{connection.port}"
            raise redis.ConnectionError(f"{at}, which Sentinel names, is a replica (a failover?)")
        with self._lock:
            self.opened += 1


def hello(connection: "redis.Connection") -> Mapping[str, str]:
    """Ask a server what it is: the texts of its answer; nothing where it does not know HELLO.

    Raises:
        redis.RedisError: the connection is lost, or it demands a login.
        ConfigError: what answers is no Redis.
    """
    connection.send_command("HELLO", check_health=False)  # type: ignore[no-untyped-call]
    try:
        answer = connection.read_response(disable_decoding=True)
    except redis.exceptions.InvalidResponse as error:
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise ConfigError(NO_REDIS) from error
    except redis.ResponseError:
        return {}  # a proxy may not know the command
    return texts_of(answer)


def texts_of(answer: Sequence[Any]) -> Mapping[str, str]:
    """The texts of an answer to HELLO."""
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return {name.decode(): text.decode() for name, text in pairs if isinstance(text, bytes)}
