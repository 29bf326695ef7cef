"""Marks: how far each stream is applied on each server, kept by the servers themselves.

A Redis may lose writes that it acknowledged: a crash without the last second of its AOF, a replica
that was behind and became the primary. A mark is written behind the calls that it speaks for, on
the same server. A server keeps its writes in order, so one that still has a mark has all that the
mark speaks for; one that lost calls has lost their mark as well.

A mark is a key of the profiles' pattern: the same right and the same eviction hold for it, and no
visitor has its name, because no encoded id holds a colon behind ``mark``.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from profiler.profiles.redis import Command, Nodes
from profiler.profiles.redis.faults import checked, translating

_NAMELESS = ""


class StreamMarks(NamedTuple):
    """What the servers say of one stream.

    Attributes:
        lowest: everything below this offset is applied, whichever server it belongs to; None
            where no server has a mark.
        is_partial: whether a server of a cluster has none: a slot was moved to it, or it lost all.
    """

    lowest: int | None
    is_partial: bool

    @property
    def is_complete(self) -> bool:
        """Whether every server has a mark."""
        return self.lowest is not None and not self.is_partial


class Marks:
    """Reads marks, and makes the commands that write them.

    Args:
        nodes: the servers.
        pattern: the profiles' key pattern.
        connections: how many connections to the servers were opened so far.
    """

    def __init__(self, nodes: Nodes, pattern: str, connections: Callable[[], int]) -> None:
        self._nodes = nodes
        self._pattern = pattern
        self._connections = connections

    def read(self, streams: Iterable[str]) -> tuple[dict[str, StreamMarks], int]:
        """Ask every server for the marks of streams; one round trip, in a cluster to each node.

        Returns:
            The marks by stream, and the number of connections: while it stays, the same servers
            answer.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
            ConfigError: one refuses the right to read.
        """
        # The nameless stream has no mark; it leads to servers that have no other one either.
        named = {*streams, _NAMELESS}
        while True:
            before = self._connections()
            with translating():
                keys = {stream: self._keys_of(stream) for stream in named}
                flat = [key for found in keys.values() for key in found]
                answers = self._nodes.call([Command(key, ("GET", key)) for key in flat])
            # An answer over a connection that is gone says nothing of the one that took its place.
            if self._connections() == before:
                break
        values = [None if checked(answer) is None else int(answer) for answer in answers]
        by_key = dict(zip(flat, values, strict=True))
        del keys[_NAMELESS]
        marks = {stream: _summed([by_key[key] for key in found]) for stream, found in keys.items()}
        return marks, before

    def probes(self) -> list[Command]:
        """A command for each server that changes nothing, to see whether it is still there.

        Raises:
            StoreUnavailableError: a cluster does not tell where its slots are.
        """
        with translating():
            return [Command(key, ("GET", key)) for key in self._keys_of(_NAMELESS)]

    def commands(self, offsets: Mapping[str, int]) -> list[Command]:
        """What writes the marks of streams: the offset behind the last one applied, by stream.

        Raises:
            StoreUnavailableError: a cluster does not tell where its slots are.
        """
        with translating():
            return [
                Command(key, ("SET", key, offset))
                for stream, offset in offsets.items()
                for key in self._keys_of(stream)
            ]

    def _keys_of(self, stream: str) -> list[str]:
        """One key on each server; the same ones for every worker, while no slot moves."""
        numbers = count()
        return self._nodes.key_on_each(
            lambda: self._pattern.replace("<id>", f"mark:{next(numbers)}:{stream}")
        )


def _summed(found: list[int | None]) -> StreamMarks:
    known = [mark for mark in found if mark is not None]
    return StreamMarks(min(known, default=None), bool(known) and len(known) < len(found))
