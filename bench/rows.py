"""The rows of the throughput table: what each one runs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.broker import Topics
from bench.ceiling import measure_script, output_sizes
from bench.quix_environment import quix_interpreter, quix_version
from bench.rounds import Figures, Progress, Servers, Stream, measure_stream
from bench.traffic import BenchRecord
from bench.workers import pass_through, profiler_run, program
from profiler.config.settings import BatchSettings
from profiler.profiles.keys import key_of
from profiler.rules.model import load_rules

BASELINE = "article-chain"
QUIX = "quix-streams"
TRANSPORT = "ceiling/kafka"
#: Delivery is the default, exactly once, where the name has no other one.
_PROFILERS = [
    f"profiler/{client}/{kind}"
    for client in ("kafka-python", "librdkafka")
    for kind in ("article", "lean", "standard", "standard/at-least-once")
]
#: By preset.
_SCRIPTS = {
    "ceiling/script": "standard",
    "ceiling/script/lean": "lean",
    "ceiling/script/article": "article",
}

#: In the order of a round.
ROWS = (BASELINE, QUIX, *_PROFILERS, TRANSPORT, *_SCRIPTS)

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
        records: of a round.
        article_records: of a round of the article's chain, which is slow.
        versions: of what takes part; added to.

    Raises:
        BenchError: Quix Streams could not be installed.
    """
    measures: dict[str, Measure] = {BASELINE: _article_chain, TRANSPORT: _pass_through}
    if QUIX in names:
        interpreter = quix_interpreter()
        versions["quixstreams"] = quix_version(interpreter)
        measures[QUIX] = partial(_quix, interpreter)
    for name in _PROFILERS:
        _, client, preset, *delivery = name.split("/")
        settings = {"rules": preset, "kafka__client": client}
        settings |= dict(zip(["delivery"], delivery, strict=False))
        measures[name] = partial(_profiler, settings)
    for name, preset in _SCRIPTS.items():
        measures[name] = partial(measure_script, preset)
    return [
        Row(name, min(records, article_records) if name == BASELINE else records, measures[name])
        for name in ROWS
        if name in names
    ]


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
    interpreter: Path, servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    def build(token: str, topics: Topics) -> Stream:
        worker = program(
            "quix_streams",
            *(servers.broker.bootstrap_servers, f"quix-{token}"),
            *(topics.processed, topics.flattened, topics.persisted),
            output_topic=topics.persisted,
            interpreter=interpreter,
        )
        return Stream([worker])

    return measure_stream(servers, records, build, on_progress=on_progress)


def _profiler(
    settings: Mapping[str, str],
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    """`profiler run` with its defaults, but for these settings."""

    def build(token: str, topics: Topics) -> Stream:
        return Stream([profiler_run(settings, servers.addresses, topics, token)])

    pattern = load_rules(settings["rules"]).store.key
    keys = sorted({key_of(pattern, record.visitor) for record in records})
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
