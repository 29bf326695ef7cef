"""The other measurements run and write what they promise; no figure is asserted but its sense."""

import json
from itertools import product
from pathlib import Path

import pytest

from bench.broker import Broker, Topics
from bench.crashes import System, crashes, filled
from bench.errors import BenchError
from bench.quix_environment import quix_interpreter
from bench.stage_steps import STAGES
from bench.versions import two_versions
from bench.workers import Worker, missing_engine, program
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json
from profiler.rules.model import load_rules
from profiler.rules.render import render
from servers.counted import CountedStore
from servers.kafka import Kafka
from tests.integration.bench_runs import report_of, run_bench
from tests.missing import give_up, needed_servers

NATIVE_LATENCY = ["profiler/native/at-least-once", "profiler/native/exactly-once"]


def test_the_cost_of_the_presets(kafka: Kafka, tmp_path: Path) -> None:
    few = (
        *("--rounds=1", "--records=1000", "--visitors=2000", "--full-visitors=100"),
        *("--operations", "count", "count, 30 d"),
    )
    report, _ = report_of(kafka, tmp_path / "cost.json", "cost", *few)
    assert report["versions"]["valkey_server"]
    times = {(row["server"], row["preset"], row["traffic"]): row for row in report["time"]}
    assert set(times) == set(
        product(("redis7", "valkey9"), ("article", "lean", "standard"), ("one", "three", "twenty"))
    )
    for row in times.values():
        for name in ("script_cpu_us", "bare_cpu_us", "script_us", "bare_us", "client_cpu_us"):
            assert row[name]["median"] > 0, name
        assert row["cpu_ratio"] > 0
        # An event id and a page come, a profile goes; the capture's records have 1.4 kB.
        assert 200 < row["wire_bytes"]["median"] < 1_400
        assert row["bare_wire_bytes"]["median"] > 200
    assert times["redis7", "article", "one"]["events_per_call"]["median"] == 1
    sizes = {
        (row["server"], row["preset"], row["visitors"], row["hash_max_listpack_value"]): row
        for row in report["memory"]
    }
    assert len(sizes) == 24
    assert [row["operation"] for row in report["operations"]] == ["count", "count, 30 d"]
    assert all(0 < row["bytes"] < 100 for row in report["operations"])
    assert all(1 < row["ratio"] <= 2 for row in report["windows"])
    for (_, _, visitors, _), row in sizes.items():
        assert sum(row["encodings"].values()) == visitors
        assert row["bytes_per_visitor"] > 100
        # The server's buffers come and go, which matters for few visitors.
        least = row["bytes_per_visitor"] if visitors == 2_000 else 0
        assert row["used_memory_per_visitor"] > least
    # Full windows hold 8 visits of 64 event ids, 6 bytes each.
    assert sizes["redis7", "lean", 100, "default"]["bytes_per_visitor"] > 8 * 64 * 6


def test_the_instructions_of_one_script(tmp_path: Path) -> None:
    with needed_servers():
        CountedStore("valkey9")
    one = ("--server=valkey9", "--preset=article", "--traffic=twenty", "--batches=2")
    slower = tmp_path / "slower.lua"
    slower.write_text("for _ = 1, 1e4 do end\n" + render(load_rules("article")))
    rows = []
    for script in ((), (f"--script={slower}",)):
        output = tmp_path / "counted.json"
        run = run_bench("instructions", *one, *script, f"--output={output}")
        assert run.code == 0, run.errors
        assert "counted article, twenty" in run.output
        rows += json.loads(output.read_text(encoding="utf-8"))["rows"]
    row, slow = rows
    assert row["server"].startswith("Valkey 9")
    assert row["events"] == 1_000
    assert 40 <= row["calls"] <= 65
    assert row["instructions_per_call"] > row["instructions_per_event"] > 0
    assert slow["calls"] == row["calls"]
    # An instruction of Lua takes several of the machine.
    assert slow["instructions_per_call"] > row["instructions_per_call"] + 1e4


def test_two_versions_of_the_rules_in_turn(tmp_path: Path) -> None:
    with needed_servers():
        CountedStore("valkey9")
    older, newer = (contract_json(rules, "sha", "function") for rules in two_versions())
    assert conflicts(older, newer) == []
    output = tmp_path / "versions.json"
    few = ("--server=valkey9", "--traffic=three", f"--output={output}")
    run = run_bench("versions", *few)
    assert run.code == 0, run.errors
    (row,) = json.loads(output.read_text(encoding="utf-8"))["rows"]
    assert row["server"].startswith("Valkey 9")
    assert 3 <= row["events_per_call"] <= 4
    # Two fields more are little, another's state is much.
    assert 1 < row["newer_per_event"] / row["older_per_event"] < 1.2 < row["ratio"]


def test_the_growth_of_every_series(kafka: Kafka, tmp_path: Path) -> None:
    few = ("--rounds=1", "--events=600", "--worker-rounds=1", "--records=600")
    sizes = ("--sizes", "1000", "3000")
    report, _ = report_of(kafka, tmp_path / "growth.json", "growth", *few, *sizes)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows)[:3] == [
        "1,000 visitors",
        "3,000 visitors",
        "half of the events of one visitor",
    ]
    assert len(rows) == 6
    assert report["left_out"] == []
    assert all(row["command_us"]["median"] > 0 for row in rows.values())
    measured = [row["worker_events_per_second"] for row in rows.values()]
    assert all(speed["median"] > 0 for speed in measured[:3])
    assert measured[3:] == [None] * 3
    by_fields = [row["bytes_per_visitor"] for row in list(rows.values())[3:]]
    assert by_fields == sorted(by_fields)


