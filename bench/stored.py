"""What stored outputs take: keys and bytes while batches come and go, and a hot visitor's calls."""

import argparse
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from rich.table import Table

from bench.calls import STREAM, batches_of, flat_events, floors_of
from bench.command import Command, Measured, Session, more_than_a_batch
from bench.report import Summary
from bench.traffic import TRAFFICS, make_traffic, read_templates
from profiler.profiles.keys import sidecar_of
from profiler.profiles.outputs import trimming
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.contract import MOST_OUTPUTS
from profiler.rules.model import PRESETS, load_rules
from servers.counted import CountedStore

#: Batches that are applied and not yet committed, as a worker has them.
UNDER_WAY = 3
_RATE = 5_000
_HOUR = 3_600 * _RATE
_SAMPLES = 10
_PATIENCE_S = 600.0
#: Calls of a hot visitor that are counted.
_COUNTED = 50


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events",
        type=more_than_a_batch,
        default=300_000,
        help="of as many visitors (default: 300000, a minute at 5,000 events/s)",
    )
    parser.add_argument("--preset", choices=PRESETS, default="standard", help="default: standard")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    client: Any = connect(session.private_store().url, timeout_s=_PATIENCE_S)
    script = ProfileScript(client, load_rules(options.preset))
    flow = _flow(client, script, options.events)
    sizes = [_size(client, script, traffic) for traffic in TRAFFICS]
    client.close()
    hot = _hot(options.preset)
    report = {"flow": flow, "sizes": sizes, "hot": hot}
    return Measured(report, [_table(rows) for rows in (flow, sizes, hot)])


def _flow(client: Any, script: ProfileScript, events: int) -> list[Summary]:  # noqa: ANN401 - redis-py's
    """Sidecars while distinct visitors go by, each batch trimmed when it is committed."""
    [event] = flat_events(islice(make_traffic(read_templates(), "one", 1), 1))
    name = script.rules.identity.visitor[0]
    rows: list[Summary] = []
    under_way: deque[Any] = deque()
    done = 0
    for batch in batches_of(range(events)):
        some = [event._replace(offset=n, fields=event.fields | {name: f"v{n}"}) for n in batch]
        first = under_way[0][0] if under_way else batch[0]
        calls = script.calls_of(some, {STREAM: first})
        script.execute(calls)
        under_way.append((batch[0], calls))
        done += len(batch)
        if len(under_way) > UNDER_WAY:
            _send(client, trimming(under_way.popleft()[1].stored))
        if done * _SAMPLES // events > len(rows):
            held = [output.sidecar for _, each in under_way for output in each.stored]
            rows.append(
                {
                    "events": done,
                    "of_an_hour": f"{done / _HOUR:.1%}",
                    "sidecars": client.dbsize() - done,
                    "sidecar_bytes": sum(_bytes_of(client, held)),
                    "used_memory": client.info("memory")["used_memory"],
                }
            )
    return rows


def _size(client: Any, script: ProfileScript, traffic: str) -> Summary:  # noqa: ANN401 - redis-py's
    """Bytes of what one batch stores, of visitors with a history."""
    client.flushall()
    *before, last = batches_of(flat_events(make_traffic(read_templates(), traffic, 20_000)))
    for batch in before:
        script.apply(batch)
    calls = script.calls_of(last, floors_of(last))
    script.execute(calls)
    sidecars = sorted({output.sidecar for output in calls.stored})
    sizes = list(_bytes_of(client, sidecars))
    return {
        "traffic": traffic,
        "events": len(last),
        "calls": len(calls.stored),
        "bytes_per_event": round(sum(sizes) / len(last)),
        "largest_sidecar": max(sizes),
    }


def _hot(preset: str) -> list[Summary]:
    """Instructions of a hot visitor's calls, by how much its sidecar holds."""
    rows = []
    with CountedStore("redis7") as server:
        client: Any = connect(server.url, timeout_s=_PATIENCE_S)
        script = ProfileScript(client, load_rules(preset))
        script.register()
        [event] = flat_events(islice(make_traffic(read_templates(), "one", 1), 1))
        offset = 0
        for held in (1, MOST_OUTPUTS // 2, MOST_OUTPUTS):
            under_way: deque[Any] = deque()
            for number in range(held + _COUNTED):
                if number == held:
                    server.take()
                calls = script.calls_of([event._replace(offset=offset)], {STREAM: 0})
                script.execute(calls)
                under_way.append(calls)
                offset += 1
                if len(under_way) > held:
                    _send(client, trimming(under_way.popleft().stored))
            counted = server.take()["evalShaCommand"]
            again = script.calls_of([event._replace(offset=offset - 1)], {STREAM: 0})
            script.execute(again)
            restored = server.take()["evalShaCommand"]
            sidecar = sidecar_of(again.rounds[0][0].key)
            rows.append(
                {
                    "elements": client.hlen(sidecar),
                    "bytes": client.memory_usage(sidecar, samples=0),
                    "instructions_per_call": counted.instructions // counted.calls,
                    "instructions_of_a_redelivered_call": restored.instructions,
                }
            )
            client.delete(sidecar)
        client.close()
    return rows


def _send(client: Any, commands: Sequence[Any]) -> None:  # noqa: ANN401 - redis-py's
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command.words)
    pipeline.execute()


def _bytes_of(client: Any, keys: Sequence[str]) -> Iterator[int]:  # noqa: ANN401 - redis-py's
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key, samples=0)
    return (size or 0 for size in pipeline.execute())


def _table(rows: Sequence[Summary]) -> Table:
    table = Table()
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()))
    return table


COMMAND = Command(
    help="sidecars of stored outputs: keys and bytes over time, and a hot visitor's calls",
    add_options=_add_options,
    measure=_measure,
)
