"""The sample must show what the project is about."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest

from profiler.demo.sample import SampleRecord, read_sample
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits

VISIT = "query-other_domain_sessionid"
Event = dict[str, Any]


@pytest.fixture(scope="module")
def records() -> list[SampleRecord]:
    return list(read_sample())


@pytest.fixture(scope="module")
def events(records: list[SampleRecord]) -> list[Event]:
    return [decode_processed(record.value, Limits()) for record in records]


@pytest.fixture(scope="module")
def visits(records: list[SampleRecord], events: list[Event]) -> dict[bytes, list[Event]]:
    """The events of each visitor that belong to a visit, in order of arrival."""
    by_visitor: dict[bytes, list[Event]] = defaultdict(list)
    for record, event in zip(records, events, strict=True):
        if record.key is not None and VISIT in event:
            by_visitor[record.key].append(event)
    return by_visitor


def test_it_has_about_two_thousand_records_of_many_visitors(records: list[SampleRecord]) -> None:
    assert 1_950 <= len(records) <= 2_100
    assert len({record.key for record in records}) >= 60


def test_the_order_of_arrival_is_kept(records: list[SampleRecord], events: list[Event]) -> None:
    offsets = [event["kafka_raw-offset"] for event in events]
    assert offsets == sorted(set(offsets))
    assert [record.timestamp for record in records] == [
        event["kafka_raw-timestamp"] for event in events
    ]


def test_the_key_is_the_visitor_id_and_some_have_none(
    records: list[SampleRecord], events: list[Event]
) -> None:
    for record, event in zip(records, events, strict=True):
        assert (record.key or b"").decode() == event.get("query-other_domain_userid", "")
    assert 20 <= sum(record.key is None for record in records) <= 100


def test_the_values_are_compact_utf8(records: list[SampleRecord]) -> None:
    assert all(record.value.startswith(b'{"kafka_raw":[{"name":"topic",') for record in records)
    assert any("ä".encode() in record.value for record in records)


def test_events_repeat_at_new_offsets(events: list[Event]) -> None:
    copies = Counter(event["query-other_event_id"] for event in events)
    assert sum(count > 1 for count in copies.values()) >= 100


def test_visits_interleave(visits: dict[bytes, list[Event]]) -> None:
    ids = [[event[VISIT] for event in own] for own in visits.values()]
    flips = [sum(old != new for old, new in pairwise(own)) for own in ids]
    assert sum(count >= len(set(own)) for count, own in zip(flips, ids, strict=True)) >= 8


def test_visits_begin_without_a_page_view(visits: dict[bytes, list[Event]]) -> None:
    first = {event[VISIT]: event for own in visits.values() for event in reversed(own)}
    assert sum(event["query-other_eventtype"] != "Pageview" for event in first.values()) >= 8


def test_events_arrive_out_of_order(visits: dict[bytes, list[Event]]) -> None:
    times = [
        [int(event["query-other_dvce_created_tstamp"]) for event in own] for own in visits.values()
    ]
    assert sum(own != sorted(own) for own in times) >= 5
