"""What browsers get of the live page's windows."""

import base64
from typing import Any

import orjson
import pytest

from profiler.config.settings import TopicSettings
from profiler.records.types import Headers, Record
from profiler.rules.model import load_rules
from profiler.service.live.state import NOT_YET, LiveState

TOPICS = TopicSettings()


@pytest.fixture
def state() -> LiveState:
    return LiveState(load_rules("standard"), TOPICS, lag=lambda: 3, is_guarded=True)


def record(topic: str, value: bytes | None, headers: Headers = ()) -> Record:
    return Record(topic, 0, 0, 1_700_000_000_000, None, value, headers)


def persisted(**profile: object) -> Record:
    flat = {"query-other_eventtype": "Pageview", "query-other_page_title": "Home"}
    named = {f"profile_{name}": value for name, value in profile.items()}
    return record(TOPICS.persisted, orjson.dumps(flat | named))


def message(state: LiveState, after: int = 0) -> tuple[dict[str, Any], int]:
    encoded, number = state.message(after)
    return orjson.loads(encoded), number


def test_a_message_has_what_is_new(state: LiveState) -> None:
    state.add([persisted(visitor_id="v", visit_id="1", new_visitor=True, new_visit=True)])
    first, number = message(state)
    assert first["hello"]["topics"]["persisted"] == TOPICS.persisted
    assert first["records"] == 1
    assert (first["visitors"], first["visits"], first["lag"]) == (1, 1, 3)
    [event] = first["events"]
    assert event["page"] == "Home"
    assert event["flags"] == ["new_visitor", "new_visit"]

    second, same = message(state, number)
    assert "hello" not in second
    assert (second["events"], same) == ([], number)

    state.add([persisted(visitor_id="v", visit_id="1", visitor_events=2)])
    third, _ = message(state, number)
    assert len(third["events"]) == 1


def test_the_first_message_of_silence_is_not_first_again(state: LiveState) -> None:
    _, number = message(state)
    assert "hello" not in message(state, number)[0]
    state.add([persisted()])
    assert len(message(state, number)[0]["events"]) == 1


def test_top_lists_are_by_the_rules_own_names(state: LiveState) -> None:
    state.add(
        [
            persisted(
                visitor_id="v",
                visit_id="1",
                visit_first_page="Sale",
                visit_touch_channel="Email",
                visit_touch_source="kw47",
            )
        ]
    )
    tops = {"entry": [["Sale", 1]], "channel": [["Email", 1]], "source": [["kw47", 1]]}
    assert message(state)[0]["tops"] == tops


def test_rules_without_channels_show_none() -> None:
    state = LiveState(load_rules("article"), TOPICS, lag=lambda: None, is_guarded=False)
    state.add([persisted(visitor_id="v", visit_id="1", visit_first_page="Sale")])
    first, _ = message(state)
    assert first["hello"]["tops"] == ["entry"]
    assert first["visits"] == 1
    assert sum(first["history"]["visits"]) <= 1


def test_the_last_events_say_what_changed(state: LiveState) -> None:
    state.add(
        [
            persisted(visitor_id="v", visit_id="1", new_visitor=True, visitor_events=1),
            persisted(visitor_id="v", visit_id="1", visitor_events=2),
            persisted(visitor_id="w", visit_id="1", visitor_events=9),
        ]
    )
    events = orjson.loads(state.events_of("v"))["events"]
    assert len(events) == 2
    assert events[0]["changed"] == [["visitor_events", 1, 2]]
    assert orjson.loads(state.events_of("nobody")) == {"events": []}


def test_an_anonymous_event_has_no_profile(state: LiveState) -> None:
    state.add([persisted()])
    first, _ = message(state)
    assert first["events"][0]["visitor"] is None
    assert first["visitors"] == 0


def test_a_dead_letter_keeps_its_bytes(state: LiveState) -> None:
    value = b"\xff<script>alert(1)</script>" + b"x" * 5_000
    headers = (
        ("error-code", b"bad_json"),
        ("error-reason", b"it \xff ends"),
        ("source-topic", b"in"),
        ("source-partition", b"3"),
        ("source-offset", b"99"),
    )
    state.add([record(TOPICS.rejected, value, headers)])
    first, _ = message(state)
    [letter] = first["rejected"]
    assert base64.b64decode(letter["bytes"]) == value[:1_024]
    assert letter["size"] == len(value)
    assert letter["source"] == ["in", 3, 99]
    assert letter["reason"] == "it \ufffd ends"
    assert first["codes"] == [["bad_json", 1]]


def test_a_reference_tells_the_size_of_what_is_left_out(state: LiveState) -> None:
    state.add([record(TOPICS.rejected, None, (("value-bytes", b"123456"),))])
    [letter] = message(state)[0]["rejected"]
    assert (letter["size"], letter["bytes"]) == (123_456, "")


def test_triggers_are_told_as_they_fire(state: LiveState) -> None:
    told = {"trigger": "reader", "state": "fired", "scope": "visit", "visitor_id": "v"}
    undone = told | {"state": "retracted"}
    state.add(record(TOPICS.triggers, orjson.dumps(each)) for each in (told, undone))
    first, _ = message(state)
    assert [each["state"] for each in first["triggered"]] == ["retracted", "fired"]
    assert (first["triggers"], first["firings"]) == ([["reader", 1]], 1)


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[]", b"7", b'{"profile_visitor_id": 7}', b'{"profile_visitor_id": {}}'],
)
@pytest.mark.parametrize("topic", [TOPICS.persisted, TOPICS.rejected, TOPICS.triggers])
def test_whatever_a_topic_holds_is_borne(state: LiveState, topic: str, value: bytes | None) -> None:
    headers: Headers = (("error-code", None), ("source-topic", b"x"), ("value-bytes", b"-1"))
    state.add([record(topic, value, headers)])
    assert message(state)[0]["visitors"] == 0


def test_ids_that_are_none_are_nobodys(state: LiveState) -> None:
    wrong: list[object] = [7, {}, ["v"], "v" * 5_000]
    state.add(persisted(visitor_id=each, visit_id=each, visit_number=each) for each in wrong)
    told = [orjson.dumps({"trigger": "t", "visitor_id": each}) for each in wrong]
    state.add(record(TOPICS.triggers, each) for each in told)
    first, _ = message(state)
    assert first["visitors"] == 0
    for shown in first["events"] + first["triggered"]:
        assert shown["visitor"] is None
    assert {shown["number"] for shown in first["events"]} == {None, 7}


def test_it_says_that_nothing_is_read(state: LiveState) -> None:
    assert message(state)[0]["trouble"] == NOT_YET
    before = state.version
    state.tell_trouble("")
    assert state.version != before
    assert message(state)[0]["trouble"] == ""


def test_what_was_left_out_is_counted(state: LiveState) -> None:
    state.skip(5)
    state.skip(7)
    assert message(state)[0]["skipped"] == 12
