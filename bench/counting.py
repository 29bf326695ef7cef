"""Instructions of the script, on a fixed stream of events and on a server under valgrind."""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from bench.bare import BARE_COMMANDS, send_bare
from bench.calls import batches_of, exchange, flat_events, pack_calls
from bench.errors import BenchError
from bench.store import version_of
from bench.traffic import Template, make_traffic, read_templates
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
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
    say: Callable[[str], None] = lambda _: None,
) -> dict[Case, Counted]:
    """Count on a server of our own, which begins with the profiles of what was before.

    Args:
        flavour: one of `servers.redis.FLAVOURS`.
        cases: what to count.
        batches: so many of the last batches of a stream are counted.
        script: Lua text in place of what the preset is rendered to; must take the same calls.
        say: takes a line for each step.

    Raises:
        MissingServerError: valgrind or the server is missing.
        BenchError: the server's program does not name its functions, or the script refused an
            event.
    """
    counted, templates = CountedStore(flavour), read_templates()
    now_ms = max(template.timestamp for template in templates)
    streams, found = {}, {}
    with private_store(flavour) as server:
        for case in cases:
            stream = _stream(templates, case, batches)
            with _Caller(server.url, case, now_ms, script) as caller:
                caller.write(batches_of(stream.before))
            streams[case] = stream._replace(before=())
            say(f"{flavour}: wrote the profiles of {case}")
        with connect(server.url, timeout_s=_PATIENCE_S) as client:
            client.save()
        counted.data = (server.directory / "dump.rdb").read_bytes()
    with counted:
        for case, stream in streams.items():
            with _Caller(counted.url, case, now_ms, script) as caller:
                found[case] = caller.count(counted, stream)
            say(f"{flavour}: counted {case}")
    return found


class _Caller:
    """The script's caller for one case; a context manager that disconnects."""

    def __init__(self, url: str, case: Case, now_ms: int, text: str | None) -> None:
        self._client: Any = connect(url, timeout_s=_PATIENCE_S)
        self._script = ProfileScript(self._client, load_rules(case.preset), clock=lambda: now_ms)
        if text is not None:
            self._script.text, self._script.sha = text, sha_of(text)

    def __enter__(self) -> Self:
        self._script.register()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def write(self, batches: Sequence[Sequence[FlatEvent]]) -> None:
        """Apply events, whatever comes of them."""
        connection = self._client.connection_pool.get_connection()
        try:
            for batch in batches:
                exchange(connection, pack_calls(self._script, connection, batch))
        finally:
            connection.disconnect()

    def count(self, server: CountedStore, stream: _Stream) -> Counted:
        """Warm up, and count the batches of the stream."""
        self.write([stream.warm_up])
        calls, outcomes = 0, []
        server.take()  # what came before
        for batch in stream.batches:
            packed = self._script.calls_of(batch)
            self._script.execute(packed)
            calls += sum(map(len, packed.rounds))
            outcomes.append(packed.outcomes)
        script = server.take().get("evalShaCommand")
        if script is None or script.calls != calls:
            raise BenchError(
                f"valgrind saw {script and script.calls} of {calls} calls of evalShaCommand: it"
                " needs a server whose symbols were not stripped"
            )
        if not all(isinstance(outcome, Applied) for some in outcomes for outcome in some):
            raise BenchError("an event was not applied, so its count says nothing")
        # For the first time keys are made, which happens once in the life of a visitor.
        for _ in range(2):
            server.take()
            for batch, some in zip(stream.batches, outcomes, strict=True):
                send_bare(self._client, self._script.rules, batch, some)
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
