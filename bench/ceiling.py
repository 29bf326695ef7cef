"""What limits a worker: the script's bare ceiling, and the sizes of what it must write."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from bench.calls import PackedCalls, flat_events, pack_calls
from bench.rounds import Figures, Progress, Servers
from bench.store import Store
from bench.traffic import BenchRecord
from profiler.keys import key_of
from profiler.pipeline import Pipeline
from profiler.records import OutputRecord, Record
from profiler.rules import load_rules
from profiler.script import ProfileScript
from profiler.settings import BatchSettings, Settings
from profiler.store import connect


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
        events, size = flat_events(records), BatchSettings().max_records
        batches = [
            pack_calls(script, connection, events[at : at + size])
            for at in range(0, len(events), size)
        ]
        _exchange(connection, batches[0])
        before = store.usage(["evalsha"])
        cpu_s, started = time.process_time(), time.perf_counter()
        for batch in batches[1:]:
            _exchange(connection, batch)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        used = store.usage(["evalsha"]).since(before)
        on_progress(len(records))
        measured = len(records) - size
        return Figures(
            events_per_second=measured / seconds,
            worker_cpu_us=1e6 * cpu_s / measured,
            redis_command_us=used.command_us / measured,
            redis_cpu_us=used.cpu_us / measured,
            redis_calls=used.calls / measured,
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


def _exchange(connection: Any, batch: Sequence[PackedCalls]) -> None:  # noqa: ANN401 - redis-py's
    for calls in batch:
        connection.send_packed_command(calls.packed)
        for _ in range(calls.replies):
            connection.read_response(disable_decoding=True)
