"""The benchmark runs and writes what it promises; how fast anything is, is no test's business."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from servers.kafka import Kafka
from tests.integration.bench_runs import ROOT, report_of, run_bench

SVG = "{http://www.w3.org/2000/svg}"


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


def test_some_rows_are_measured_alone(kafka: Kafka, tmp_path: Path) -> None:
    arguments = (
        "--rounds=2",
        "--records=1200",
        "--only",
        "ceiling/script",
        "profiler/librdkafka/article",
    )
    report, _ = report_of(kafka, tmp_path / "bench.json", *arguments)
    rows = [(row["name"], row["rounds"], row["ratio_to_article_chain"]) for row in report["rows"]]
    assert rows == [("profiler/librdkafka/article", 2, None), ("ceiling/script", 2, None)]


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
