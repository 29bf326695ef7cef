"""The rows of the table: what each one runs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bench.broker import Topics
from bench.ceiling import measure_ceiling
from bench.rounds import Figures, Progress, Servers, Stream, measure_stream
from bench.traffic import BenchRecord
from bench.workers import article_script, profiler_run
from profiler.keys import key_of
from profiler.rules import load_rules

BASELINE = "article-chain"


class Row(NamedTuple):
    """A row's name, how many records a round of it takes, and a round."""

    name: str
    records: int
    measure: Callable[[Servers, Sequence[BenchRecord], Progress], Figures]


def all_rows(*, records: int, article_records: int) -> list[Row]:
    """The rows in the order of a round; the article's chain is slow and gets fewer records."""
    return [
        Row(BASELINE, min(records, article_records), _article_chain),
        *(
            Row(f"profiler/{client}/{preset}", records, partial(_profiler, client, preset))
            for client in ("kafka-python", "librdkafka")
            for preset in ("article", "standard")
        ),
        Row("ceiling/script", records, partial(_ceiling, "standard")),
        Row("ceiling/script/article", records, partial(_ceiling, "article")),
    ]


def _article_chain(
    servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    brokers, url = servers.broker.bootstrap_servers, servers.store.url

    def build(token: str, topics: Topics) -> Stream:
        first, second = f"python_flattener-{token}", f"python_profiler-{token}"
        flattener = article_script(
            "article_flattener",
            *(brokers, first, topics.processed, topics.flattened),
            output_topic=topics.flattened,
        )
        profiler = article_script(
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


def _profiler(
    client: str,
    preset: str,
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    def build(token: str, topics: Topics) -> Stream:
        settings = {
            "RULES": preset,
            "KAFKA__CLIENT": client,
            "KAFKA__BOOTSTRAP_SERVERS": servers.broker.bootstrap_servers,
            "REDIS__URL": servers.store.url,
            "GROUPS__RUN": f"bench-{token}",
        }
        settings |= {f"TOPICS__{name.upper()}": topic for name, topic in topics._asdict().items()}
        return Stream([profiler_run(settings, output_topic=topics.persisted)])

    pattern = load_rules(preset).store.key
    keys = sorted({key_of(pattern, record.visitor) for record in records})
    return measure_stream(
        servers, records, build, commands=("evalsha",), keys=keys, on_progress=on_progress
    )


def _ceiling(
    preset: str, servers: Servers, records: Sequence[BenchRecord], on_progress: Progress
) -> Figures:
    return measure_ceiling(servers, records, preset, on_progress)
