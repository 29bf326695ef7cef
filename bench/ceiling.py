"""What limits a worker: the script's bare ceiling, and the sizes of what it must write."""

from collections.abc import Sequence
from statistics import fmean

from bench.calls import batches_of, flat_events, time_calls
from bench.layout import keys_of, own_keys
from bench.rounds import Figures, Progress, Servers
from bench.store import Store
from bench.traffic import BenchRecord
from profiler.config.settings import Settings
from profiler.engine import Finished, PythonEngine, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import load_rules


def measure_script(
    rules_name: str, servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    """The worker's pipelined calls, packed beforehand; the first batch is the warm-up."""
    store = servers.store
    rules = load_rules(rules_name)
    keys = keys_of(records, rules)
    with own_keys(store, keys):
        timed = time_calls(store, rules, batches_of(flat_events(records)))
        on_progress(len(records))
        return Figures(
            events_per_second=timed.events_per_second,
            worker_cpu_us=timed.client_cpu_us,
            redis_command_us=timed.command_us,
            redis_cpu_us=timed.redis_cpu_us,
            redis_calls=timed.calls,
            bytes_per_visitor=store.bytes_per_key(keys),
        )


def output_sizes(store: Store, records: Sequence[BenchRecord]) -> tuple[int, int]:
    """Mean bytes of the values that `profiler run` writes with the preset `article`.

    Returns:
        The size of a flattened record, and the size of a persisted one.
    """
    rules = load_rules("article")
    client = connect(store.url, timeout_s=30)
    try:
        script = ProfileScript(client, rules)
        settings = Settings(rules="article")
        finished = process(
            PythonEngine("run", settings, script),
            script,
            [
                Record(
                    "tracking_processed", 0, offset, record.timestamp, record.key, record.value, ()
                )
                for offset, record in enumerate(records)
            ],
        )
    finally:
        client.close()
        store.forget(keys_of(records, rules))
    topics = settings.topics
    return _mean_bytes(finished, topics.flattened), _mean_bytes(finished, topics.persisted)


def _mean_bytes(finished: Finished, topic: str) -> int:
    values = (output.value or b"" for output in finished.outputs if output.topic == topic)
    return round(fmean(map(len, values)))
