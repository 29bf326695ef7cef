"""The benchmark runs and writes what it promises; how fast anything is, is no test's business."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from kafka import KafkaConsumer

from bench.broker import Broker, Topics
from bench.errors import BenchError
from bench.kafka_streams_program import StreamsProgram, streams_program
from bench.quix_environment import quix_interpreter
from bench.traffic import make_records, read_templates
from bench.workers import Worker, missing_engine, program
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.integration.bench_runs import ROOT, report_of, run_bench
from tests.missing import give_up
from tests.oracles.article import ArticleProgram

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    "article-chain",
    "quix-streams",
    "quix-streams/changelog",
    "kafka-streams",
    "kafka-streams/changelog",
    "profiler/kafka-python/article",
    "profiler/kafka-python/lean",
    "profiler/kafka-python/standard",
    "profiler/librdkafka/article",
    "profiler/librdkafka/lean",
    "profiler/librdkafka/standard",
    "profiler/native/article",
    "profiler/native/lean",
    "profiler/native/standard",
    "profiler/librdkafka/standard/exactly-once",
    "profiler/native/standard/exactly-once",
    "ceiling/kafka",
    "ceiling/script",
    "ceiling/script/lean",
    "ceiling/script/article",
]
RECORDS = {
    "article-chain": 600,
    "kafka-streams": 4800,
    "kafka-streams/changelog": 4800,
    **{name: 4800 for name in ROWS if name.startswith(("profiler/native", "ceiling/kafka"))},
}
NO_REDIS = ("quix-streams", "kafka-streams", "ceiling/kafka")
PATIENCE_S = 120
COUNT = 700


@pytest.fixture(scope="module")
def quix() -> Path:
    try:
        return quix_interpreter()
    except BenchError as error:
        give_up("Quix Streams", [str(error)])


@pytest.fixture(scope="module")
def kafka_streams() -> StreamsProgram:
    try:
        return streams_program()
    except BenchError as error:
        give_up("Kafka Streams", [str(error)])


def test_the_chart_shows_every_row(tmp_path: Path) -> None:
    speed = {"median": 450.0, "min": 400.0, "max": 12_345.0}
    rows = [
        {"name": name, "events_per_second": speed, "ratio_to_article_chain": ratio}
        for name, ratio in (("article-chain", 1.0), ("profiler/<a>", None))
    ]
    source, picture = tmp_path / "bench.json", tmp_path / "made" / "chart.svg"
    source.write_text(json.dumps({"rows": rows}), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "bench.chart", str(source), str(picture)], cwd=ROOT, check=True
    )
    shown = [text.text for text in ET.parse(picture).iter(f"{SVG}text")]  # noqa: S314 - our own
    assert shown[1:5] == ["100", "1,000", "10,000", "100,000"]
    assert shown[5:] == ["article-chain", "450 (1.0 x)", "profiler/<a>", "450"]


@pytest.mark.usefixtures("quix", "kafka_streams")
def test_a_short_run_measures_every_row(kafka: Kafka, tmp_path: Path) -> None:
    arguments = ("--rounds=1", "--records=1200", "--article-records=600")
    report, printed = report_of(kafka, tmp_path / "made" / "bench.json", *arguments)
    assert report["versions"]["quixstreams"]
    missing = missing_engine("native")
    assert report["left_out"] == [name for name in ROWS if missing and "native" in name]
    assert [row["name"] for row in report["rows"]] == [
        name for name in ROWS if name not in report["left_out"]
    ]
    if missing:
        assert f"LEFT OUT: profiler/native/article: {missing}"[:60] in printed
    assert len(report["aims"]) == (1 if missing else 6)
    for row in report["rows"]:
        assert (row["records"], row["rounds"]) == (RECORDS.get(row["name"], 1200), 1)
        assert row["ratio_to_article_chain"] > 0
        names = ["events_per_second"]
        if row["name"].startswith(NO_REDIS):
            assert row["redis_calls"] is None
        else:
            names += ["redis_command_us", "redis_calls", "bytes_per_visitor"]
        for name in names:
            figure = row[name]
            assert 0 < figure["min"] <= figure["median"] <= figure["max"], (row["name"], name)
        assert row["name"] in printed


def test_some_rows_are_measured_alone(kafka: Kafka, tmp_path: Path) -> None:
    arguments = (
        "--rounds=2",
        "--records=600",
        "--only",
        "ceiling/script",
        "ceiling/script/article",
    )
    report, _ = report_of(kafka, tmp_path / "bench.json", *arguments)
    rows = [(row["name"], row["rounds"], row["ratio_to_article_chain"]) for row in report["rows"]]
    assert rows == [("ceiling/script", 2, None), ("ceiling/script/article", 2, None)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--records=500"], "more than a batch"),
        (["--rounds=0"], "positive"),
        (["--only", "nothing"], "invalid choice"),
        (["--unknown"], "unrecognized"),
        (["growth", "--events=500"], "more than a batch"),
        (["latency", "--only", "nothing"], "invalid choice"),
        (["instructions", "--batches=21"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], complaint: str) -> None:
    run = run_bench(*arguments)
    assert run.code == 2
    assert complaint in run.errors


def test_without_an_index_it_says_what_to_do(tmp_path: Path) -> None:
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    run = run_bench("--only", "quix-streams", XDG_CACHE_HOME=str(tmp_path), **unreachable)
    assert run.code == 1
    assert "cannot install quixstreams" in run.errors
    assert "--only" in run.errors
    assert not list((tmp_path / "visitor-profiler").iterdir())


def test_instructions_need_valgrind() -> None:
    run = run_bench("instructions", "--server=valkey9", PATH="")
    assert run.code == 1
    assert "bench: install valgrind (Debian: apt-get install valgrind)" in run.errors


def test_a_script_is_counted_with_the_calls_of_one_preset() -> None:
    run = run_bench("instructions", "--script=lua/rendered/article.lua")
    assert run.code == 1
    assert "--script needs --preset" in run.errors


@pytest.mark.parametrize("changelog", ["no-changelog", "changelog"])
def test_quix_streams_does_the_same_job(kafka: Kafka, quix: Path, changelog: str) -> None:
    def worker(token: str, topics: Topics) -> Worker:
        return program(
            "quix_streams",
            *(kafka.bootstrap_servers, token, *topics[:3], changelog, ""),
            output_topic=topics.persisted,
            interpreter=quix,
        )

    _does_the_same_job(kafka, worker)


@pytest.mark.parametrize("changelog", ["no-changelog", "changelog"])
def test_kafka_streams_does_the_same_job(
    kafka: Kafka, kafka_streams: StreamsProgram, changelog: str
) -> None:
    def worker(token: str, topics: Topics) -> Worker:
        return kafka_streams.worker(kafka.bootstrap_servers, token, topics, changelog)

    _does_the_same_job(kafka, worker)


def _does_the_same_job(kafka: Kafka, build: Callable[[str, Topics], Worker]) -> None:
    """The oracle's outputs, in the bench's traffic; and no topic is left."""
    records = make_records(read_templates(None), COUNT, copy_size=100)
    token = uuid.uuid4().hex[:8]
    with Broker(kafka.bootstrap_servers, 1) as broker:
        topics = broker.make_topics(token)
        try:
            broker.fill(topics.processed, records)
            with build(token, topics) as worker:
                _await(broker, worker)
            flattened = _values(kafka, topics.flattened)
            persisted = _values(kafka, topics.persisted)
        finally:
            broker.remove(token)
    article = ArticleProgram()
    events = [decode_processed(record.value, Limits()) for record in records]
    assert flattened == events
    assert persisted == [article.apply(event) for event in events]


def test_the_pass_through_writes_two_records_for_one(kafka: Kafka) -> None:
    records = make_records(read_templates(None), COUNT, copy_size=100)
    token = uuid.uuid4().hex[:8]
    with Broker(kafka.bootstrap_servers, 1) as broker:
        topics = broker.make_topics(token)
        try:
            broker.fill(topics.processed, records)
            worker = program(
                "passthrough",
                *(kafka.bootstrap_servers, token, *topics[:3], "100", "200", "500"),
                output_topic=topics.persisted,
            )
            with worker:
                _await(broker, worker)
            flattened, persisted = (
                [(message.key, len(message.value)) for message in _messages(kafka, topic)]
                for topic in (topics.flattened, topics.persisted)
            )
        finally:
            broker.remove(token)
    assert flattened == [(record.key, 100) for record in records]
    assert persisted == [(record.key, 200) for record in records]


def _await(broker: Broker, worker: Worker) -> None:
    topic = worker.output_topic
    wait_until(
        lambda: broker.counts([topic])[topic] >= COUNT or not worker.running,
        timeout=PATIENCE_S,
        interval=0.2,
    )
    assert broker.counts([topic])[topic] == COUNT, worker.last_output()


def _values(kafka: Kafka, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(message.value) for message in _messages(kafka, topic)]


def _messages(kafka: Kafka, topic: str) -> list[Any]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=PATIENCE_S * 1_000,
    )
    try:
        return [next(consumer) for _ in range(COUNT)]
    finally:
        consumer.close()
