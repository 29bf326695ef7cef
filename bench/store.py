"""The Redis side: what the server itself says a round cost, and which keys it left."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from profiler.profiles.redis.connections import connect

_KEYS_AT_ONCE = 500


class Usage(NamedTuple):
    """Counters of the server since its start."""

    calls: int
    #: Inside the commands, as INFO commandstats has it.
    command_us: int
    #: The whole process, so with sockets and parsing.
    cpu_us: float
    #: Received and sent, with all clients.
    wire_bytes: int

    def since(self, before: "Usage") -> "Usage":
        """What came on top of `before`."""
        return Usage(
            calls=self.calls - before.calls,
            command_us=self.command_us - before.command_us,
            cpu_us=self.cpu_us - before.cpu_us,
            wire_bytes=self.wire_bytes - before.wire_bytes,
        )


class Store:
    """A Redis under measurement.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: Any = connect(url, timeout_s=30)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def usage(self, commands: Sequence[str]) -> Usage:
        """Read the counters.

        Args:
            commands: what the program sends. The server counts the script's own calls under
                their names too, so the counts of all commands may not be added up.
        """
        stats: dict[str, dict[str, int]] = self._client.info("commandstats")
        cpu: dict[str, float] = self._client.info("cpu")
        wire: dict[str, int] = self._client.info("stats")
        used = [stats[f"cmdstat_{name}"] for name in commands if f"cmdstat_{name}" in stats]
        return Usage(
            calls=sum(command["calls"] for command in used),
            command_us=sum(command["usec"] for command in used),
            cpu_us=1e6 * (cpu["used_cpu_user"] + cpu["used_cpu_sys"]),
            wire_bytes=wire["total_net_input_bytes"] + wire["total_net_output_bytes"],
        )

    def bytes_per_key(self, keys: Iterable[str]) -> float:
        """The mean of MEMORY USAGE over all of these keys."""
        sizes = self._ask_each(keys, lambda pipe, key: pipe.memory_usage(key, samples=0))
        return fmean(size or 0 for size in sizes)

    def encodings(self, keys: Iterable[str]) -> dict[str, int]:
        """How many of these keys the server stores in which way."""
        answers = self._ask_each(keys, lambda pipe, key: pipe.object("encoding", key))
        return dict(Counter(answer.decode() for answer in answers))

    def used_bytes(self) -> int:
        """All memory that the server has allocated."""
        return int(self._client.info("memory")["used_memory"])

    def key_count(self) -> int:
        """The number of keys in the database."""
        return int(self._client.dbsize())

    def empty(self) -> None:
        """Delete every key; only for a store of our own. Blocks until the memory is free."""
        # Without a word Valkey frees it later, by another thread.
        self._client.execute_command("FLUSHALL", "SYNC")

    def forget(self, keys: Iterable[str]) -> None:
        """Delete what a round left."""
        for some in _chunks(keys):
            self._client.unlink(*some)

    def _ask_each(self, keys: Iterable[str], ask: Callable[[Any, str], object]) -> list[Any]:
        answers: list[Any] = []
        for some in _chunks(keys):
            pipe = self._client.pipeline(transaction=False)
            for key in some:
                ask(pipe, key)
            answers += pipe.execute()
        return answers

    def version(self) -> str:
        """The server's name and version."""
        return version_of(self._client)


def version_of(client: Any) -> str:  # noqa: ANN401 - redis-py's
    """Name and version of the server of a client."""
    server: dict[str, Any] = client.info("server")
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server['redis_version']}"


def _chunks(keys: Iterable[str]) -> list[list[str]]:
    all_keys = list(keys)
    return [all_keys[at : at + _KEYS_AT_ONCE] for at in range(0, len(all_keys), _KEYS_AT_ONCE)]
