"""The docs' tables are made of the reports; and the aims are compared with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.aims import compare_with_aims
from bench.tables import TABLES, filled

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / name for name in ("performance.md", "performance-method.md")]


def spread(median: float) -> dict[str, float]:
    return {"median": median, "min": median / 2, "max": median * 2}


def row(name: str, speed: float, cpu: float | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "events_per_second": spread(speed),
        "ratio_to_article_chain": 2.0,
        "ratio_to_quix_streams": None,
        "ratio_to_kafka_streams": 0.25,
        "worker_cpu_us": cpu and spread(cpu),
        "cpu_ratio_to_ceiling_kafka": None,
        "redis_cpu_us": None,
    }


BENCH = {
    "rows": [row("article-chain", 500), row("profiler/native/article", 12_345, 6.25)],
    "aims": [{"aim": "a / b", "at_most": 3, "figure": 3.5, "met": False}],
}
LATENCY = {"aims": [{"aim": "p99", "at_most": 3, "figure": 2, "met": True}], "rows": []}


def test_a_table_is_written_between_its_marks() -> None:
    page = "before\n<!-- figures: throughput -->\nold\n<!-- end -->\nafter\n"
    said: list[str] = []
    new = filled(page, {"bench": BENCH}, say=said.append)
    lines = new.splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert (lines[1], lines[-2]) == ("<!-- figures: throughput -->", "<!-- end -->")
    assert lines[4].split(" | ")[:4] == ["| `article-chain`", "500", "250", "1,000"]
    assert lines[5] == (
        "| `profiler/native/article` | 12,345 | 6,172 | 24,690 | 2.0 |  | 0.25 | 6.2 |  |  |"
    )
    assert "old" not in new
    assert said == ["throughput: written"]
    assert filled(new, {"bench": BENCH}, say=said.append) == new


def test_a_table_stays_where_a_report_is_missing() -> None:
    page = "<!-- figures: aims -->\nold\n<!-- end -->\n"
    said: list[str] = []
    assert filled(page, {"bench": BENCH}, say=said.append) == page
    assert said == ["aims: stays, latency.json is missing"]
    new = filled(page, {"bench": BENCH, "latency": LATENCY}, say=said.append)
    assert "| a / b | at most 3 | 3.50 | **missed** |" in new
    assert "| p99 | at most 3 | 2.00 | met |" in new


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(KeyError):
        filled("<!-- figures: nothing -->\n<!-- end -->", {}, say=print)


def test_every_table_has_its_place_in_the_pages() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    for name in TABLES:
        marks = sum(text.count(f"<!-- figures: {name} -->") for text in texts)
        assert marks == 1, name


@pytest.mark.parametrize(
    ("native", "met"), [(60.0, True), (59.0, False)], ids=["at the bound", "below it"]
)
def test_an_aim_is_a_ratio_of_two_rows(native: float, *, met: bool) -> None:
    rows = [row("article-chain", 1.0), row("profiler/native/article", native)]
    (aim,) = compare_with_aims(rows)
    assert aim == {
        "aim": "events/s: profiler/native/article / article-chain",
        "at_least": 60,
        "figure": native,
        "met": met,
    }


def test_an_aim_at_most_is_missed_above_it() -> None:
    rows = [row("ceiling/kafka", 9, 2.0), row("profiler/native/article", 8, 6.5)]
    assert [(aim["at_most"], aim["met"]) for aim in compare_with_aims(rows)] == [(3.0, False)]
    rows[1] = row("profiler/native/article", 8, 6.0)
    assert [(aim["at_most"], aim["met"]) for aim in compare_with_aims(rows)] == [(3.0, True)]


def test_what_is_not_known_is_no_aim() -> None:
    rows = [row("ceiling/kafka", 9), row("profiler/native/article", 8, 6.5)]
    assert compare_with_aims(rows) == []
