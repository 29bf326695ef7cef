"""Event times that are believed, and those that are not."""

import json
from collections.abc import Iterator

from tools.vectors.builders import Vector, plain, standard
from tools.vectors.calls import DAY, HOUR, START, Call, Event, one_by_one, timed


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield standard(
        "time-ahead-of-record",
        "An event time may be one hour ahead of its record's; further ahead it is replaced.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START + HOUR), "an hour ahead"),
            timed(str(START + HOUR + 1), "too far ahead"),
        ),
    )
    yield standard(
        "time-behind-record",
        "An event time may be 30 days behind its record's; further behind it is replaced.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START - 30 * DAY - 1), "too old"),
            timed(str(START - 30 * DAY), "30 days old"),
        ),
    )
    malformed = ("12a", "-5", "+5", "1.7e12", "0x10", " 17", "1700000000000 ", "1" * 16, "nan", "٣")
    for number, text in enumerate(malformed, 1):
        yield standard(
            f"time-malformed-{number}",
            f"Only 1 to 15 digits are a time: {json.dumps(text)} is replaced by the record's and "
            "flagged.",
            one_by_one(timed(str(START - 5), "with a time"), timed(text, "with another")),
        )
    yield standard(
        "time-absent",
        "An absent time is replaced by the record's without a flag.",
        one_by_one(timed(str(START - 5), "with a time"), timed("", "without a time")),
    )
    yield standard(
        "time-with-leading-zeros",
        "A time is a number, written back without leading zeros.",
        one_by_one(timed(f"00{START}", "home")),
    )
    yield standard(
        "time-of-15-digits",
        "15 digits are exact on the way in and out: no floats, no exponents.",
        one_by_one(
            timed("999999999999999", "last", "999999999999999"),
            timed("999999999999998", "before", "999999999999999"),
            timed("", "between", "999999999999998"),
        ),
    )
    # The oracle always has a record's timestamp. By the contract it may be absent; then there is
    # nothing to replace an event time by, nor to compare it with.
    ms = "1600000000000"
    profile = {
        "visitor_id": "alice",
        "visitor_first_page": "home",
        "visitor_last_page": "home",
        "visitor_first_seen": ms,
        "visitor_last_seen": ms,
        "visitor_visits": "1",
        "visitor_pageviews": "1",
        "visitor_events": "1",
        "visit_id": "A",
        "visit_number": "1",
        "visit_first_page": "home",
        "visit_last_page": "home",
        "visit_start": ms,
        "visit_end": ms,
        "visit_pageviews": "1",
        "visit_events": "1",
        "visit_bounce": "1",
    }
    yield standard(
        "record-without-timestamp",
        "The record's timestamp may be absent: the event's own time is then taken as it is.",
        [
            Call(
                [Event("", "", ms, "e1", "A", "Pageview", "home")],
                reply=[{"flags": ["new_visitor", "new_visit"], "profile": profile}],
            )
        ],
        stored=plain(profile),
    )
