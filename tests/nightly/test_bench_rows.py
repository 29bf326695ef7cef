"""A short run of the whole benchmark has every row that it promises."""

from pathlib import Path

import pytest

from bench.workers import missing_engine
from servers.kafka import Kafka
from tests.integration.bench_runs import report_of

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
