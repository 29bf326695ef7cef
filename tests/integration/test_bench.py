"""The benchmark runs and writes what it promises; how fast anything is, is no test's business."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.servers import redis as redis_servers
from tests.servers.kafka import ADDRESSES as KAFKA_ADDRESSES
from tests.servers.kafka import Kafka

ROOT = Path(__file__).parents[2]
ROWS = [
    "article-chain",
    "profiler/kafka-python/article",
    "profiler/kafka-python/standard",
    "ceiling/script",
    "ceiling/script/article",
]


def test_a_short_run_measures_every_row(kafka: Kafka, tmp_path: Path) -> None:
    output = tmp_path / "made" / "bench.json"
    with ExitStack() as stack:
        store = redis_servers.shared_store(stack, "redis7")
        run = subprocess.run(
            [sys.executable, "-m", "bench", "--rounds=1", "--records=600", f"--output={output}"],
            cwd=ROOT,
            env=os.environ
            | {
                "PROFILER_TEST_SERVERS": "env",
                KAFKA_ADDRESSES: kafka.bootstrap_servers,
                redis_servers.ADDRESSES: store.url,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert run.returncode == 0, run.stdout + run.stderr

    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["machine"]["cores"] > 0
    assert report["versions"]["kafka-python"]
    assert report["command"].startswith("python -m bench --rounds=1")
    assert [row["name"] for row in report["rows"]] == ROWS
    for row in report["rows"]:
        assert (row["records"], row["rounds"]) == (600, 1)
        assert row["ratio_to_article_chain"] > 0
        for name in ("events_per_second", "redis_command_us", "redis_calls", "bytes_per_visitor"):
            figure = row[name]
            assert 0 < figure["min"] <= figure["median"] <= figure["max"], (row["name"], name)
        assert row["name"] in run.stdout


def test_too_few_records_are_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--records=500"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "more than a batch" in run.stderr
