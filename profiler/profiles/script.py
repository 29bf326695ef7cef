"""The caller of the Lua script that blocks: events in, profiles out.

What is sent, and what the replies mean, is in `profiler.profiles.steps`; here it is carried out.
Beside the script's calls there are only marks, see `profiler.profiles.marks`.

Over 250 lines: registering, folding, reading and trying the rights are one connection's calls.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from profiler.profiles.calls import Calls
from profiler.profiles.export import Export
from profiler.profiles.forgetting import Forgetting
from profiler.profiles.hashes import StoredHashes
from profiler.profiles.inspect import StoredProfile
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.marks import Marks
from profiler.profiles.packing import Packer
from profiler.profiles.redis import Command, Nodes, Word, nodes_of
from profiler.profiles.redis.connections import connect, greeting_of
from profiler.profiles.redis.faults import translating
from profiler.profiles.reply import Outcome, Reply, ReplyDecoder
from profiler.profiles.rights import Rights, rights_on
from profiler.profiles.steps import Everywhere, Foldable, Load, Result, ScriptSteps, Step, Steps
from profiler.records.times import Clock
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules

if TYPE_CHECKING:
    import redis


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

    Attributes:
        rules: as they came.
        text: the script's.
        sha: its name.
        packer: makes its arguments.
        decoder: decodes its replies.
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
        self._client = client
        #: What is sent, and what the replies mean; talks to nobody.
        self.steps = ScriptSteps(
            rules, max_id_bytes=max_id_bytes, clock=clock, stored=stored, meet=meet
        )
        self.rules = rules

    @property
    def text(self) -> str:
        """The script."""
        return self.steps.text

    @property
    def sha(self) -> str:
        """The name under which Redis keeps it."""
        return self.steps.sha

    @property
    def packer(self) -> Packer:
        """What makes calls of events."""
        return self.steps.packer

    @property
    def decoder(self) -> ReplyDecoder:
        """What takes the script's replies."""
        return self.steps.decoder

    @staticmethod
    def connect(
        url: str, rules: Rules | str = "standard", *, timeout_s: float = 5.0
    ) -> "ProfileScript":
        """A caller with a client of its own; it connects at the first call.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``; any node of a cluster.
            rules: from `profiler.Rules`, or a preset's name, or the path of a rules file.
            timeout_s: to connect, and to wait for one answer.

        Raises:
            ConfigError: the address or the rules are wrong.
        """
        loaded = load_rules(rules) if isinstance(rules, str) else rules
        return ProfileScript(connect(url, timeout_s=timeout_s), loaded)

    def close(self) -> None:
        """Hang up; at the next call it would connect again."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def register(self) -> None:
        """Load the script into the server, or into every primary of a cluster.

        Blocks for the connection's timeout at most, in a cluster for each primary.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
        """
        self._run(self.steps.register())

    def is_registered(self) -> bool:
        """Whether the server, or every primary, knows the script now.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
        """
        return self._run(self.steps.is_registered())

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
        self, events: Iterable[FlatEvent], floors: Mapping[str, int] | None = None
    ) -> Calls:
        """Pack events into calls, for `execute`; talks to nobody.

        Args:
            events: see `apply`; each is taken when the one before is packed.
            floors: where given, outputs are stored, so that a redelivered event gets what it got
                first: by stream the oldest offset that is not committed, as far as it is known.
                See `Calls.stored`.
        """
        return self.steps.calls_of(events, floors)

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
        self._run(self.steps.execute(batch, first=first), connections)

    def send(self, commands: Sequence[Command], *, connections: int | None = None) -> None:
        """Send commands; only their success matters. Raises as `execute` does."""
        self._run(self.steps.send(commands), connections)

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
            return Forgetting(self._nodes, self.rules.store.key, self.steps.stored)

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
        return self._run(self.steps.call(keys, arguments))

    def fields(self) -> list[str]:
        """The names of the profile's fields in the order of the answers, as the script says them.

        Raises as `apply` does.
        """
        return self._run(self.steps.fields())

    def place_of(self, visitor_id: str) -> tuple[str, str]:
        """The id that Redis has for a visitor's, and the key."""
        return self.steps.place_of(visitor_id)

    def read(self, visitor_id: str) -> dict[str, Any] | None:
        """The stored profile as its latest visit left it, None for an unknown visitor.

        Raises:
            StoreUnavailableError: the server cannot be reached or is not ready.
            StoredStateError: the key holds something else, or damaged state.
        """
        found = self.look_up(visitor_id)
        return found and found.profile

    def look_up(self, visitor_id: str, *, now: int | None = None) -> StoredProfile | None:
        """The same with what is known about the stored hash itself. Raises as `read` does.

        Args:
            visitor_id: the visitor's own id.
            now: ms since the epoch, for fields whose value depends on it; None for the clock's.
        """
        return self._run(self.steps.look_up(visitor_id, now))

    def count_keys(self) -> int:
        """How many keys all primaries have, of every kind. Raises as `register` does."""
        return self._run(self.steps.count_keys())

    def export(self, visitor_id: str) -> Export | None:
        """All that is stored of a visitor, None for an unknown one. Raises as `read` does."""
        return self._run(self.steps.export(visitor_id))

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
        return self._run(self.steps.read_visits(key, stored_id, now))

    def rights(self, *, outputs: bool = False) -> Rights:
        """Try every command that a worker needs, on keys that no visitor has; writes nothing.

        Args:
            outputs: whether it stores outputs.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
            ConfigError: one refuses the login.
        """
        with translating():
            return rights_on(self._nodes, self.rules, self.text, outputs=outputs)

    @cached_property
    def _nodes(self) -> Nodes:
        return nodes_of(self._client)

    def _run(self, steps: Steps[Result], connections: int | None = None) -> Result:
        """Carry out a procedure; `connections` as in `execute`."""
        replies = None  # which starts it
        while True:
            try:
                step = steps.send(replies)
            except StopIteration as done:
                result: Result = done.value
                return result
            replies = self._carried_out(step, connections)

    def _carried_out(self, step: Step, connections: int | None) -> list[Any]:
        if isinstance(step, Load):
            self.register()
            return []
        with translating():
            if isinstance(step, Everywhere):
                return self._nodes.call_everywhere(step.words)
            return self._nodes.call(step, connections=connections)
