"""`profiler rules diff`: what new rules would change, on real traffic."""

import io
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    InputKind,
    RulesName,
    complete_preset,
    mode_of,
    on_own_server,
    script_from,
    settings_from,
)
from profiler.cli.progress import progress
from profiler.config.settings import Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.tail import latest_records, partitions_of
from profiler.ops.rules_diff.report import Differences
from profiler.ops.rules_diff.shadows import Shadows
from profiler.ops.units import FOREVER, count_of, milliseconds_of
from profiler.records.types import Record
from profiler.rules.model import load_rules
from profiler.rules.places import printable
from profiler.servers.embedded import EmbeddedStore
from profiler.service import logs
from profiler.worker.pipe_input import open_lines
from profiler.worker.pipe_lines import BadLine, batches_of, line_limits

_TOPIC = "topic"
_BATCH = 500


def diff(
    new: Annotated[
        str,
        typer.Argument(metavar="NEW", help="The new rules.", autocompletion=complete_preset),
    ],
    *,
    rules: RulesName = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="A file of lines as profiler pipe takes them, - for standard input, or"
            " topic: what the worker reads.",
        ),
    ] = "-",
    limit: Annotated[
        int, typer.Option(min=1, help="At most so many records; of a topic the latest ones.")
    ] = 100_000,
    since: Annotated[
        str, typer.Option(help="Of a topic: no older records, e.g. 36h or 7d.")
    ] = "forever",
    input_: InputKind = "processed",
    examples: Annotated[int, typer.Option(min=0, max=64, help="So many for each field.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Say which fields new rules would change, and for how many visitors.

    Both sets of rules fold the same records, on a private server that is thrown away. Their
    profiles begin empty at the first of these records. A topic is read without a group, and nothing
    is committed or written.

    Examples: profiler rules diff new.toml --rules old.toml --from day.ndjson, and
    profiler rules diff new.toml --from topic --since 36h
    """
    logs.configure("warning")
    is_topic = source == _TOPIC
    settings = settings_from(
        config, rules=rules, brokers=bootstrap_servers, without_kafka=not is_topic
    )
    before, after = load_rules(settings.rules), load_rules(new)
    with ExitStack() as stack:
        if is_topic:
            records = _of_topic(settings, input_, limit, since)
        else:
            file = _opened(source)
            stack.callback(file.close)
            records = _of_lines(file, settings)
        url = stack.enter_context(EmbeddedStore()).url
        script_of = partial(script_from, on_own_server(settings, url))
        shadows = Shadows(script_of, before, after, mode_of(input_), settings)
        _fold(shadows, islice(records, limit))
    if as_json:
        typer.echo(json.dumps(shadows.differences.as_json(examples), ensure_ascii=False))
        return
    for line in _words(shadows.differences, examples):
        typer.echo(line)


def _opened(path: str) -> io.BufferedReader:
    if path == "-":
        return cast("io.BufferedReader", sys.stdin.buffer)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"--from {path}: {error.strerror}") from error


def _of_lines(file: io.BufferedReader, settings: Settings) -> Iterator[Record]:
    lines = open_lines(file)
    for batch in batches_of(lines, _BATCH, line_limits(settings)):
        for item in batch:
            if isinstance(item, BadLine):
                typer.echo(f"line {item.line}: {item.code}: {item.reason}", err=True)
            else:
                yield item


def _of_topic(settings: Settings, input_: str, limit: int, since: str) -> Iterator[Record]:
    topics = settings.topics
    topic = topics.processed if input_ == "processed" else topics.flattened
    try:
        ago_ms = milliseconds_of(since)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    partitions = partitions_of(settings.kafka, topic)
    if not partitions:
        raise ConfigError(f"there is no topic {topic}")
    since_ms = None if ago_ms == FOREVER else time.time_ns() // 1_000_000 - ago_ms
    count = -(-limit // partitions)
    return latest_records(settings.kafka, topic, count=count, since_ms=since_ms)


def _fold(shadows: Shadows, records: Iterable[Record]) -> None:
    each = iter(records)
    with progress() as say:
        while batch := list(islice(each, _BATCH)):
            shadows.fold(batch)
            found = shadows.differences
            say(f"{found.counts['records']:,} records, {found.visitors:,} visitors")


def _words(found: Differences, examples: int) -> Iterator[str]:
    told = found.as_json(examples)
    yield (
        f"{told['old']} and {told['new']}: {count_of(told.get('records', 0), 'record')},"
        f" {count_of(told['visitors'], 'visitor')}"
    )
    for name, words in (
        ("rejected", "rejected by both"),
        ("without_profile", "without a profile by both"),
        ("old_alone", "with a profile by the old rules alone"),
        ("new_alone", "with a profile by the new rules alone"),
        ("other_visitor", "of another visitor by the new rules"),
    ):
        if told.get(name):
            yield f"  {count_of(told[name], 'record')} {words}"
    for reason in told["conflicts"]:
        yield f"must not update the same profiles: {reason}"
    if not any(told[part] for part in ("fields", "added", "dropped", "triggers")):
        yield "no field differs"
    for part, head in (("fields", "differs"), ("added", "added"), ("dropped", "dropped")):
        for field in told[part]:
            anew = ", and begins anew on stored profiles" if field.get("begins_anew") else ""
            share = (
                f"{count_of(field['visitors'], 'visitor')}, {count_of(field['events'], 'event')}"
            )
            yield f"{head}: {field['name']}: {share}{anew}"
            for example in field["examples"]:
                old, new = (_shown(example[side]) for side in ("old", "new"))
                values = {"differs": f"{old} -> {new}", "added": new, "dropped": old}[head]
                yield f"    {printable(example['visitor'])}: {values}"
    for trigger in told["triggers"]:
        yield from _trigger_words(trigger)


def _trigger_words(trigger: dict[str, Any]) -> Iterator[str]:
    old, new = trigger["old"], trigger["new"]
    head = "differs" if None not in (old, new) else "added" if old is None else "dropped"
    fired = {"differs": f"{old} -> {new}", "added": new, "dropped": old}[head]
    anew = ", and fires anew for stored profiles" if trigger["begins_anew"] else ""
    share = count_of(trigger["visitors"], "visitor")
    yield f"trigger {head}: {trigger['name']}: {share}, fired {fired}{anew}"
    for each in trigger["examples"]:
        yield f"    {printable(each['visitor'])}: {each['old']} -> {each['new']}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
