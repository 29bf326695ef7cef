"""How many instructions the script takes a call and an event, counted by valgrind.

A count says what CPU time says, but a busy machine does not change it: it is the same again to less
than 1 %. It does not see what waits for memory.
"""

import argparse
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from rich.table import Table

from bench.bare import BARE_COMMANDS, send_bare
from bench.calls import batches_of, exchange, flat_events, pack_calls
from bench.command import Command, Measured, Session, positive
from bench.errors import BenchError
from bench.report import Summary
from bench.traffic import TRAFFICS, make_traffic, read_templates
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from profiler.rules.render import sha_of
from servers.counted import CountedStore
from servers.redis import FLAVOURS, private_store

PRESETS = ("standard", "article")

#: At most so many instructions an event may take inside EVALSHA, by preset and traffic.
BUDGETS = {
    ("standard", "one"): 140_000,
    ("standard", "three"): 80_000,
    ("standard", "twenty"): 55_000,
    ("article", "one"): 90_000,
    ("article", "three"): 45_000,
    ("article", "twenty"): 27_000,
}

#: After these the script's memory, and the server's, is in use.
_WARM_UP = 50
_RECORDS = 20_000
_PATIENCE_S = 600.0


class Case(NamedTuple):
    """What is counted, of a fixed stream of events."""

    preset: str
    traffic: str


class Counted(NamedTuple):
    """What a case came to on one server.

    Attributes:
        calls: of the script.
        events: in these calls.
        script: instructions inside EVALSHA.
        bare: instructions inside HSET and HGETALL of the same profiles, each an event.
    """

    calls: int
    events: int
    script: int
    bare: int

    @property
    def per_event(self) -> float:
        """The script's instructions an event."""
        return self.script / self.events


class _Stream(NamedTuple):
    """The events of a case: what was before, and what is counted, in batches."""

    before: Sequence[FlatEvent]
    batches: Sequence[Sequence[FlatEvent]]

    @property
    def newest_ms(self) -> int:
        """The latest time: the reader's clock."""
        return max(event.timestamp for event in self.before)


def count_instructions(
    flavour: str,
    cases: Sequence[Case],
    *,
    batches: int,
    script: str | None = None,
    records: int = _RECORDS,
    say: Callable[[str], None] = lambda _: None,
) -> dict[Case, Counted]:
    """Count on a server of our own, which begins with the profiles of what was before.

    Args:
        flavour: one of `servers.redis.FLAVOURS`.
        cases: what to count.
        batches: so many of the last batches of a stream are counted.
        script: Lua text in place of what the preset is rendered to; must take the same calls.
        records: of each stream.
        say: takes a line for each step.

    Raises:
        MissingServerError: valgrind or the server is missing.
        BenchError: the server's program does not name its functions.
    """
    streams = {case: _stream(case, records, batches) for case in cases}
    with private_store(flavour) as server:
        for case, stream in streams.items():
            with _Caller(server.url, case, stream, script) as caller:
                caller.write(batches_of(stream.before[:-_WARM_UP]))
        with connect(server.url, timeout_s=_PATIENCE_S) as client:
            client.save()
        say(f"{flavour}: wrote the profiles of {len(streams)} streams")
        data = (server.directory / "dump.rdb").read_bytes()
    found = {}
    with CountedStore(flavour, data=data) as counted:
        for case, stream in streams.items():
            with _Caller(counted.url, case, stream, script) as caller:
                found[case] = caller.count(counted)
            say(f"{flavour}: counted {case.preset}, {case.traffic}")
    return found


class _Caller:
    """The script's caller for one case; a context manager that disconnects."""

    def __init__(self, url: str, case: Case, stream: _Stream, text: str | None) -> None:
        self._client: Any = connect(url, timeout_s=_PATIENCE_S)
        self._stream = stream
        self._script = ProfileScript(
            self._client, load_rules(case.preset), clock=lambda: stream.newest_ms
        )
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

    def count(self, server: CountedStore) -> Counted:
        """Warm up, and count the batches of the stream."""
        self.write([self._stream.before[-_WARM_UP:]])
        calls, outcomes = 0, []
        server.take()
        for batch in self._stream.batches:
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
        # For the first time keys are made, which happens once in the life of a visitor.
        for _ in range(2):
            server.take()
            for batch, some in zip(self._stream.batches, outcomes, strict=True):
                send_bare(self._client, self._script.rules, batch, some)
        bare = server.take()
        return Counted(
            calls,
            sum(map(len, self._stream.batches)),
            script.instructions,
            sum(bare[f"{name}Command"].instructions for name in BARE_COMMANDS),
        )


def _stream(case: Case, records: int, batches: int) -> _Stream:
    # Streams share a server, so each has visitors of its own.
    chance = random.Random(" ".join(case))  # noqa: S311 - to be repeatable, not secret
    events = flat_events(make_traffic(read_templates(), case.traffic, records, chance=chance))
    counted = batches_of(events)[-batches:]
    return _Stream(events[: len(events) - sum(map(len, counted))], counted)


def _add_options(parser: argparse.ArgumentParser) -> None:
    for name, all_of in (("preset", PRESETS), ("traffic", tuple(TRAFFICS)), ("server", FLAVOURS)):
        parser.add_argument(
            f"--{name}", nargs="+", choices=all_of, default=all_of, help="default: all"
        )
    parser.add_argument(
        "--batches", type=positive, default=4, help="to count of each stream (default: 4)"
    )
    parser.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="Lua in place of the rendered preset, of which there must be one; takes its calls",
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    if options.script and len(options.preset) > 1:
        raise BenchError("--script needs --preset: whose calls does it take?")
    script = options.script and options.script.read_text(encoding="utf-8")
    cases = [Case(preset, traffic) for preset in options.preset for traffic in options.traffic]
    rows = []
    for flavour in options.server:
        found = count_instructions(
            flavour, cases, batches=options.batches, script=script, say=session.console.print
        )
        rows += [_summary(flavour, case, counted) for case, counted in found.items()]
    return Measured({"script": str(options.script or ""), "rows": rows}, [_table(rows)])


def _summary(flavour: str, case: Case, counted: Counted) -> Summary:
    return {
        "server": flavour,
        **case._asdict(),
        "calls": counted.calls,
        "events": counted.events,
        "instructions_per_call": round(counted.script / counted.calls),
        "instructions_per_event": round(counted.per_event),
        "bare_instructions_per_event": round(counted.bare / counted.events),
        "budget_per_event": BUDGETS[case],
    }


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="thousands of instructions inside EVALSHA; bare: HSET, HGETALL of the same fields"
    )
    for title in ("server", "preset", "traffic", "events/call", "a call", "an event"):
        table.add_column(title)
    for title in ("budget", "bare, an event"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row["server"],
            row["preset"],
            row["traffic"],
            f"{row['events'] / row['calls']:.1f}",
            *(
                f"{row[name] / 1_000:.1f}"
                for name in (
                    *("instructions_per_call", "instructions_per_event"),
                    *("budget_per_event", "bare_instructions_per_event"),
                )
            ),
        )
    return table


COMMAND = Command(
    help="instructions of the script a call and an event, on Redis and Valkey under valgrind",
    add_options=_add_options,
    measure=_measure,
)
