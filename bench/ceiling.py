"""What limits a worker: the script's bare ceiling, and the sizes of what it must write."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.rounds import Figures, Progress, Servers
from bench.store import Store
from bench.traffic import BenchRecord
from profiler.events import Limits
from profiler.flatten import decode_processed
from profiler.keys import key_of
from profiler.pipeline import Pipeline
from profiler.records import FlatEvent, OutputRecord, Record
from profiler.rules import load_rules
from profiler.script import ProfileScript
from profiler.settings import BatchSettings, Settings
from profiler.store import connect

if TYPE_CHECKING:
    from profiler.reply import Outcome


def measure_script(
    rules_name: str, servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    """The worker's pipelined calls, packed beforehand and sent with nothing in between.

    Each batch goes after the replies of the one before; the first is the warm-up.
    """
    store = servers.store
    rules = load_rules(rules_name)
    keys = sorted({key_of(rules.store.key, record.visitor) for record in records})
    client: Any = connect(store.url, timeout_s=30)
    connection = client.connection_pool.get_connection()
    try:
        script = ProfileScript(client, rules)
        script.register()
        batches = _packed_batches(script, connection, records)
        size = BatchSettings().max_records
        _exchange(connection, batches[0])
        before = store.usage(["evalsha"])
        cpu_s, started = time.process_time(), time.perf_counter()
        for batch in batches[1:]:
            _exchange(connection, batch)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        used = store.usage(["evalsha"]).since(before)
        on_progress(len(records))
        events = len(records) - size
        return Figures(
            events_per_second=events / seconds,
            worker_cpu_us=1e6 * cpu_s / events,
            redis_command_us=used.command_us / events,
            redis_cpu_us=used.cpu_us / events,
            redis_calls=used.calls / events,
            bytes_per_visitor=store.bytes_per_key(keys),
        )
    finally:
        connection.disconnect()
        client.close()
        store.forget(keys)


def output_sizes(store: Store, records: Sequence[BenchRecord]) -> tuple[int, int]:
    """Mean bytes of the values that `profiler run` writes with the preset `article`.

    Returns:
        That of a flattened record and that of a persisted one.
    """
    rules = load_rules("article")
    client = connect(store.url, timeout_s=30)
    try:
        script = ProfileScript(client, rules)
        pipeline = Pipeline("run", Settings(rules="article"), script, watermarks=False)
        results = pipeline.process(
            [
                Record(
                    "tracking_processed", 0, offset, record.timestamp, record.key, record.value, ()
                )
                for offset, record in enumerate(records)
            ]
        )
    finally:
        client.close()
        store.forget({key_of(rules.store.key, record.visitor) for record in records})
    flattened, persisted = zip(*(result.outputs for result in results), strict=True)
    return _mean_bytes(flattened), _mean_bytes(persisted)


def _mean_bytes(outputs: Sequence[OutputRecord]) -> int:
    return round(fmean(len(output.value or b"") for output in outputs))


def _exchange(connection: Any, batch: list[tuple[list[bytes], int]]) -> None:  # noqa: ANN401 - redis-py's
    for packed, replies in batch:
        connection.send_packed_command(packed)
        for _ in range(replies):
            connection.read_response(disable_decoding=True)


def _packed_batches(
    script: ProfileScript,
    connection: Any,  # noqa: ANN401 - redis-py's
    records: Sequence[BenchRecord],
) -> list[list[tuple[list[bytes], int]]]:
    """For each batch its rounds: the bytes to send and the number of replies."""
    events = [
        FlatEvent(
            "0:tracking_processed:0",
            offset,
            record.timestamp,
            decode_processed(record.value, Limits()),
        )
        for offset, record in enumerate(records)
    ]
    size = BatchSettings().max_records
    batches = []
    for at in range(0, len(events), size):
        some = events[at : at + size]
        outcomes: list[Outcome] = [None] * len(some)
        rounds = script._calls(some, outcomes)  # noqa: SLF001 - exactly what the worker sends
        batches.append(
            [
                (
                    connection.pack_commands(
                        ("EVALSHA", script.sha, 1, call.key, *call.arguments) for call in calls
                    ),
                    len(calls),
                )
                for calls in rounds
            ]
        )
    return batches
