"""Instructions of the script, on a fixed stream of events and on a server under valgrind."""

import random
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple, Self

from bench.bare import BARE_COMMANDS, send_bare
from bench.calls import batches_of, exchange, flat_events, floors_of, pack_calls
from bench.errors import BenchError
from bench.store import version_of
from bench.traffic import Template, make_traffic, read_templates
from profiler.profiles.outputs import trimming
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules
from profiler.rules.render import sha_of
from servers.counted import CountedStore
from servers.redis import private_store

#: So many events first: then the memory of the script, and of the server, is in use.
_WARM_UP = 50
#: Of a stream, with what was before: so many that the counted visitors have a history.
_RECORDS = 20_000
_PATIENCE_S = 600.0


class Case(NamedTuple):
    """What is counted, of a fixed stream of events."""

    preset: str
    traffic: str

    def __str__(self) -> str:
        return f"{self.preset}, {self.traffic}"


class Counted(NamedTuple):
    """What a case came to on one server.

    Attributes:
        server: its name and version.
        calls: of the script.
        events: in these calls.
        script: instructions inside EVALSHA.
        bare: instructions inside HSET and HGETALL of the same profiles, each an event.
    """

    server: str
    calls: int
    events: int
    script: int
    bare: int

    @property
    def per_event(self) -> float:
        """The script's instructions an event."""
        return self.script / self.events


class _Stream(NamedTuple):
    """The events of a case: what was before, the warm-up, and what is counted, in batches."""

    before: Sequence[FlatEvent]
    warm_up: Sequence[FlatEvent]
    batches: Sequence[Sequence[FlatEvent]]


def count_instructions(
    flavour: str,
    cases: Sequence[Case],
    *,
    batches: int,
    script: str | None = None,
    rules: Sequence[Rules] = (),
    stores: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[Case, Counted]:
    """Count on a server of our own, which begins with the profiles of what was before.

    Args:
        flavour: one of `servers.redis.FLAVOURS`.
        cases: what to count.
        batches: so many of the last batches of a stream are counted.
        script: Lua text in place of what the preset is rendered to; must take the same calls.
        rules: whose scripts take the batches in turn, in place of the preset's.
        stores: whether outputs are stored, and trimmed after each batch.
        say: takes a line for each step.

    Raises:
        MissingServerError: valgrind or the server is missing.
        BenchError: the server's program does not name its functions, or the script refused an
            event.
    """

    def rules_of(case: Case) -> Sequence[Rules]:
        return rules or [load_rules(case.preset)]

    counted, templates = CountedStore(flavour), read_templates()
    now_ms = max(template.timestamp for template in templates)
    streams, found = {}, {}
    with private_store(flavour) as server:
        for case in cases:
            stream = _stream(templates, case, batches)
            with _Caller(server.url, rules_of(case), now_ms, script, stores=stores) as caller:
                caller.write(batches_of(stream.before))
            streams[case] = stream._replace(before=())
            say(f"{flavour}: wrote the profiles of {case}")
        with connect(server.url, timeout_s=_PATIENCE_S) as client:
            client.save()
        counted.data = (server.directory / "dump.rdb").read_bytes()
    with counted:
        for case, stream in streams.items():
            with _Caller(counted.url, rules_of(case), now_ms, script, stores=stores) as caller:
                found[case] = caller.count(counted, stream)
            say(f"{flavour}: counted {case}")
    return found


class _Caller:
    """The scripts' caller for one case, a batch each in turn; closes its connection at the end."""

    def __init__(
        self, url: str, rules: Sequence[Rules], now_ms: int, text: str | None, *, stores: bool
    ) -> None:
        self._client: Any = connect(url, timeout_s=_PATIENCE_S)
        scripts = [ProfileScript(self._client, each, clock=lambda: now_ms) for each in rules]
        if text is not None:
            (script,) = scripts
            script.steps.text, script.steps.sha = text, sha_of(text)
        self._scripts, self._in_turn = scripts, cycle(scripts)
        self._stores = stores

    def __enter__(self) -> Self:
        for script in self._scripts:
            script.register()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def write(self, batches: Sequence[Sequence[FlatEvent]]) -> None:
        """Apply events, whatever comes of them."""
        connection = self._client.connection_pool.get_connection()
        try:
            for batch in batches:
                packed = pack_calls(next(self._in_turn), connection, batch, stores=self._stores)
                exchange(connection, packed)
        finally:
            connection.disconnect()

    def count(self, server: CountedStore, stream: _Stream) -> Counted:
        """Warm up, and count the batches of the stream."""
        self.write([stream.warm_up])
        calls, taken = 0, []
        server.take()  # what came before
        for batch in stream.batches:
            taker = next(self._in_turn)
            packed = taker.calls_of(batch, floors_of(batch) if self._stores else None)
            taker.execute(packed)
            for command in trimming(packed.stored):
                self._client.execute_command(*command.words)
            calls += sum(map(len, packed.rounds))
            taken.append((taker.rules, batch, packed.outcomes))
        script = server.take().get("evalShaCommand")
        if script is None or script.calls != calls:
            raise BenchError(
                f"valgrind saw {script and script.calls} of {calls} calls of evalShaCommand: it"
                " needs a server whose symbols were not stripped"
            )
        if not all(isinstance(outcome, Applied) for _, _, some in taken for outcome in some):
            raise BenchError("an event was not applied, so its count says nothing")
        # For the first time keys are made, which happens once in the life of a visitor.
        for _ in range(2):
            server.take()
            for rules, batch, some in taken:
                send_bare(self._client, rules, batch, some)
        bare = server.take()
        return Counted(
            version_of(self._client),
            calls,
            sum(map(len, stream.batches)),
            script.instructions,
            sum(bare[f"{name}Command"].instructions for name in BARE_COMMANDS),
        )


def _stream(templates: list[Template], case: Case, batches: int) -> _Stream:
    # Streams share a server, so each has visitors of its own.
    chance = random.Random(" ".join(case))  # noqa: S311 - to be repeatable, not secret
    events = flat_events(make_traffic(templates, case.traffic, _RECORDS, chance=chance))
    counted = batches_of(events)[-batches:]
    first = len(events) - sum(map(len, counted))
    return _Stream(events[: first - _WARM_UP], events[first - _WARM_UP : first], counted)
