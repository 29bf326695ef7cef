"""What a caller of the script does, without a word on how it is sent.

A procedure is a generator. It yields a step, and it is sent the replies to that step. So the caller
that blocks and the caller of asyncio share all but their input and output: each one carries out
steps, see `profiler.profiles.script` and `profiler.profiles.aio`.

Nothing else in this package knows a visitor, visit or page field; what a profile becomes is decided
in ``lua/``.
"""

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from redis.exceptions import NoScriptError

from profiler.errors import StoredStateError
from profiler.profiles.calls import Calls
from profiler.profiles.export import Export, exported
from profiler.profiles.inspect import StoredProfile
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.keys import sidecar_of
from profiler.profiles.packing import Packer, storing
from profiler.profiles.reads import Reads, reply_of
from profiler.profiles.redis import Command, Word
from profiler.profiles.redis.faults import checked
from profiler.profiles.redis.nodes import Words
from profiler.profiles.reply import Outcome, Reply, ReplyDecoder
from profiler.records.times import Clock
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.model import Rules
from profiler.rules.render import render, sha_of

#: Other programs may flush the script cache again and again; so often is it loaded for one batch.
_LOADS_PER_BATCH = 100


class Everywhere(NamedTuple):
    """A step that goes to the server, or to every primary of a cluster.

    Its replies hold one for each server; an error reply is raised.
    """

    words: Words


class Load(NamedTuple):
    """A step that loads what the caller's commands need, because a server does not know it."""


#: Commands are sent in one go. Their replies are in the same order; error replies are exceptions.
Step: TypeAlias = Sequence[Command] | Everywhere | Load

Result = TypeVar("Result")

#: A procedure: steps out, replies in, and a result at the end.
Steps: TypeAlias = Generator[Step, Any, Result]


class Foldable(Protocol):
    """Script calls by rounds, and what takes their replies; see `profiler.engine.Batch`."""

    def pack(self) -> Sequence[Sequence[Command]]:
        """The commands of each round."""
        ...

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """Take the replies to a round."""
        ...


