"""The command `topics create`."""

from typing import Annotated

import typer

from profiler.cli.options import Brokers, ConfigFile, RulesName, settings_from
from profiler.config.settings import Settings
from profiler.kafka.admin.client import open_admin
from profiler.kafka.admin.topics import Outcome, Topic, create_topics, describe_topics
from profiler.kafka.client_options import CALL_TIMEOUT_S
from profiler.ops.units import count_of, duration_of, milliseconds_of
from profiler.rules.model import load_rules

# One line per paragraph: the terminal decides where it breaks.
_HELP = """
Create the topics that are missing; a topic that exists stays as it is.

Partitions are what workers share: more workers than partitions do nothing. A record's key decides \
on its partition, so key the input by visitor id. Take more than you need today: adding some later \
moves visitors to other partitions, away from their earlier events.

Retention counts from a record's timestamp, and outputs copy the timestamps of their inputs: where \
7 days are kept, the output of an event that is 6 days old is deleted a day later. Keep outputs no \
shorter than inputs, and longer where a backlog is to be worked off; or set \
message.timestamp.type=LogAppendTime on the outputs, which then carry the time of writing.

The topic of triggers is created where the rules have triggers. \
The topic of the dead letters gets the max.message.bytes of the setting dead_letters.max_bytes.
"""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    topics = typer.Typer(help="The topics of the pipeline.", no_args_is_help=True)
    topics.command(help=_HELP)(create)
    app.add_typer(topics, name="topics")


def _retention_ms(text: str) -> int:
    try:
        return milliseconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def create(
    *,
    partitions: Annotated[
        int,
        typer.Option(
            min=-1,
            help="Of each new topic: the most workers that can share it; -1: as the broker has it.",
        ),
    ] = -1,
    replication: Annotated[
        int,
        typer.Option(
            min=-1, help="Copies of each partition, 3 in production; -1: as the broker has it."
        ),
    ] = -1,
    retention: Annotated[
        int | None,
        typer.Option(
            parser=_retention_ms,
            metavar="DURATION",
            help="How long new topics keep records: 36h, 30d, forever; else as the broker has it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Have the broker check it, and create nothing.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for one answer.")
    ] = CALL_TIMEOUT_S,
    config: ConfigFile = None,
    rules: RulesName = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Create the topics that are missing; `_HELP` says more."""
    settings = settings_from(config, rules=rules, brokers=bootstrap_servers)
    topics = settings.topics.all(triggers=bool(load_rules(settings.rules).triggers))
    common = {} if retention is None else {"retention.ms": str(retention)}
    rejected = settings.topics.rejected
    # A dead letter carries the original bytes, and the broker's default has no room for them.
    larger = {"max.message.bytes": str(settings.dead_letters.max_bytes)}
    outcome: dict[str, Outcome] = {}
    for names, configs in (
        ([name for name in topics if name != rejected], common),
        ([rejected], common | larger),
    ):
        outcome |= create_topics(
            settings.kafka,
            names,
            partitions=partitions,
            replication=replication,
            configs=configs,
            dry_run=dry_run,
            timeout_s=timeout,
        )
    _report(settings, outcome, partitions, timeout)


def _report(
    settings: Settings, outcome: dict[str, Outcome], partitions: int, timeout_s: float
) -> None:
    with open_admin(settings.kafka, "describe topics", timeout_s=timeout_s) as admin:
        found = describe_topics(admin, outcome)
    for name, done in outcome.items():
        topic = found[name]
        if isinstance(topic, Topic):
            typer.echo(f"{name}: {done}; {_described(topic)}")
            if topic.partitions < partitions:
                typer.echo(
                    f"  fewer partitions than the {partitions} asked for. They are never added"
                    " here, because that moves visitors to other partitions; with the workers"
                    f" stopped: kafka-topics --alter --topic {name} --partitions {partitions}"
                )
        else:
            typer.echo(f"{name}: {'would be created' if done == 'missing' else done}")


def _described(topic: Topic) -> str:
    parts = [count_of(topic.partitions, "partition"), count_of(topic.replicas, "copy", "copies")]
    if topic.config:
        parts.append(f"records are kept {duration_of(int(topic.config['retention.ms']))}")
        parts.append(f"of up to {int(topic.config['max.message.bytes']):,} bytes")
    return ", ".join(parts)
