"""The script's calls as the worker sends them, packed for the wire beforehand."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from bench.store import Store
from bench.traffic import BenchRecord
from profiler.config.settings import BatchSettings
from profiler.profiles.outputs import trimming
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules

T = TypeVar("T")

STREAM = "0:tracking_processed:0"


class PackedCalls(NamedTuple):
    """Calls that go out together."""

    packed: list[bytes]
    replies: int


def flat_events(records: Iterable[BenchRecord]) -> list[FlatEvent]:
    """The records as the script's caller gets them, from one partition."""
    return [
        FlatEvent(STREAM, offset, record.timestamp, decode_processed(record.value, Limits()))
        for offset, record in enumerate(records)
    ]


def batches_of(items: Sequence[T]) -> list[Sequence[T]]:
    """In batches of the worker's size."""
    size = BatchSettings().max_records
    return [items[at : at + size] for at in range(0, len(items), size)]


def pack_calls(
    script: ProfileScript,
    connection: Any,  # noqa: ANN401 - redis-py's
    events: Sequence[FlatEvent],
    *,
    stores: bool = False,
) -> list[PackedCalls]:
    """A batch's calls: in each pipeline a visitor has at most one; with the trimming, if any."""
    calls = script.calls_of(events, floors_of(events) if stores else None)
    return [
        PackedCalls(connection.pack_commands(words for _, words in commands), len(commands))
        for commands in (*calls.rounds, trimming(calls.stored))
        if commands
    ]


def floors_of(events: Sequence[FlatEvent]) -> dict[str, int]:
    """As if all that was before a batch were committed."""
    return {event.stream: event.offset for event in reversed(events)}


class Timed(NamedTuple):
    """What some batches of calls came to, without the warm-up; the rest are per event."""

    events_per_second: float
    client_cpu_us: float
    command_us: float
    redis_cpu_us: float
    calls: float


def time_calls(
    store: Store, rules: Rules, batches: Sequence[Sequence[FlatEvent]], *, warm_up: int = 1
) -> Timed:
    """Send batches with nothing in between, each after the replies of the one before.

    Args:
        store: where.
        rules: whose script.
        batches: packed before the clock starts.
        warm_up: so many of them are not counted.
    """
    client: Any = connect(store.url, timeout_s=30)
    connection = client.connection_pool.get_connection()
    try:
        script = ProfileScript(client, rules)
        script.register()
        packed = [pack_calls(script, connection, batch) for batch in batches]
        for batch in packed[:warm_up]:
            exchange(connection, batch)
        before = store.usage(["evalsha"])
        cpu_s, started = time.process_time(), time.perf_counter()
        for batch in packed[warm_up:]:
            exchange(connection, batch)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        used = store.usage(["evalsha"]).since(before)
    finally:
        connection.disconnect()
        client.close()
    events = sum(map(len, batches[warm_up:]))
    return Timed(
        events_per_second=events / seconds,
        client_cpu_us=1e6 * cpu_s / events,
        command_us=used.command_us / events,
        redis_cpu_us=used.cpu_us / events,
        calls=used.calls / events,
    )


def exchange(connection: Any, batch: Sequence[PackedCalls]) -> None:  # noqa: ANN401 - redis-py's
    """Send the calls, and wait for the replies, which are not decoded."""
    for calls in batch:
        connection.send_packed_command(calls.packed)
        for _ in range(calls.replies):
            connection.read_response(disable_decoding=True)
