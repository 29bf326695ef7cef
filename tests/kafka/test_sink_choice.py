"""What a producer writes with: the native sink, or a line in the log that says why not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import confluent_kafka
import pytest
from structlog.testing import capture_logs

from profiler.config import KafkaSettings
from profiler.engine import EngineClass
from profiler.kafka import sink_of
from profiler.kafka.librdkafka import compiled
from profiler.servers.ports import LOOPBACK, free_port
from tests.missing import needed_native

LEFT_OUT = "the native sink is left out: confluent-kafka writes"


def told_of(settings: KafkaSettings) -> tuple[str, list[str]]:
    """The sink beside the native engine, and the reasons in the log."""
    with capture_logs() as lines:
        sink = sink_of(settings, engine="native")
    assert {line["event"] for line in lines} <= {LEFT_OUT}
    assert {line["log_level"] for line in lines} <= {"info"}
    return sink, [str(line["reason"]) for line in lines]


def test_the_native_engine_writes_natively() -> None:
    needed_native()
    assert told_of(KafkaSettings()) == ("native", [])


def test_the_python_engine_and_the_other_client_write_as_ever() -> None:
    with capture_logs() as lines:
        assert sink_of(KafkaSettings(), engine="python") == "librdkafka"
        assert sink_of(KafkaSettings(client="kafka-python"), engine="native") == "kafka-python"
    assert lines == []


def test_a_library_of_another_version_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    needed_native()
    _, version = confluent_kafka.libversion()
    monkeypatch.setattr(confluent_kafka, "libversion", lambda: ("2.99.0", 0x026300FF))
    sink, [reason] = told_of(KafkaSettings())
    assert sink == "librdkafka"
    assert reason == f"librdkafka's version is {version:#010x}, and confluent-kafka says 0x026300ff"


def test_a_library_that_is_not_loaded_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a copy beside the one in use, nor one that nobody uses."""
    needed_native()
    name, version = compiled.library()
    copy = tmp_path / "librdkafka.so.1"
    copy.write_bytes(Path(name).read_bytes())
    for other in (str(copy), "librdkafka-of-nobody.so.1"):
        monkeypatch.setattr(compiled, "library", lambda other=other: (other, version))
        sink, [reason] = told_of(KafkaSettings())
        assert sink == "librdkafka"
        assert reason == f"{other} is not loaded"
    assert str(copy) not in Path("/proc/self/maps").read_text("utf-8")


def test_without_the_compiled_part_there_is_no_native_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "visitor_profiler_native", None)
    sink, [reason] = told_of(KafkaSettings())
    assert sink == "librdkafka"
    assert "visitor_profiler_native" in reason


def test_the_start_log_names_the_sink(engine: EngineClass) -> None:
    """Before anything is asked of a server, of which there is none."""
    ended = subprocess.run(
        [sys.executable, "-m", "profiler", "run"],
        env={
            **os.environ,
            "PROFILER_ENGINE": engine.name,
            "PROFILER_REDIS__URL": f"redis://{LOOPBACK}:{free_port()}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    (start,) = [line for line in lines if line["event"] == "starting"]
    assert start["sink"] == {"native": "native", "python": "librdkafka"}[engine.name]