def test_the_latency_of_both_clients(kafka: Kafka, tmp_path: Path) -> None:
    little = ("--rate=200", "--warm-up=1", "--seconds=1", "--rounds=1")
    report, _ = report_of(kafka, tmp_path / "latency.json", "latency", *little)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == [
        "pass-through",
        *([] if missing_engine("native") else NATIVE_LATENCY),
        "profiler/librdkafka/at-least-once",
        "profiler/librdkafka/exactly-once",
        "profiler/kafka-python/exactly-once",
    ]
    aims = {row["aim"] for row in report["aims"]}
    assert "p99: profiler/librdkafka/exactly-once / pass-through" in aims
    assert rows["pass-through"]["p99_ratio"] == 1
    for row in rows.values():
        assert 0 < row["p50_ms"]["median"] <= row["p99_ms"]["median"] <= row["longest_ms"]["median"]


def test_the_throughput_of_several_workers(kafka: Kafka, tmp_path: Path) -> None:
    few = ("--rounds=1", "--workers", "1", "2", "--records=8000", "--kind=librdkafka")
    report, _ = report_of(kafka, tmp_path / "scale.json", "scale", *few)
    assert report["partitions"] == 2
    assert [row["workers"] for row in report["rows"]] == [1, 2]
    for row in report["rows"]:
        assert row["events_per_second"]["median"] > 0
        assert row["cores"]["workers"]["median"] > 0
        # In so short a time the clock of CPU time may not have moved.
        assert 0 <= row["cores"]["redis"]["median"] < row["cores"]["workers"]["median"]


def test_a_cluster_beside_one_server(kafka: Kafka, tmp_path: Path) -> None:
    few = ("--rounds=1", "--records=1000", "--kind=librdkafka")
    report, printed = report_of(kafka, tmp_path / "cluster.json", "cluster", *few)
    rows = {row["name"]: row for row in report["rows"]}
    places = ("one server", "three primaries")
    assert list(rows) == [f"{w}, {p}" for w in ("profiler run", "calls alone") for p in places]
    assert all(name in printed for name in rows)
    for row in rows.values():
        assert row["events_per_second"]["median"] > 0
        assert row["redis_cpu_us"]["median"] > 0
    assert rows["calls alone, one server"]["ratio_to_one_server"] == 1
    calls = [rows[f"calls alone, {place}"]["redis_calls"] for place in places]
    assert calls[0] == calls[1]


def test_every_system_recovers(kafka: Kafka, tmp_path: Path) -> None:
    few = ("--visitors", "200", "--rounds=2")
    report, printed = report_of(kafka, tmp_path / "recovery.json", "recovery", *few)
    missing = missing_engine("native")
    rows = {row["name"]: row["seconds"] for row in report["rows"]}
    assert list(rows) == [
        "quix-streams/changelog",
        "kafka-streams/changelog",
        *([] if missing else ["profiler/native"]),
        "profiler/librdkafka",
        "profiler/librdkafka, and Redis from its AOF",
    ]
    for name, seconds in rows.items():
        assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
        assert name in printed


def test_an_output_without_the_earlier_state_is_no_recovery(kafka: Kafka) -> None:
    try:
        interpreter = quix_interpreter()
    except BenchError as error:
        give_up("Quix Streams", [str(error)])

    def without_changelog(token: str, topics: Topics) -> Worker:
        return program(
            "quix_streams",
            *(kafka.bootstrap_servers, f"bench-{token}", *topics[:3], "no-changelog", "member"),
            output_topic=topics.persisted,
            interpreter=interpreter,
        )

    with (
        Broker(kafka.bootstrap_servers, 1) as broker,
        filled(broker, 10) as source,
        pytest.raises(BenchError, match="lost the visitor's state"),
    ):
        crashes(broker, System(without_changelog), source, visitors=10, rounds=1)


def test_the_instructions_of_the_stages(kafka: Kafka, tmp_path: Path) -> None:
    with needed_servers():
        CountedStore("redis7")  # needs valgrind too
    one = ("--kind=librdkafka", "--preset=article")
    report, printed = report_of(kafka, tmp_path / "stages.json", "stages", *one)
    (row,) = report["rows"]
    counts = row["instructions_per_event"]
    assert list(counts) == list(STAGES)
    assert all(count > 1_000 for count in counts.values())
    # To parse and to flatten takes most of them.
    assert max(counts, key=counts.get) == "decode, pack"
    assert "librdkafka, article" in printed


def test_what_metrics_cost(kafka: Kafka, tmp_path: Path) -> None:
    few = ("--rounds=1", "--records=4000")
    report, printed = report_of(kafka, tmp_path / "metrics.json", "metrics", *few)
    assert (
        report["with --metrics"]["calls_of_a_batch_us"] > report["without"]["calls_of_a_batch_us"]
    )
    assert report["ratio"]["median"] > 0
    assert "with --metrics" in printed
    assert len(report["parts"]) == 4
    assert all(part["cpu_ms"] > 0 and part["per_cent"] > 0 for part in report["parts"])


def test_the_read_service_at_an_even_load(kafka: Kafka, tmp_path: Path) -> None:
    little = ("--rate=50", "--warm-up=1", "--seconds=1", "--rounds=1", "--visitors=100")
    report, printed = report_of(kafka, tmp_path / "serve.json", "serve", *little)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == ["healthz", "one visitor", "one visitor, not changed"]
    assert all(name in printed for name in rows)
    for row in rows.values():
        assert 0 < row["p50_ms"]["median"] <= row["p99_ms"]["median"] <= row["longest_ms"]["median"]
        assert row["cpu_us"]["median"] > 0
    assert report["aim"]["at_most"] == 5
