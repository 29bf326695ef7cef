"""`python -m bench` as a command: what it wrote, and what it printed."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers import redis as redis_servers
from servers.kafka import ADDRESSES as KAFKA_ADDRESSES
from servers.kafka import Kafka

ROOT = Path(__file__).parents[2]


def run_bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


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
    assert run.returncode == 0, run.stdout + run.stderr
    report: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    assert report["machine"]["cores"] > 0
    assert report["versions"]["redis_server"]
    assert report["command"].startswith(f"python -m bench {arguments[0]}")
    return report, run.stdout
