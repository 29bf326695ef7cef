"""The one caller of the Lua script: events in, profiles out.

Nothing else in this package issues a Redis data command or knows a visitor, visit or page field;
what a profile becomes is decided in ``lua/``.
"""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from profiler.contract import MAX_EVENTS, STATE_FIELD
from profiler.errors import InvalidRecordError, ScriptContractError, StoredStateError
from profiler.keys import key_of
from profiler.records import FlatEvent
from profiler.render import render, sha_of
from profiler.reply import Outcome, Rejected, ReplyDecoder
from profiler.rights import Rights, harmless_calls, rights_of
from profiler.rules import Rules
from profiler.store import translated
from profiler.stored import StoredProfile, decode_stored, writer_of

#: Other programs may flush the script cache again and again; so often is it loaded for one batch.
_LOADS_PER_BATCH = 100

#: The script takes 15 digits; more (a producer that counts microseconds) is no time in ms.
_TOO_LATE_MS = 10**15


class _Call(NamedTuple):
    """One script call: one visitor's events of one stream, at most `MAX_EVENTS`."""

    key: str
    arguments: list[str | int]
    #: For each event its place in the batch.
    places: list[int]


class ProfileScript:
    """The registered script of one set of rules.

    Args:
        client: from `profiler.store.connect`; replies as bytes, no retries of its own.
        rules: rendered here, once.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
    """

    def __init__(self, client: "redis.Redis", rules: Rules, *, max_id_bytes: int = 512) -> None:
        self.rules = rules
        self.text = render(rules)
        self.sha = sha_of(self.text)
        self._client = client
        self._max_id_bytes = max_id_bytes
        self._decoder = ReplyDecoder(rules)

    def register(self) -> None:
        """Load the script. Blocks for the connection's timeout at most.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
        """
        try:
            self._client.script_load(self.text)
        except redis.RedisError as error:
            raise translated(error) from error

    def is_registered(self) -> bool:
        """Whether the server knows the script now.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
        """
        try:
            return bool(self._client.script_exists(self.sha)[0])
        except redis.RedisError as error:
            raise translated(error) from error

    def apply(self, events: Sequence[FlatEvent]) -> list[Outcome]:
        """Fold a batch, one outcome per event in the same order.

        A visitor's events go in one call, in order; the calls of different visitors are
        pipelined. Two calls of one visitor are never under way together: where a visitor has
        events of several streams, or more than fit a call, the next one goes in the next round.

        Raises:
            StoreUnavailableError: nothing is known of the batch; apply it again as it is (events
                that were folded already come back flagged ``replayed`` where a stream is named).
            ScriptContractError: script and caller disagree, or newer state was met.
        """
        outcomes: list[Outcome] = [None] * len(events)
        rounds = self._calls(events, outcomes)
        for calls in rounds:
            for call, reply in zip(calls, self._run(calls), strict=True):
                self._decoder.decode(call.places, reply, outcomes)
        return outcomes

    def read(self, visitor_id: str) -> dict[str, Any] | None:
        """The stored profile as its latest visit left it, None for an unknown visitor.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
            StoredStateError: the key holds something else, or damaged state.
        """
        found = self.look_up(visitor_id)
        return found and found.profile

    def look_up(self, visitor_id: str) -> StoredProfile | None:
        """The same with what is known about the stored hash itself. Raises as `read` does."""
        key = key_of(self.rules.store.key, visitor_id)
        answer, packed, expires_at = self._ask(key, visitor_id)
        if isinstance(packed, redis.RedisError):
            if str(packed).startswith("WRONGTYPE"):
                message = f"{key} holds no hash: another program wrote it"
                raise StoredStateError(message) from packed
            raise translated(packed) from packed
        version = writer_of(key, packed, self.rules)
        found = decode_stored(key, _checked(answer), version, self._decoder)
        # No worker has the right to ask for the expiry, and -1 says that there is none.
        is_known = isinstance(expires_at, int) and expires_at > 0
        return found and found._replace(expires_at=expires_at if is_known else None)

    def _ask(self, key: str, visitor_id: str) -> list[Any]:
        """The script's reply to a call without events, the state field, and when the key ends."""
        for _ in range(_LOADS_PER_BATCH):
            pipe = self._client.pipeline(transaction=False)
            pipe.evalsha(self.sha, 1, key, visitor_id, "", "")
            pipe.hget(key, STATE_FIELD)
            pipe.pexpiretime(key)
            try:
                answers: list[Any] = pipe.execute(raise_on_error=False)
            except redis.RedisError as error:
                raise translated(error) from error
            if not isinstance(answers[0], redis.exceptions.NoScriptError):
                break
            self.register()
        return answers

    def rights(self) -> Rights:
        """Try every command that a worker needs, on a key that no visitor has; writes nothing.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
            ConfigError: it refuses the login.
        """
        pattern = self.rules.store.key
        key = key_of(pattern, f"profiler-check-{uuid.uuid4().hex}")
        pipe: Any = self._client.pipeline(transaction=False)
        for call in harmless_calls(self.text, self.sha, key):
            pipe.execute_command(*call)
        try:
            answers = pipe.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise translated(error) from error
        return rights_of(answers, pattern.replace("<id>", "*"))

    def _calls(self, events: Sequence[FlatEvent], outcomes: list[Outcome]) -> list[list[_Call]]:
        identity = self.rules.identity
        event_time, event_id = identity.event_time or "", identity.event_id or ""
        inputs = self.rules.inputs
        pattern = self.rules.store.key
        latest: dict[str, tuple[int, str, _Call]] = {}
        rounds: list[list[_Call]] = []
        for place, (stream, offset, timestamp, fields) in enumerate(events):
            try:
                visitor_id = self._id(fields.get(identity.visitor), "visitor")
                visit_id = self._id(fields.get(identity.visit), "visit")
            except InvalidRecordError as error:
                outcomes[place] = Rejected(error.code, error.reason)
                continue
            if not visitor_id:
                continue
            number, last_stream, call = latest.get(visitor_id, (-1, "", None))
            if call is None or last_stream != stream or len(call.places) == MAX_EVENTS:
                call = _Call(key_of(pattern, visitor_id), [visitor_id, stream, ""], [])
                number += 1
                latest[visitor_id] = (number, stream, call)
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(call)
            call.places.append(place)
            call.arguments.extend(
                (
                    offset if stream else "",
                    timestamp if 0 <= timestamp < _TOO_LATE_MS else "",
                    _text(fields.get(event_time)),
                    _text(fields.get(event_id)),
                    visit_id,
                )
            )
            call.arguments.extend(_text(fields.get(name)) for name in inputs)
        return rounds

    def _id(self, value: object, whose: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise InvalidRecordError("bad_id", f"the {whose} id is neither a string nor an integer")
        text = _text(value)
        if len(text) > self._max_id_bytes or len(text.encode()) > self._max_id_bytes:
            raise InvalidRecordError(
                "bad_id", f"the {whose} id is longer than {self._max_id_bytes} bytes"
            )
        return text

    def _run(self, calls: list[_Call]) -> list[list[Any] | Rejected]:
        replies: list[Any] = [None] * len(calls)
        pending = list(range(len(calls)))
        for _ in range(_LOADS_PER_BATCH):
            pipe = self._client.pipeline(transaction=False)
            for index in pending:
                call = calls[index]
                pipe.evalsha(self.sha, 1, call.key, *call.arguments)
            try:
                answers = pipe.execute(raise_on_error=False)
            except redis.RedisError as error:
                raise translated(error) from error
            for index, answer in zip(pending, answers, strict=True):
                replies[index] = answer
            # One call per visitor and round: repeating a failed one overtakes nothing.
            pending = [i for i in pending if isinstance(replies[i], redis.exceptions.NoScriptError)]
            if not pending:
                break
            self.register()
        return [_checked(reply) for reply in replies]


def _text(value: object) -> str:
    """A string as it is, an integer as decimal text; everything else is absent."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def _checked(reply: object) -> list[Any] | Rejected:
    if isinstance(reply, list):
        return reply
    if not isinstance(reply, redis.RedisError):
        raise ScriptContractError(f"the script answered {type(reply).__name__}, not an array")
    code, _, detail = str(reply).partition(" ")
    if code == "EPROFILE":
        return Rejected(code, detail)
    raise translated(reply)
