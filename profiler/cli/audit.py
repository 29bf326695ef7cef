"""`profiler audit`: sampled visitors folded anew from the topic, and compared with Redis."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from profiler.cli import EXIT_FAILED
from profiler.cli.letter_options import Since, time_of
from profiler.cli.options import (
    Brokers,
    ConfigFile,
    MetricsAt,
    RedisUrl,
    RulesName,
    on_own_server,
    remembering_script_from,
    script_from,
    settings_from,
)
from profiler.cli.progress import counted
from profiler.config.settings import Settings
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.identity import identify
from profiler.kafka.admin.tail import Span, Spans, records_in, spans_of
from profiler.ops.audit import auditing
from profiler.ops.audit.auditing import Auditing, Verdict
from profiler.ops.audit.dead_places import DeadPlaces
from profiler.ops.audit.refold import Refold
from profiler.ops.audit.sample import Sample, sample_of
from profiler.ops.mode_switch import Reader
from profiler.ops.replay.plan import live_reader, spans
from profiler.ops.units import FOREVER, count_of, milliseconds_of
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.places import printable
from profiler.servers.embedded import EmbeddedStore
from profiler.service import logs
from profiler.service.audit_pages import AuditPages
from profiler.service.http import served
from profiler.worker.shutdown import StopRequest, Watch
from profiler.worker.streams import Streams

#: Visitors that are shown with their differences.
_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(audit)


def audit(
    *,
    sample: Annotated[
        str, typer.Option("--sample", help="So many of so many visitors, always the same ones.")
    ] = "1/10000",
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Put what the topic says where it is wrong."),
    ] = False,
    tries: Annotated[
        int, typer.Option("--tries", min=1, help="A difference must be found so often.")
    ] = 3,
    since: Since = "",
    every: Annotated[
        str, typer.Option("--every", help="Audit again and again, e.g. 1h; until it is stopped.")
    ] = "",
    textfile: Annotated[
        Path | None,
        typer.Option("--textfile", help="Write the metrics to this file, for node_exporter."),
    ] = None,
    metrics: MetricsAt = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object for each audit, for programs.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Fold sampled visitors anew from the topic, and compare them with Redis, field by field.

    The workers may go on. The fold is the script's own, on a private server that is thrown away. A
    profile that the topic cannot tell about is not comparable, and says nothing: it is older than
    the topic, it expired, or other rules wrote it. With --since, so is one that began before, as
    after new rules. Exit code: 0 where nothing differs or all is repaired, else 1.

    Examples: profiler audit --sample 1/100, and
    profiler audit --every 1h --metrics 0.0.0.0:9091
    """
    logs.configure("warning")
    wanted, pause_s = _sample(sample), _pause_s(every)
    settings = settings_from(
        config, rules=rules, redis=redis, brokers=bootstrap_servers, metrics=metrics
    )
    stop = StopRequest()
    if pause_s:
        Watch(stop).start()
    with ExitStack() as stack:
        url = stack.enter_context(EmbeddedStore()).url
        live = script_from(settings)
        auditor, topic = _auditing(settings, live, wanted, url, time_of(since, "--since"))
        pages = AuditPages(live.rules)
        if listen := settings.metrics.address:
            stack.enter_context(served(listen, pages))
        while True:
            verdicts = auditor.audit(repair=repair, tries=tries)
            pages.note(verdicts)
            if textfile is not None:
                pages.write(textfile)
            told = _told(verdicts, wanted, topic)
            for line in [json.dumps(told, ensure_ascii=False)] if as_json else _words(told):
                typer.echo(line)
            if not pause_s:
                break
            stop.wait(pause_s)
    if any(verdict.result == "mismatch" for verdict in verdicts):
        raise typer.Exit(EXIT_FAILED)


def _auditing(
    settings: Settings, live: ProfileScript, sample: Sample, url: str, since_ms: int | None
) -> tuple[Auditing, str]:
    """An audit of what works here, and the topic that it reads."""
    with open_groups(settings.kafka) as groups:
        reader = live_reader(settings, groups)
    topic = reader.topic
    streams = Streams(topic, lambda: identify(settings.kafka, topic), settings, live)
    streams.look()
    dead = DeadPlaces(settings, topic)

    def own(database: int) -> Settings:
        return on_own_server(settings, url.removesuffix("/0") + f"/{database}")

    refold = Refold(
        reader.mode,
        settings,
        sample,
        stream=streams.name,
        script_of=lambda database: script_from(own(database)),
        remembering_of=lambda database: remembering_script_from(own(database), is_needed=False),
        is_rejected=dead.__contains__,
    )
    kafka = auditing.Kafka(
        committed=partial(_committed, settings, reader),
        ends=partial(spans_of, settings.kafka, topic),
        read=partial(_read, settings, topic),
    )
    return Auditing(kafka, live, refold, dead.refresh, since_ms=since_ms), topic


def _committed(settings: Settings, reader: Reader) -> dict[int, Span]:
    with open_groups(settings.kafka) as groups:
        return spans(reader, groups)


def _read(settings: Settings, topic: str, parts: Spans) -> Iterator[Record]:
    total = sum(max(0, end - first) for first, end in parts.values())
    return counted(records_in(settings.kafka, topic, parts), total)


def _told(verdicts: Sequence[Verdict], sample: Sample, topic: str) -> dict[str, Any]:
    """As plain data."""
    counts = auditing.counted(verdicts)
    wrong = [each for each in verdicts if each.differences]
    fields = Counter(name for each in wrong for name in {d.field for d in each.differences})
    return {
        "topic": topic,
        "sample": str(sample),
        "visitors": len(verdicts),
        **{result: counts[result] for result in auditing.RESULTS},
        "not_comparable_because": dict(Counter(each.reason for each in verdicts if each.reason)),
        "fields": dict(fields.most_common()),
        "mismatches": [
            {
                "key": each.key,
                "result": each.result,
                "differences": [difference._asdict() for difference in each.differences],
            }
            for each in wrong[:_SHOWN]
        ],
    }


def _words(told: dict[str, Any]) -> Iterator[str]:
    parts = ", ".join(f"{told[result]:,} {result.replace('_', ' ')}" for result in auditing.RESULTS)
    visitors = count_of(told["visitors"], "visitor")
    yield f"audited {visitors} of {told['topic']}, sample {told['sample']}: {parts}"
    for reason, number in told["not_comparable_because"].items():
        yield f"  not comparable: {number:,} {reason}"
    for name, number in told["fields"].items():
        yield f"  differs: {name}: {count_of(number, 'visitor')}"
    for each in told["mismatches"]:
        yield f"  {printable(each['key'])}: {each['result']}"
        for found in each["differences"]:
            visit = f" of visit {printable(found['visit'])}" if found["visit"] else ""
            stored, refolded = (
                printable(json.dumps(found[side], ensure_ascii=False))
                for side in ("stored", "refolded")
            )
            yield f"    {found['field']}{visit}: stored {stored}, by the topic {refolded}"


def _sample(text: str) -> Sample:
    try:
        return sample_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sample") from error


def _pause_s(text: str) -> float:
    if not text:
        return 0.0
    try:
        ms = milliseconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--every") from error
    if ms == FOREVER:
        raise typer.BadParameter("expected a duration, e.g. 1h", param_hint="--every")
    return ms / 1_000