class ScriptSteps:
    """The script of one set of rules, and the procedures around it.

    Args:
        rules: rendered here, once.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
        clock: the reader's, which says what time of an event is plausible.
        stored: which id Redis gets for a visitor's.
        meet: told of each visitor's own id and key before they are in a call.
    """

    def __init__(
        self,
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
        self.stored = stored
        self._clock = clock
        self.packer = Packer(
            rules, max_id_bytes=max_id_bytes, clock=clock, stored=stored, meet=meet
        )
        self.decoder = ReplyDecoder(rules)
        self._reads = Reads(rules, stored)

    def calls_of(
        self, events: Iterable[FlatEvent], floors: Mapping[str, int] | None = None
    ) -> Calls:
        """See `profiler.profiles.script.ProfileScript.calls_of`."""
        outcomes: list[Outcome] = []
        rounds = self.packer.rounds(events, outcomes)
        if floors is not None:
            rounds = [[storing(call, floors) for call in calls] for calls in rounds]
        return Calls(self.sha, rounds, outcomes, self.decoder)

    def place_of(self, visitor_id: str) -> tuple[str, str]:
        """The id that Redis has for a visitor's, and the key."""
        return self.stored.of(visitor_id), self._reads.key_of(visitor_id)

    def register(self) -> Steps[None]:
        """Load the script."""
        yield Everywhere(("SCRIPT", "LOAD", self.text))

    def is_registered(self) -> Steps[bool]:
        """Whether every server knows the script."""
        answers = yield Everywhere(("SCRIPT", "EXISTS", self.sha))
        return all(answer == [1] for answer in answers)

    def apply(self, events: Sequence[FlatEvent]) -> Steps[list[Outcome]]:
        """Fold events; one outcome for each."""
        calls = self.calls_of(events)
        yield from self.execute(calls)
        return calls.outcomes

    def execute(self, batch: Foldable, *, first: Sequence[Command] = ()) -> Steps[None]:
        """Send the calls of a batch, round by round; `first` goes before the first round."""
        for number, commands in enumerate(batch.pack()):
            replies = yield from self._ask([*first, *commands] if first else commands)
            for reply in replies[: len(first)]:
                checked(reply)
            batch.fold(number, [reply_of(reply) for reply in replies[len(first) :]])
            first = ()
        yield from self.send(first)

    def send(self, commands: Sequence[Command]) -> Steps[None]:
        """Send commands; only their success matters."""
        for reply in (yield from self._ask(commands)):
            checked(reply)

    def call(self, keys: Sequence[str], arguments: Sequence[Word]) -> Steps[Reply]:
        """Make one call with KEYS and ARGV as the contract has them."""
        [reply] = yield from self._ask([self._command(keys, arguments)])
        return reply_of(reply)

    def fields(self) -> Steps[list[str]]:
        """The names of the profile's fields, as the script says them."""
        reply = yield from self.call([], ["fields"])
        assert not isinstance(reply, Rejected), "no visitor is asked for"  # noqa: S101
        return [name.decode() for name in reply]

    def look_up(self, visitor_id: str, now: int | None = None) -> Steps[StoredProfile | None]:
        """The stored profile with what is known about the hash itself."""
        key = self._reads.key_of(visitor_id)
        at = self._clock() if now is None else now
        asked = self._reads.commands(visitor_id, at, ("EVALSHA", self.sha))
        answers = yield from self._ask([Command(key, words) for words in asked])
        return self._reads.decode(visitor_id, answers)

    def count_keys(self) -> Steps[int]:
        """How many keys all servers have."""
        return sum((yield Everywhere(("DBSIZE",))))

    def export(self, visitor_id: str) -> Steps[Export | None]:
        """All that is stored of a visitor."""
        found = yield from self.look_up(visitor_id)
        if found is None:
            return None
        sidecar = sidecar_of(found.key)
        [held] = yield from self._ask([Command(sidecar, ("HLEN", sidecar))])
        stored_id = self.stored.of(visitor_id)
        profiles = yield from self.read_visits(found.key, stored_id, self._clock())
        return exported(found, profiles, checked(held), self.rules)

    def read_visits(self, key: str, stored_id: Word, now: Word) -> Steps[list[dict[str, Any]]]:
        """The stored profile as each kept visit leaves it."""
        if self.rules.order != "event_time":
            reply = yield from self.call([key], [stored_id, now])
            if isinstance(reply, Rejected):
                raise StoredStateError(f"{key}: {reply.reason}")
            profile = self.decoder.stored(reply)
            return [] if profile is None else [profile]
        yield Everywhere(("SCRIPT", "LOAD", self._text_of_all))
        read = ("EVALSHA", sha_of(self._text_of_all), 1, key, stored_id, now)
        [answer] = yield [Command(key, read)]
        reply = reply_of(answer)
        if isinstance(reply, Rejected):
            raise StoredStateError(f"{key}: {reply.reason}")
        return self.decoder.all_stored(reply)

    @cached_property
    def _text_of_all(self) -> str:
        return render(self.rules, reads_all=True)

    def _command(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        return Command(next(iter(keys), ""), ("EVALSHA", self.sha, len(keys), *keys, *arguments))

    def _ask(self, commands: Sequence[Command]) -> Steps[list[Any]]:
        """Replies and errors as they come; the script is loaded where it is missing."""
        if not commands:
            return []
        replies: list[Any] = yield commands
        for _ in range(_LOADS_PER_BATCH):
            # One call per visitor and round: repeating a failed one overtakes nothing.
            others = [i for i, reply in enumerate(replies) if type(reply) is not list]
            missed = [i for i in others if isinstance(replies[i], NoScriptError)]
            if not missed:
                break
            yield Load()
            again = yield [commands[i] for i in missed]
            for i, reply in zip(missed, again, strict=True):
                replies[i] = reply
        return replies
