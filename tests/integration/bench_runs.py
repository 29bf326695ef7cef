"""`python -m bench` as a command: what it wrote, and what it printed."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers import redis as redis_servers
from servers.kafka import ADDRESSES as KAFKA_ADDRESSES
from servers.kafka import Kafka
from tests.integration.commands import Done, run_package

ROOT = Path(__file__).parents[2]


def run_bench(*arguments: str, **environment: str) -> Done:
    """Run it to its end."""
    return run_package("bench", arguments, os.environ | environment, timeout_s=500)


def report_of(kafka: Kafka, output: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run a measurement on these servers: its report, and what it printed."""
    with ExitStack() as stack:
        store = redis_servers.shared_store(stack, "redis7")
        run = run_bench(
            *arguments,
            f"--output={output}",
            **{
                "PROFILER_TEST_SERVERS": "env",
                KAFKA_ADDRESSES: kafka.bootstrap_servers,
                redis_servers.ADDRESSES: store.url,
            },
        )
    assert run.code == 0, run.output + run.errors
    report: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    assert report["machine"]["cores"] > 0
    assert report["versions"]["redis_server"]
    assert report["command"].startswith(f"python -m bench {arguments[0]}")
    return report, run.output
