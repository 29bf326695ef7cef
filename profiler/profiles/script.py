"""The one caller of the Lua script: events in, profiles out.

Nothing else in this package knows a visitor, visit or page field; what a profile becomes is decided
in ``lua/``. Beside the script's calls there are only marks, see `profiler.profiles.marks`.

Over 250 lines: registering, folding, reading and trying the rights are one connection's calls.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import redis
from redis.exceptions import NoScriptError

from profiler.errors import ScriptContractError, StoredStateError
from profiler.profiles.arguments import Packer, storing
from profiler.profiles.calls import Calls
from profiler.profiles.export import Export, exported
from profiler.profiles.forgetting import Forgetting
from profiler.profiles.hashes import StoredHashes
from profiler.profiles.inspect import StoredProfile, decode_stored, writer_of
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.keys import key_of, sidecar_of
from profiler.profiles.marks import Marks
from profiler.profiles.redis import Command, Nodes, Word, nodes_of
from profiler.profiles.redis.connections import greeting_of
from profiler.profiles.redis.faults import checked, translated, translating
from profiler.profiles.reply import Outcome, Reply, ReplyDecoder
from profiler.profiles.rights import (
    Rights,
    harmless_calls,
    harmless_sidecar_calls,
    merged,
    rights_of,
)
from profiler.records.times import Clock
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import STATE_FIELD
from profiler.rules.model import Rules
from profiler.rules.render import render, sha_of

#: Other programs may flush the script cache again and again; so often is it loaded for one batch.
_LOADS_PER_BATCH = 100


class Foldable(Protocol):
    """Script calls by rounds, and what takes their replies; see `profiler.engine.Batch`."""

    def pack(self) -> Sequence[Sequence[Command]]:
        """The commands of each round."""
        ...

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """Take the replies to a round."""
        ...


class ProfileScript:
    """The registered script of one set of rules.

    Args:
        client: from `profiler.profiles.redis.connections.connect`; replies as bytes, no retries
            of its own. Of a cluster any node will do.
        rules: rendered here, once.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
        clock: the reader's, which says what time of an event is plausible.
        stored: which id Redis gets for a visitor's.
        meet: told of each visitor's own id and key before they are in a call.
    """

    def __init__(
        self,
        client: "redis.Redis",
        rules: Rules,
        *,
        max_id_bytes: int = 512,
        clock: Clock = lambda: time.time_ns() // 1_000_000,
        stored: StoredIds = PLAIN,
        meet: Callable[[str, str], None] | None = None,
    ) -> None:
        self.rules = rules
        self.text = render(rules)
        self.sha = sha_of(self.text)
        self._client = client
        self._clock = clock
        self._stored = stored
        self._packer = Packer(
            rules, max_id_bytes=max_id_bytes, clock=clock, stored=stored, meet=meet
        )
        self._decoder = ReplyDecoder(rules)

    def register(self) -> None:
        """Load the script into the server, or into every primary of a cluster.

        Blocks for the connection's timeout at most, in a cluster for each primary.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
        """
        with translating():
            self._nodes.call_everywhere(("SCRIPT", "LOAD", self.text))

    def is_registered(self) -> bool:
        """Whether the server, or every primary, knows the script now.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
        """
        with translating():
            answers = self._nodes.call_everywhere(("SCRIPT", "EXISTS", self.sha))
        return all(answer == [1] for answer in answers)

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
        calls = self.calls_of(events)
        self.execute(calls)
        return calls.outcomes

    def calls_of(
        self, events: Sequence[FlatEvent], floors: Mapping[str, int] | None = None
    ) -> Calls:
        """Pack events into calls, for `execute`; talks to nobody.

        Args:
            events: see `apply`.
            floors: where given, outputs are stored, so that a redelivered event gets what it got
                first: by stream the oldest offset that is not committed, as far as it is known.
                See `Calls.stored`.
        """
        rejected: dict[int, Rejected] = {}
        rounds = self._packer.rounds(events, rejected)
        if floors is not None:
            rounds = [[storing(call, floors) for call in calls] for calls in rounds]
        return Calls(self.sha, rounds, len(events), rejected, self._decoder)

    def execute(
        self,
        batch: Foldable,
        *,
        first: Sequence[Command] = (),
        connections: int | None = None,
    ) -> None:
        """Send the calls of a batch, round by round, and fold their replies. Raises as `apply`.

        Args:
            batch: what is to be called.
            first: commands that go before the first round, in the same pipeline.
            connections: how many connections may have been opened so far; None for any number.

        Raises:
            ReconnectedError: more were opened. Of the batch nothing or a part is applied, none of
                it over a connection that is new.
        """
        for number, commands in enumerate(batch.pack()):
            replies = self._ask([*first, *commands] if first else commands, connections)
            for reply in replies[: len(first)]:
                checked(reply)
            batch.fold(number, [_reply_of(reply) for reply in replies[len(first) :]])
            first = ()
        self.send(first, connections=connections)

    def send(self, commands: Sequence[Command], *, connections: int | None = None) -> None:
        """Send commands of which only success matters. Raises as `execute` does."""
        for reply in self._ask(commands, connections):
            checked(reply)

    @cached_property
    def marks(self) -> Marks:
        """The marks of these rules' profiles; asks a server at first which kind it is.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
        """
        with translating():
            return Marks(self._nodes, self.rules.store.key, lambda: self.connections)

    @cached_property
    def forgetting(self) -> Forgetting:
        """Forgets visitors of these rules; asks a server at first which kind it is.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
        """
        with translating():
            return Forgetting(self._nodes, self.rules.store.key, self._stored)

    @cached_property
    def hashes(self) -> StoredHashes:
        """The hashes as they are stored; asks a server at first which kind it is.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
        """
        with translating():
            return StoredHashes(self._nodes)

    @property
    def connections(self) -> int:
        """How many connections to Redis were opened so far.

        Where the number grows, a server may have failed, and lost what it had acknowledged.
        """
        return greeting_of(self._client).opened

    def call(self, keys: Sequence[str], arguments: Sequence[Word]) -> Reply:
        """Make one call with KEYS and ARGV as the contract has them. Raises as `apply` does.

        Returns:
            The reply, texts as bytes, or why this visitor's stored state cannot be used.
        """
        (reply,) = self._run([self._command(keys, arguments)])
        return reply

    def fields(self) -> list[str]:
        """The names of the profile's fields in the order of the answers, as the script says them.

        Raises as `apply` does.
        """
        reply = self.call([], ["fields"])
        assert not isinstance(reply, Rejected), "no visitor is asked for"  # noqa: S101
        return [name.decode() for name in reply]

    def place_of(self, visitor_id: str) -> tuple[str, str]:
        """The id that Redis has for a visitor's, and the key."""
        stored_id = self._stored.of(visitor_id)
        return stored_id, key_of(self.rules.store.key, stored_id)

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
        visitor_id, key = self.place_of(visitor_id)
        answer, packed, expires_at = self._ask(
            [
                self._command([key], [visitor_id, self._clock()]),
                Command(key, ("HGET", key, STATE_FIELD)),
                Command(key, ("PEXPIRETIME", key)),
            ]
        )
        if isinstance(packed, redis.RedisError):
            if str(packed).startswith("WRONGTYPE"):
                message = f"{key} holds no hash: another program wrote it"
                raise StoredStateError(message) from packed
            raise translated(packed) from packed
        version = writer_of(key, packed, self.rules)
        found = decode_stored(key, _reply_of(answer), version, self._decoder)
        # No worker has the right to ask for the expiry, and -1 says that there is none.
        is_known = isinstance(expires_at, int) and expires_at > 0
        return found and found._replace(expires_at=expires_at if is_known else None)

    def export(self, visitor_id: str) -> Export | None:
        """All that is stored of a visitor, None for an unknown one. Raises as `read` does."""
        found = self.look_up(visitor_id)
        if found is None:
            return None
        sidecar = sidecar_of(found.key)
        (held,) = self._ask([Command(sidecar, ("HLEN", sidecar))])
        profiles = self.read_visits(found.key, self._stored.of(visitor_id), self._clock())
        return exported(found, profiles, checked(held), self.rules)

    def read_visits(self, key: str, stored_id: Word, now: Word) -> list[dict[str, Any]]:
        """The stored profile as each kept visit leaves it, in any order; none of an unknown one.

        Only rules with order event_time keep visits; of others there is one profile.

        Args:
            key: the visitor's.
            stored_id: the visitor's id as Redis has it.
            now: ms since the epoch, or empty; see `READ_ARGS` of the contract.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
            StoredStateError: the state is damaged.
        """
        if self.rules.order != "event_time":
            reply = self.call([key], [stored_id, now])
            if isinstance(reply, Rejected):
                raise StoredStateError(f"{key}: {reply.reason}")
            found = self._decoder.stored(reply)
            return [] if found is None else [found]
        with translating():
            self._nodes.call_everywhere(("SCRIPT", "LOAD", self._text_of_all))
        read = ("EVALSHA", sha_of(self._text_of_all), 1, key, stored_id, now)
        (answer,) = self._call([Command(key, read)])
        reply = _reply_of(answer)
        if isinstance(reply, Rejected):
            raise StoredStateError(f"{key}: {reply.reason}")
        return self._decoder.all_stored(reply)

    @cached_property
    def _text_of_all(self) -> str:
        return render(self.rules, reads_all=True)

    def rights(self, *, outputs: bool = False) -> Rights:
        """Try every command that a worker needs, on keys that no visitor has; writes nothing.

        Args:
            outputs: whether it stores outputs.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
            ConfigError: one refuses the login.
        """
        pattern = self.rules.store.key
        with translating():
            try:
                keys = self._nodes.key_on_each(
                    lambda: key_of(pattern, f"profiler-check-{uuid.uuid4().hex}")
                )
            except redis.exceptions.NoPermissionError as error:  # to ask where the slots are
                return rights_of([error], "")
        found = []
        for key in keys:
            trials = [*harmless_calls(self.text, self.sha, key), *self._nodes.own_calls]
            answers = self._call([Command(key, words) for words in trials])
            glob = pattern.replace("<id>", "*")
            found.append(rights_of(answers, glob))
            if outputs:
                sidecar = sidecar_of(key)
                of_outputs = harmless_sidecar_calls(self.text, sidecar)
                answers = self._call([Command(sidecar, words) for words in of_outputs])
                found.append(rights_of(answers, sidecar_of(glob))._replace(is_loaded=True))
        return merged(found)

    @cached_property
    def _nodes(self) -> Nodes:
        return nodes_of(self._client)

    def _call(self, commands: Sequence[Command], connections: int | None = None) -> list[Any]:
        if not commands:
            return []
        with translating():
            return self._nodes.call(commands, connections=connections)

    def _command(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        return Command(next(iter(keys), ""), ("EVALSHA", self.sha, len(keys), *keys, *arguments))

    def _run(self, commands: Sequence[Command]) -> list[Reply]:
        return [_reply_of(reply) for reply in self._ask(commands)]

    def _ask(self, commands: Sequence[Command], connections: int | None = None) -> list[Any]:
        """Replies and errors as they come; the script is loaded where it is missing."""
        replies = self._call(commands, connections)
        for _ in range(_LOADS_PER_BATCH):
            # One call per visitor and round: repeating a failed one overtakes nothing.
            missed = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if not missed:
                break
            self.register()
            again = self._call([commands[i] for i in missed], connections)
            for i, reply in zip(missed, again, strict=True):
                replies[i] = reply
        return replies


def _reply_of(reply: object) -> Reply:
    if isinstance(reply, list):
        return reply
    if not isinstance(reply, redis.RedisError):
        raise ScriptContractError(f"the script answered {type(reply).__name__}, not an array")
    code, _, detail = str(reply).partition(" ")
    if code == "EPROFILE":
        return Rejected(code, detail)
    raise translated(reply)
