"""Events become ARGV, as the script's contract has it."""

import hashlib
from typing import Any

import pytest

from profiler.profiles.packing import Packer
from profiler.profiles.redis import Word
from profiler.records.types import NO_TIMESTAMP, FlatEvent
from profiler.rules.contract import CALL_ARGS, MAX_EVENTS, contract_of
from profiler.rules.model import Rules, load_rules

STANDARD = load_rules("lean")
ARTICLE = load_rules("article")
NOW = 1_700_000_000_000
HEAD = len(CALL_ARGS)

FIELDS: dict[str, object] = {
    "query-other_domain_userid": "v",
    "query-other_domain_sessionid": "A",
    "query-other_eventtype": "Pageview",
    "query-other_page_title": "Home",
}
TIMES = {
    "created": "query-other_dvce_created_tstamp",
    "sent": "query-other_dvce_sent_tstamp",
    "received": "kafka_raw-timestamp",
    "event_id": "query-other_event_id",
}


def event(stream: str = "", offset: int = 7, timestamp: int = NOW, **more: object) -> FlatEvent:
    """A page view; `more` gives its times and its id."""
    fields = FIELDS | {TIMES[name]: value for name, value in more.items()}
    return FlatEvent(stream, offset, timestamp, fields)


def packer_of(rules: Rules = STANDARD) -> Packer:
    return Packer(rules, max_id_bytes=512, clock=lambda: NOW)


def packed(packer: Packer, *events: FlatEvent) -> list[list[Word]]:
    """All calls' ARGV."""
    return [call.arguments for calls in packer.rounds(events, []) for call in calls]


def named(argv: list[Word], number: int = 0, rules: Rules = STANDARD) -> dict[str, Word]:
    """The arguments of an event by their names."""
    names = [argument.name for argument in contract_of(rules).event_args]
    start = HEAD + number * len(names)
    return dict(zip(names, argv[start : start + len(names)], strict=True))


def one(event: FlatEvent, packer: Packer | None = None) -> dict[str, Word]:
    (argv,) = packed(packer or packer_of(), event)
    return named(argv)


def sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()[:6]


def test_a_call_says_how_many_events_follow() -> None:
    events = [event("s", place, created=NOW + place) for place in range(MAX_EVENTS + 2)]
    first, second = packed(packer_of(), *events)
    width = len(contract_of(STANDARD).event_args)
    assert first[:HEAD] == ["v", "s", "", MAX_EVENTS]
    assert second[:HEAD] == ["v", "s", "", 2]
    assert [len(each) for each in (first, second)] == [HEAD + MAX_EVENTS * width, HEAD + 2 * width]
    assert [named(first, at)["offset"] for at in (0, 499)] == [0, 499]


def test_an_event_s_arguments_stand_in_the_order_of_the_contract() -> None:
    given: dict[str, Any] = {"created": str(NOW - 5), "sent": NOW - 3, "event_id": "sixsix"}
    assert one(event("s", received=NOW - 1, **given)) == {
        "offset": 7,
        "received": NOW - 1,
        "created": NOW - 5,
        "sent": NOW - 3,
        "event_id": b"sixsix",
        "visit_id": "A",
        "query-other_eventtype": "Pageview",
        "query-other_page_title": "Home",
    }
    (argv,) = packed(packer_of(ARTICLE), event("s", **given))
    assert list(named(argv, rules=ARTICLE).values())[:6] == [7, NOW, "", "", b"", "A"]


@pytest.mark.parametrize(
    ("price", "items", "taken"),
    [
        (19.99, 2.0, ["", "2.0", "19.99"]),
        (-3, 10**17, ["", str(10**17), "-3"]),
        (1e22, 1e-7, ["", "1e-07", "1e+22"]),
        ("12.5 EUR", True, ["", "", "12.5 EUR"]),
        (None, [1], ["", "", ""]),
    ],
)
def test_a_number_is_an_input_where_a_rule_takes_numbers(
    price: object, items: object, taken: list[str]
) -> None:
    """Elsewhere a text or an integer is: no page is called 1.5."""
    sums = [
        {"name": f"visitor_{name}", "scope": "visitor", "operation": "sum", "value": name}
        for name in ("price", "items")
    ]
    pages = [{"name": "visitor_a", "scope": "visitor", "operation": "last", "value": "a page"}]
    written = STANDARD.model_dump(exclude_none=True)
    events = [rule for rule in written["fields"] if rule["operation"] == "count"]
    fields = [rule | {"when": None} for rule in events] + sums + pages
    rules = Rules.model_validate(written | {"predicates": {}, "fields": fields})
    told = FIELDS | {"price": price, "items": items, "a page": 1.5}
    (argv,) = packed(packer_of(rules), event("s")._replace(fields=told))
    assert [named(argv, rules=rules)[name] for name in ("a page", "items", "price")] == taken


def test_without_a_stream_the_offset_is_empty() -> None:
    assert one(event(""))["offset"] == ""


