"""The rows of the throughput table: what each one runs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.broker import Topics
from bench.ceiling import measure_script, output_sizes
from bench.kafka_streams_program import StreamsProgram, streams_program
from bench.layout import keys_of
from bench.quix_environment import quix_interpreter, quix_version
from bench.rounds import Figures, Progress, Servers, Stream, measure_stream
from bench.traffic import BenchRecord
from bench.workers import KINDS, NATIVE, pass_through, profiler_run, program
from profiler.config.settings import BatchSettings
from profiler.rules.model import load_rules

BASELINE = "article-chain"
QUIX = "quix-streams"
KAFKA_STREAMS = "kafka-streams"
TRANSPORT = "ceiling/kafka"
_CHANGELOG = "changelog"
#: Client, or engine, and rules; at least once, where the name has no other delivery.
_PROFILERS = [
    *(f"profiler/{kind}/{rules}" for kind in KINDS for rules in ("article", "lean", "standard")),
    *(f"profiler/{kind}/standard/exactly-once" for kind in ("librdkafka", NATIVE)),
]
#: By preset.
_SCRIPTS = {
    "ceiling/script": "standard",
    "ceiling/script/lean": "lean",
    "ceiling/script/article": "article",
}
_OTHERS = [f"{name}{more}" for name in (QUIX, KAFKA_STREAMS) for more in ("", f"/{_CHANGELOG}")]

#: In the order of a round.
ROWS = (BASELINE, *_OTHERS, *_PROFILERS, TRANSPORT, *_SCRIPTS)

#: So many times the records, by how a row's name begins: a round of a fast program is to last for
#: seconds too.
_TIMES = {f"profiler/{NATIVE}": 4, TRANSPORT: 4, KAFKA_STREAMS: 4}
#: A virtual machine compiles what runs often while it runs: it is warm after so much of a round.
_JAVA_WARM_UP = 0.75

Measure = Callable[[Servers, Sequence[BenchRecord], Progress], Figures]


class Row(NamedTuple):
    """A row's name, how many records a round of it takes, and a round."""

    name: str
    records: int
    measure: Measure


def all_rows(
    names: Sequence[str], *, records: int, article_records: int, versions: dict[str, str]
) -> list[Row]:
    """The named rows in the order of a round; installs what they need.

    Args:
        names: some of `ROWS`.
        records: of a round; of some rows a multiple, see `_TIMES`.
        article_records: of a round of the article's chain, which is slow.
        versions: of what takes part; added to.

    Raises:
        BenchError: Quix Streams or Kafka Streams could not be installed.
    """
    measures: dict[str, Measure] = {BASELINE: _article_chain, TRANSPORT: _pass_through}
    wanted = {name.partition("/")[0] for name in names}
    if QUIX in wanted:
        interpreter = quix_interpreter()
        versions["quixstreams"] = quix_version(interpreter)
        measures[QUIX] = partial(_quix, interpreter, "no-changelog")
        measures[f"{QUIX}/{_CHANGELOG}"] = partial(_quix, interpreter, _CHANGELOG)
    if KAFKA_STREAMS in wanted:
        streams = streams_program()
        versions[KAFKA_STREAMS] = streams.version
        measures[KAFKA_STREAMS] = partial(_kafka_streams, streams, "no-changelog")
        measures[f"{KAFKA_STREAMS}/{_CHANGELOG}"] = partial(_kafka_streams, streams, _CHANGELOG)
    for name in _PROFILERS:
        _, kind, rules, *delivery = name.split("/")
        settings = {**KINDS[kind], "rules": rules, "delivery": (*delivery, "at-least-once")[0]}
        measures[name] = partial(_profiler, settings)
    for name, preset in _SCRIPTS.items():
        measures[name] = partial(measure_script, preset)
    return [
        Row(name, _records_of(name, records, article_records), measures[name])
        for name in ROWS
        if name in names
    ]


def _records_of(name: str, records: int, article_records: int) -> int:
    if name == BASELINE:
        return min(records, article_records)
    return records * next((n for begin, n in _TIMES.items() if name.startswith(begin)), 1)


def _article_chain(
    servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    brokers, url = servers.broker.bootstrap_servers, servers.store.url

    def build(token: str, topics: Topics) -> Stream:
        first, second = f"python_flattener-{token}", f"python_profiler-{token}"
        flattener = program(
            "article_flattener",
            *(brokers, first, topics.processed, topics.flattened),
            output_topic=topics.flattened,
        )
        profiler = program(
            "article_profiler",
            *(brokers, second, topics.flattened, topics.persisted, url),
            output_topic=topics.persisted,
        )
        groups = [(first, topics.processed), (second, topics.flattened)]
        return Stream([profiler, flattener], groups)

    keys = sorted({record.visitor for record in records})
    commands = ("exists", "hgetall", "hset")
    return measure_stream(
        servers, records, build, commands=commands, keys=keys, on_progress=on_progress
    )


def _quix(
    interpreter: Path,
    changelog: str,
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    def build(token: str, topics: Topics) -> Stream:
        worker = program(
            "quix_streams",
            *(servers.broker.bootstrap_servers, f"quix-{token}"),
            *(*topics[:3], changelog, ""),
            output_topic=topics.persisted,
            interpreter=interpreter,
        )
        return Stream([worker])

    return measure_stream(servers, records, build, on_progress=on_progress)


def _kafka_streams(
    program: StreamsProgram,
    changelog: str,
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    def build(token: str, topics: Topics) -> Stream:
        broker = servers.broker.bootstrap_servers
        return Stream([program.worker(broker, f"streams-{token}", topics, changelog)])

    return measure_stream(servers, records, build, on_progress=on_progress, warm_up=_JAVA_WARM_UP)


def _profiler(
    settings: Mapping[str, str],
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    """`profiler run` with its defaults, but for these settings."""

    def build(token: str, topics: Topics) -> Stream:
        return Stream([profiler_run(settings, servers.addresses, topics, token)])

    keys = keys_of(records, load_rules(settings["rules"]))
    return measure_stream(
        servers, records, build, commands=("evalsha",), keys=keys, on_progress=on_progress
    )


def _pass_through(
    servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    """The transport's ceiling."""
    broker = servers.broker.bootstrap_servers
    sizes = output_sizes(servers.store, records[: BatchSettings().max_records])

    def build(token: str, topics: Topics) -> Stream:
        return Stream([pass_through(broker, topics, token, sizes)])

    return measure_stream(servers, records, build, on_progress=on_progress)
