"""A worker's connection to Redis in the model: opened anew where it broke, and counted."""

from collections.abc import Generator, Sequence
from random import Random

from tests.worker.model.store import Answer, Call, Command, Mark, Redis, Server

Reply = list[Answer] | dict[int, int] | None
Steps = Generator[None, None, list[Reply]]


class UnavailableError(Exception):
    """Nothing is known of the pipeline."""


class ReconnectedError(Exception):
    """The connection is another one than the marks were read over; nothing was sent."""


class Connection:
    """Sends pipelines. Everything else may happen between two commands of one.

    Args:
        redis: what its name leads to.
        random: whether a reply gets lost, and where others have a turn.
        faults: whether replies get lost, and commands are run late.
    """

    def __init__(self, redis: Redis, random: Random) -> None:
        self._redis = redis
        self._random = random
        self._server: Server | None = None
        self.faults = True
        self.opened = 0
        #: What is sent and not run, for the case that the worker is killed.
        self.sent: tuple[Server, list[Command]] | None = None

    def open(self) -> int:
        """Connect, unless it is; returns how many connections there were."""
        if self._server is None or not self._server.is_up:
            self._server = self._redis.leads_to()
            self.opened += 1
        return self.opened

    def send(self, commands: Sequence[Command], trusted: int | None) -> Steps:
        """Send a pipeline.

        Args:
            commands: to be run in order.
            trusted: how many connections there may have been; None for any number.

        Raises:
            UnavailableError: the connection broke, or a command was refused, or the reply is late.
            ReconnectedError: there were more.
        """
        opened = self.open()
        if trusted is not None and opened != trusted:
            raise ReconnectedError
        server, rest = self._server, list(commands)
        assert server is not None
        self.sent = server, rest
        replies: list[Reply] = []
        while rest:
            if self._random.random() < 0.2:
                yield
            if not server.is_up:
                self._lost()
            if self.faults and self._random.random() < 0.005:
                self._redis.late.append((server, rest))
                self._lost()
            if not rest:  # run late
                break
            command = rest.pop(0)
            # Memory is short for calls above all: a mark replaces what is there.
            odds = {Call: 0.6, Mark: 0.2}.get(type(command), 0.0) if server.is_full else 0.0
            replies.append(None if self._random.random() < odds else server.run(command))
        self.sent = None
        if None in replies:
            raise UnavailableError
        return replies

    def abandon(self) -> None:
        """Be killed: what is sent may be run, or lost."""
        if self.sent is not None and self._random.random() < 0.5:
            self._redis.late.append(self.sent)
        self.sent = None

    def _lost(self) -> None:
        self._server = self.sent = None
        raise UnavailableError
