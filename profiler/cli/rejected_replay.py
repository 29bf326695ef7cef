"""`profiler rejected replay`: dead letters on their way back."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Annotated

import typer

from profiler.cli.letter_options import (
    Codes,
    First,
    HeaderPairs,
    Last,
    Partition,
    Since,
    SourceTopic,
    Stages,
    Until,
    filters_of,
)
from profiler.cli.options import (
    Brokers,
    ConfigFile,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.cli.progress import counted, progress
from profiler.kafka import open_transactional_producer
from profiler.kafka.admin.topics import topic_limits
from profiler.ops.rejected.fates import DUE, Due, Fate, require_something_new
from profiler.ops.rejected.judge import Judge
from profiler.ops.rejected.ledger_topic import make_ledger_topic
from profiler.ops.rejected.reading import fetcher, ledger_of, reader
from profiler.ops.rejected.replaying import Replaying
from profiler.ops.units import count_of
from profiler.rules.places import printable
from profiler.service import logs
from profiler.worker.delivery import OutputLimits


def replay(
    *,
    code: Codes = None,
    stage: Stages = None,
    topic: SourceTopic = "",
    partition: Partition = None,
    from_offset: First = None,
    to_offset: Last = None,
    since: Since = "",
    until: Until = "",
    header: HeaderPairs = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many records; 0: all.")] = 0,
    all_: Annotated[
        bool, typer.Option("--all", help="Also records that would be rejected again.")
    ] = False,
    most_times: Annotated[
        int, typer.Option("--most-times", min=1, help="A record that was replayed so often stays.")
    ] = 3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be replayed; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Send dead letters back to the topic that they came from, in order, and each of them once.

    A record is replayed if it would pass now: by the limits, the rules and the version of this
    command. Workers must have the same. A record goes with its own key, value, timestamp
    and headers, and with replayed-from and replayed-times. What was replayed is recorded in the
    same transaction, so the command may be repeated and interrupted at any moment.
    """
    logs.configure("warning")
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    filters = filters_of(
        code, stage, topic, partition, from_offset, to_offset, since, until, header
    )
    ledger = ledger_of(settings)
    targets = [settings.topics.processed, settings.topics.flattened]
    limits = OutputLimits(settings.topics.rejected, lambda: topic_limits(settings.kafka, targets))
    replaying = Replaying(
        reader(settings, filters, counted),
        fetcher(settings),
        ledger,
        None if all_ else Judge(settings, script_from(settings)),
        settings.topics,
        most_times=most_times,
        fitted=limits.fitted,
    )
    ledger.load()
    counts = _look(replaying.fates())
    for line in _plan(counts):
        typer.echo(line)
    require_something_new(counts)
    if dry_run:
        typer.echo("nothing was written")
        return
    _confirm(counts, limit, yes=yes)
    make_ledger_topic(settings)
    producer = open_transactional_producer(
        settings.kafka,
        transactional_id=f"{settings.groups.run}-replay-{settings.topics.rejected}",
        largest_bytes=settings.dead_letters.max_bytes,
    )
    with closing(producer):
        done = _run(replaying.run(producer, limit=limit))
    typer.echo(f"replayed {count_of(done, 'record')}")


def _look(fates: Iterable[Fate]) -> Counter[tuple[str, str]]:
    """How many dead letters have each fate, by its words and by the code."""
    return Counter((fate.words, fate.letter.code) for fate in fates)


def _plan(counts: Counter[tuple[str, str]]) -> Iterator[str]:
    for (words, code), number in sorted(counts.items()):
        yield f"{number:>8,}  {printable(code or '-'):16}  {words}"


def _confirm(counts: Counter[tuple[str, str]], limit: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "there is no terminal to ask at; give --yes, or --dry-run", param_hint="--yes"
        )
    due = sum(number for (words, _), number in counts.items() if words == DUE)
    typer.confirm(f"Replay {count_of(min(due, limit or due), 'record')}?", abort=True)


def _run(transactions: Iterable[list[Due]]) -> int:
    done = 0
    with progress() as say:
        for some in transactions:
            done += len(some)
            say(f"replayed {count_of(done, 'record')}")
    return done
