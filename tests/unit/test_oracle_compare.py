"""The figures of the article's program on a capture, by hand."""

from __future__ import annotations

from typing import Any

from tests.oracles.compare import article_against_standard, markdown
from tests.unit.oracle_events import T0, flat_event, ping, view


def record(key: str | None, flat: dict[str, Any], at: int) -> dict[str, Any]:
    query = [{"name": n.removeprefix("query-"), "value": v} for n, v in flat.items()]
    return {
        "key": key,
        "value": {"kafka_raw": [{"name": "timestamp", "value": T0 + at}], "query": query},
    }


def test_compare_counts_crashes_visits_and_wrong_entry_pages() -> None:
    anonymous = flat_event(type="Pageview", page="x", id="0")
    figures = article_against_standard(
        [
            record(None, anonymous, 0),
            record("v", view("A", "a1", id="1"), 1),
            record("v", view("A", "a2", id="2"), 2),
            record("v", view("B", "b1", id="3"), 3),
            record("v", view("A", "a3", id="4"), 4),  # entry page a3 instead of a1
            record("v", view("A", "a3", id="4"), 5),  # the same again
            record("v", ping("B", id="5"), 6),  # a3 instead of b1
            record("v", view("C", None, id="6"), 7),  # a crash, which leaves C stored
            record("v", ping("C", id="7"), 8),  # a3 instead of none
            record("w", ping("D", visitor="w", id="8"), 9),
            record("w", view("D", "d1", visitor="w", id="9"), 10),  # none instead of d1
            record("x", ping(None, visitor="x", id="10"), 11),
            record("x", ping("E", visitor="x", id="11"), 12),  # crashes for ever after
        ]
    )
    assert figures == {
        "records": 13,
        "crashes": 4,
        "crashes: null key": 1,
        "crashes: no visitor id": 0,
        "crashes: no visit id": 1,
        "crashes: no visit id stored": 1,
        "crashes: page view without a page": 1,
        "visits there were": 5,
        "visits the program sees": 6,
        "wrong entry page": 5,
        "of these, before any page view": 1,
        "visitors": 3,
        "visitors without first page": 1,
        "repeats": 1,
        "repeats within a visit": 1,
        "corrected entry pages": 0,
    }
    assert "| crashes | 4 | 30.8% |" in markdown(figures)
