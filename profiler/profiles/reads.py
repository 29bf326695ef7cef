"""Reading one visitor's profile: what is asked of Redis, and what its answers say; no I/O."""

from collections.abc import Sequence
from typing import Any

import redis

from profiler.errors import ScriptContractError, StoredStateError
from profiler.profiles.inspect import StoredProfile, Writer, decode_stored, writer_of
from profiler.profiles.keyed_hash import StoredIds
from profiler.profiles.keys import key_of
from profiler.profiles.redis.faults import translated
from profiler.profiles.redis.nodes import Word, Words
from profiler.profiles.reply import Reply, ReplyDecoder
from profiler.records.types import Rejected
from profiler.rules.contract import STATE_FIELD
from profiler.rules.model import Rules


class Reads:
    """The reads of one set of rules.

    Args:
        rules: whose profiles are read.
        stored: which id Redis has for a visitor's.
    """

    def __init__(self, rules: Rules, stored: StoredIds) -> None:
        self._pattern = rules.store.key
        self._reader = Writer(rules.order, rules.version)
        self._stored = stored
        self._decoder = ReplyDecoder(rules)

    def key_of(self, visitor_id: str) -> str:
        """The visitor's key."""
        return key_of(self._pattern, self._stored.of(visitor_id))

    def commands(self, visitor_id: str, now: Word, script: Sequence[Word]) -> list[Words]:
        """What to ask about a visitor's key; a server without the script refuses the first one.

        Args:
            visitor_id: as events have it.
            now: see `READ_ARGS` of the contract.
            script: the command that runs the script, and what names it.
        """
        key = self.key_of(visitor_id)
        return [
            (*script, 1, key, self._stored.of(visitor_id), now),
            ("HGET", key, STATE_FIELD),
            ("PEXPIRETIME", key),
        ]

    def decode(self, visitor_id: str, answers: Sequence[Any]) -> StoredProfile | None:
        """The profile that the answers tell of; None for an unknown visitor.

        Raises:
            StoreUnavailableError: the server is not ready.
            StoredStateError: the key holds something else, or damaged state.
        """
        key = self.key_of(visitor_id)
        answer, packed, expires_at = answers
        if isinstance(packed, redis.RedisError):
            if str(packed).startswith("WRONGTYPE"):
                message = f"{key} holds no hash: another program wrote it"
                raise StoredStateError(message) from packed
            raise translated(packed) from packed
        version = writer_of(key, packed, self._reader)
        found = decode_stored(key, reply_of(answer), version, self._decoder)
        # No worker has the right to ask for the expiry, and -1 says that there is none.
        is_known = isinstance(expires_at, int) and expires_at > 0
        return found and found._replace(expires_at=expires_at if is_known else None)


def reply_of(reply: object) -> Reply:
    """The script's answer, or why this visitor's stored state cannot be used.

    Raises:
        StoreUnavailableError: the server is not ready.
        ScriptContractError: script and caller disagree.
    """
    if isinstance(reply, list):
        return reply
    if not isinstance(reply, redis.RedisError):
        raise ScriptContractError(f"the script answered {type(reply).__name__}, not an array")
    code, _, detail = str(reply).partition(" ")
    if code == "EPROFILE":
        return Rejected(code, detail)
    raise translated(reply)
