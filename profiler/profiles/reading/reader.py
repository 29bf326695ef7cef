"""Reads stored profiles with asyncio, many at a time; never writes, and cannot."""

import asyncio
from collections.abc import Sequence

from redis.exceptions import NoScriptError

from profiler.errors import StoredStateError
from profiler.profiles.inspect import StoredProfile
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.reading.detect import nodes_of
from profiler.profiles.reading.nodes import Question, ReadNodes
from profiler.profiles.reads import Reads
from profiler.profiles.redis.connections import Target
from profiler.profiles.redis.faults import translating
from profiler.profiles.redis.nodes import Word
from profiler.rules.model import Rules
from profiler.rules.render import render, sha_of

#: What became of a read: a profile, nothing for an unknown visitor, or why it cannot be shown.
Found = StoredProfile | StoredStateError | None


class ProfileReader:
    """The stored profiles of one set of rules.

    The script runs read-only (EVALSHA_RO), so a replica runs it too. A server that does not know
    it yet is sent the whole text once (EVAL_RO), which it keeps; nothing needs to be registered.

    Args:
        target: how to reach Redis, from `target_of`; the first read connects.
        rules: whose profiles are read.
        stored: which id Redis has for a visitor's.
        replicas: whether replicas are asked, where there are some. A visitor whom a replica does
            not know is asked of the primary.
    """

    def __init__(
        self, target: Target, rules: Rules, *, stored: StoredIds = PLAIN, replicas: bool = False
    ) -> None:
        self._target = target
        self._replicas = replicas
        self._reads = Reads(rules, stored)
        text = render(rules)
        self._by_sha: Sequence[Word] = ("EVALSHA_RO", sha_of(text))
        self._by_text: Sequence[Word] = ("EVAL_RO", text)
        self._nodes: ReadNodes | None = None
        self._connecting = asyncio.Lock()

    async def look_up(self, visitor_id: str, now: Word) -> StoredProfile | None:
        """The profile as the latest visit left it, None for an unknown visitor.

        Args:
            visitor_id: as events have it.
            now: the time for windows and ages, in ms since the epoch; empty: the time of the latest
                event.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready; ask again.
            StoredStateError: the key holds something else, or damaged state.
            ConfigError: a server refuses us.
        """
        (found,) = await self.look_up_all([visitor_id], now)
        if isinstance(found, StoredStateError):
            raise found
        return found

    async def look_up_all(self, visitor_ids: Sequence[str], now: Word) -> list[Found]:
        """The same of several visitors, in order, in one round trip. Raises as `look_up` does."""
        with translating():
            found = await self._look(visitor_ids, now, replicas=self._replicas)
            unknown = [place for place, each in enumerate(found) if each is None]
            if self._replicas and unknown:
                again = await self._look([visitor_ids[p] for p in unknown], now, replicas=False)
                for place, each in zip(unknown, again, strict=True):
                    found[place] = each
        return found

    async def close(self) -> None:
        """Give the connections up."""
        if self._nodes is not None:
            await self._nodes.close()

    async def _look(self, visitor_ids: Sequence[str], now: Word, *, replicas: bool) -> list[Found]:
        nodes = await self._connected()
        questions = [self._question(each, now, self._by_sha) for each in visitor_ids]
        answers = await nodes.ask(questions, replicas=replicas)
        missed = [p for p, replies in enumerate(answers) if isinstance(replies[0], NoScriptError)]
        if missed:
            again = [self._question(visitor_ids[p], now, self._by_text) for p in missed]
            found = await nodes.ask(again, replicas=replicas)
            for place, replies in zip(missed, found, strict=True):
                answers[place] = replies
        return [self._decoded(*each) for each in zip(visitor_ids, answers, strict=True)]

    def _question(self, visitor_id: str, now: Word, script: Sequence[Word]) -> Question:
        commands = self._reads.commands(visitor_id, now, script)
        return Question(self._reads.key_of(visitor_id), commands)

    def _decoded(self, visitor_id: str, answers: Sequence[object]) -> Found:
        try:
            return self._reads.decode(visitor_id, answers)
        except StoredStateError as error:
            return error

    async def _connected(self) -> ReadNodes:
        if self._nodes is None:
            async with self._connecting:
                if self._nodes is None:
                    self._nodes = await nodes_of(self._target)
        return self._nodes
