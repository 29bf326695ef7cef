"""Redis or Valkey under valgrind, which counts the instructions of its functions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import redis

from profiler.servers.embedded import StoreServer
from servers.redis import binary_of
from servers.sources import MissingServerError

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 600.0


class Count(NamedTuple):
    """What the calls of one function came to.

    Attributes:
        calls: how many.
        instructions: of all calls, with all that the function called.
    """

    calls: int
    instructions: int


class CountedStore(StoreServer):
    """A server that takes about 50 times as long, and repeats its counts to less than 1 %.

    The counts begin and end with a command that nothing else sends: valgrind's own way to switch
    counting on and off needs the right to trace processes, which containers lack.
    """

    name = "counted store"
    start_timeout = 120.0

    #: An RDB file of the same flavour, with which it begins.
    data: bytes = b""

    def __init__(self, flavour: str) -> None:
        """Describe the server; a `with` block starts it.

        Args:
            flavour: one of `servers.redis.FLAVOURS`.

        Raises:
            MissingServerError: valgrind or the server is missing.
        """
        super().__init__(binary_of(flavour))
        valgrind = shutil.which("valgrind")
        if valgrind is None:
            raise MissingServerError("install valgrind (Debian: apt-get install valgrind)")
        self._valgrind = valgrind

    def prepare(self) -> None:
        """Lay the data where the server looks for it."""
        if self.data:
            (self.directory / "dump.rdb").write_bytes(self.data)

    def command(self) -> list[str]:
        """The server's command line behind valgrind's."""
        return [
            *(self._valgrind, "--tool=callgrind", "-q"),
            f"--callgrind-out-file={self._counts}",
            # As `take` says it.
            "--dump-before=echoCommand",
            # As `counts_of` reads it.
            *("--compress-strings=no", "--compress-pos=no"),
            *super().command(),
        ]

    def take(self) -> dict[str, Count]:
        """End a stretch of work and begin the next one.

        Returns:
            By function of the server, what the stretch came to.
        """
        with redis.Redis.from_url(self.url, socket_timeout=_PATIENCE_S) as client:
            client.echo("")
        # There is one file, beside an empty one for the process's end: a read one is removed.
        (written,) = self.directory.glob(f"{self._counts.name}.*")
        text = written.read_text(encoding="utf-8", errors="replace")
        written.unlink()
        return counts_of(text)

    @property
    def _counts(self) -> Path:
        return self.directory / "callgrind"


def counts_of(profile: str) -> dict[str, Count]:
    """Add up the calls in a profile of callgrind, by the function that was called.

    Args:
        profile: written without compression of names and positions. A call is three lines there:
            ``cfn=function``, ``calls=number …`` and ``position instructions``.
    """
    found: dict[str, Count] = {}
    lines = iter(profile.splitlines())
    for line in lines:
        if line.startswith("cfn="):
            function = line.removeprefix("cfn=")
            calls = int(next(lines).removeprefix("calls=").split()[0])
            instructions = int(next(lines).split()[1])
            before = found.get(function, Count(0, 0))
            found[function] = Count(before.calls + calls, before.instructions + instructions)
    return found