@pytest.mark.parametrize(
    ("received", "taken"),
    [
        *((value, NOW - 5) for value in (NOW - 5, str(NOW - 5), (NOW - 5) * 1_000)),
        (f"{NOW // 1_000}", NOW),
        ("2023-11-14T22:13:20Z", NOW),
        *((value, NOW - 9) for value in ("", None, "soon", True, [1], 0, -1, NOW + 86_400_001)),
        *((value, NOW - 9) for value in ("1970-01-01", 94_694_399)),
    ],
)
def test_received_is_its_field_or_else_the_record_s_timestamp(received: object, taken: int) -> None:
    assert one(event(timestamp=NOW - 9, received=received))["received"] == taken


@pytest.mark.parametrize("timestamp", [NO_TIMESTAMP, 0, NOW // 1_000, NOW + 86_400_001])
def test_an_implausible_timestamp_is_none(timestamp: int) -> None:
    times = one(event("s", timestamp=timestamp, created=NOW, event_id="e"))
    assert (times["received"], times["created"]) == ("", NOW)


@pytest.mark.parametrize(
    ("created", "taken"),
    [
        *((value, "") for value in ("", None, True, [NOW])),
        *((value, "?") for value in ("soon", -1, " ", "9" * 21, "1" * 16 + "s")),
        *((value, 4_070_908_800_000) for value in (4_070_908_800_000, "2099-01-01")),
        (5, 5_000),
    ],
)
def test_created_goes_to_the_script_as_ms_or_as_unusable(created: object, taken: Word) -> None:
    """Where it was received, the script compares: a clock of 2099 still has an order."""
    assert one(event(created=created))["created"] == taken


@pytest.mark.parametrize("created", [4_070_908_800_000, 5, NOW + 86_400_001])
def test_without_a_received_time_created_must_be_plausible(created: int) -> None:
    times = one(event("s", timestamp=-1, created=created))
    assert (times["received"], times["created"]) == ("", "?")


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (NOW + 5, NOW + 5),
        (f"{NOW + 5}", NOW + 5),
        ("2099-01-01", 4_070_908_800_000),
        *((value, "") for value in ("", None, "soon", -1, True, [1])),
    ],
)
def test_an_unusable_sent_time_is_none(sent: object, taken: Word) -> None:
    assert one(event(sent=sent))["sent"] == taken


# --- what an event is recognised by ---------------------------------------------------------------


@pytest.mark.parametrize("event_id", ["e", "seven77", "37afbb5b-6938-42b7-b56a-ea104a2e0e45", "éé"])
def test_an_event_id_leaves_as_six_bytes_of_its_digest(event_id: str) -> None:
    assert one(event(event_id=event_id))["event_id"] == sha1(event_id.encode())


@pytest.mark.parametrize("event_id", ["sixsix", "ééé", 123456])
def test_an_id_of_six_bytes_leaves_as_it_is(event_id: object) -> None:
    assert one(event(event_id=event_id))["event_id"] == str(event_id).encode()


def test_without_an_id_the_value_stands_for_it_and_when_it_came_where_it_does_not_say() -> None:
    own = event("s", created=NOW)
    same = [own, own._replace(offset=8, timestamp=NOW - 1, stream="t")]
    assert len({one(each)["event_id"] for each in same}) == 1
    assert len(one(own)["event_id"]) == 6  # type: ignore[arg-type] # bytes
    others = [event("s"), event("s", timestamp=NOW - 1), event("s", created=NOW - 1)]
    assert len({one(each)["event_id"] for each in [own, *others]}) == 4
    assert one(others[0]) == one(others[0])


def test_the_encoded_value_is_taken_where_it_is_known() -> None:
    encoded = one(event("s", created=NOW)._replace(encoded=b"{}"))
    assert encoded["event_id"] == sha1(b"{}")


@pytest.mark.parametrize("created", [None, "soon"])
def test_with_neither_id_nor_any_time_an_event_of_a_stream_is_never_a_repeat(
    created: object,
) -> None:
    times = one(event("s", timestamp=-1, created=created))
    assert (times["received"], times["event_id"]) == ("", b"")
    assert times["created"] == ("?" if created else "")


def test_where_offsets_do_not_last_the_reading_time_stands_in() -> None:
    """Strictly increasing, so that lines come one after the other, and are no repeats."""
    packer = packer_of()
    lines = [event(timestamp=-1, offset=number) for number in range(3)]
    (argv,) = packed(packer, *lines)
    taken = [named(argv, number) for number in range(3)]
    assert [times["received"] for times in taken] == [NOW, NOW + 1, NOW + 2]
    assert {times["created"] for times in taken} == {"?"}
    assert len({times["event_id"] for times in taken}) == 3
    known = one(event(timestamp=-1, event_id="sixsix"), packer)
    assert (known["received"], known["event_id"]) == (NOW + 3, b"sixsix")


def test_no_reading_time_is_taken_where_no_rule_takes_a_time() -> None:
    (argv,) = packed(packer_of(ARTICLE), event(timestamp=-1))
    assert named(argv, rules=ARTICLE)["received"] == ""
