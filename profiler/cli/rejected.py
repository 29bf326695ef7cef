"""`profiler rejected`: what the dead letters are, one of them, and their way back."""

import json
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

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
    span_of,
)
from profiler.cli.letter_words import base64_of, records_table, summary_table, summed, words_of
from profiler.cli.options import (
    Brokers,
    ConfigFile,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.cli.progress import counted
from profiler.cli.rejected_replay import replay
from profiler.config.settings import Settings
from profiler.errors import ProfilerError
from profiler.kafka.admin.tail import records_in
from profiler.ops.rejected.judge import Judge
from profiler.ops.rejected.ledger import Ledger, name_of
from profiler.ops.rejected.letters import Letter, described, home_of, letter_of, original_of
from profiler.ops.rejected.reading import fetcher, ledger_of, reader
from profiler.service import logs

#: Of a table; lines of JSON have no end of their own.
_SHOWN = 100


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    rejected = typer.Typer(
        help="Dead letters: what they are, one of them, and their way back.", no_args_is_help=True
    )
    rejected.command("list")(list_letters)
    rejected.command()(show)
    rejected.command()(replay)
    app.add_typer(rejected, name="rejected")


def list_letters(
    *,
    records: Annotated[
        bool, typer.Option("--records", help="Each dead letter, in place of the summary.")
    ] = False,
    code: Codes = None,
    stage: Stages = None,
    topic: SourceTopic = "",
    partition: Partition = None,
    from_offset: First = None,
    to_offset: Last = None,
    since: Since = "",
    until: Until = "",
    header: HeaderPairs = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many records; of a table 100, unless it is given."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line, also on a terminal.")
    ] = False,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Count dead letters by code, topic, stage and version, or list them.

    The topic is read to the end that it has now, without a group, and nothing is committed. A
    dead letter keeps the time of its record; no time says when it was rejected.

    Examples: profiler rejected list --since 2h, and
    profiler rejected list --records --code too_large --json
    """
    logs.configure("warning")
    settings = settings_from(config, brokers=bootstrap_servers)
    filters = filters_of(
        code, stage, topic, partition, from_offset, to_offset, since, until, header
    )
    letters = reader(settings, filters, counted)
    ledger = ledger_of(settings)
    ledger.load()
    found = ((letter, _is_replayed(letter, settings, ledger)) for letter in letters())
    console = Console()
    plain = as_json or not console.is_terminal
    if not records:
        rows = summed(islice(found, limit))
        for row in rows if plain else ():
            typer.echo(json.dumps(row, ensure_ascii=False))
        if not plain:
            console.print(summary_table(rows, settings.topics.rejected))
    elif plain:
        for letter, is_replayed in islice(found, limit):
            told = described(letter) | {"replayed": is_replayed}
            typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        console.print(records_table(islice(found, limit or _SHOWN), settings.topics.rejected))


def show(
    place: Annotated[
        str,
        typer.Argument(metavar="PARTITION:OFFSET", help="In the topic of the dead letters."),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, with the whole value in base64.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Show one dead letter: headers, reason, bytes, and what would become of it today.

    Nothing in it drives the terminal: what is no printable character is shown by its number.
    Redis is asked only where a stored profile was the reason (EPROFILE).
    """
    logs.configure("warning")
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    at = span_of(place)
    found = records_in(settings.kafka, settings.topics.rejected, at)
    record = next((record for record in found), None)
    if record is None:
        raise ProfilerError(
            f"{settings.topics.rejected} has no record {place}: it was never written, it belongs to"
            " a transaction, or retention has taken it"
        )
    letter = letter_of(record)
    today = _today(letter, settings)
    if as_json:
        value = record.value
        told = described(letter) | {
            "key": base64_of(record.key),
            "headers": [[name, base64_of(value)] for name, value in record.headers],
            "value": base64_of(value),
            "today": today,
        }
        typer.echo(json.dumps(told, ensure_ascii=True))
        return
    for line in words_of(letter, today):
        typer.echo(line)


def _is_replayed(letter: Letter, settings: Settings, ledger: Ledger) -> bool:
    home = home_of(letter, settings.topics)
    return bool(home) and ledger.has(name_of(letter, home))


def _today(letter: Letter, settings: Settings) -> dict[str, Any]:
    """What would become of a dead letter if it came again now."""
    home = home_of(letter, settings.topics)
    if not home:
        return {"verdict": "unknown", "reason": "it is not of this deployment's topics"}
    record = original_of(letter, home)
    found = fetcher(settings)(record, letter.sha256) if letter.is_reference else record
    if found is None:
        return {"verdict": "unknown", "reason": f"its record is gone from {home}"}
    rejected = Judge(settings, script_from(settings)).verdict(found, letter.code)
    if rejected is None:
        return {"verdict": "passes", "topic": home}
    return {"verdict": "rejected", "code": rejected.code, "reason": rejected.reason}
