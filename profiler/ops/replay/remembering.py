"""A script that gives the keys of a new pattern the marks of visitors who were forgotten before."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from profiler.errors import ConfigError, ReconnectedError
from profiler.profiles.forgetting import Forgotten, Remembered
from profiler.profiles.keyed_hash import StoredIds
from profiler.profiles.redis import Command
from profiler.profiles.script import ProfileScript
from profiler.profiles.steps import Foldable
from profiler.rules.model import Rules

if TYPE_CHECKING:
    import redis


_LOG = structlog.get_logger("profiler.replay")


class RememberingScript(ProfileScript):
    """The same script; a mark goes before the first call of a visitor who was forgotten.

    Args:
        client: see `ProfileScript`.
        rules: likewise.
        max_id_bytes: likewise.
        stored: likewise.
        is_needed: whether forgets must know the pattern, and a user who may not use the list is
            refused; else that is said, and nothing is written but profiles.
    """

    def __init__(
        self,
        client: "redis.Redis",
        rules: Rules,
        *,
        max_id_bytes: int,
        stored: StoredIds,
        is_needed: bool,
    ) -> None:
        self._is_needed = is_needed
        self._ids = stored
        self._now_ms = time.time_ns() // 1_000_000
        self._remembered: Remembered | None = None
        super().__init__(client, rules, max_id_bytes=max_id_bytes, stored=stored, meet=self._meet)

    def register(self) -> None:
        """Load both scripts, enter the pattern if that is needed, and read who was forgotten.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
            ConfigError: this user may not use the list, see docs/operations.md.
        """
        super().register()
        if self._remembered is None:
            self._remembered = Remembered(self._listed(), self._ids, self._now_ms)
        self.forgetting.load()

    def _listed(self) -> dict[str, Forgotten]:
        try:
            if self._is_needed:
                # From now on a forget knows this pattern; who was forgotten before is in the list.
                self.forgetting.enter_pattern()
            return self.forgetting.listed()
        except ConfigError as error:
            if self._is_needed:
                raise
            _LOG.warning("who was forgotten under other keys is not known", error=str(error))
            return {}

    def execute(
        self,
        batch: Foldable,
        *,
        first: Sequence[Command] = (),
        connections: int | None = None,
    ) -> None:
        """See `ProfileScript.execute`."""
        assert self._remembered is not None, "registered before"  # noqa: S101 - the order of calls
        batch.pack()  # meets the visitors
        due = self._remembered.due()
        try:
            super().execute(batch, first=[*first, *due], connections=connections)
        except ReconnectedError:
            self._remembered.lost()
            raise
        self._remembered.sent(due)

    def _meet(self, visitor_id: str, key: str) -> None:
        assert self._remembered is not None, "registered before"  # noqa: S101 - the order of calls
        self._remembered.meet(visitor_id, key)
