"""Which time an event is given by what it was received and created: one, the other, or none."""

import json
from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import DAY, HOUR, START, Call, Event, Read, click, one_by_one, timed, view

#: No whole numbers from 0 to 10^15 in any spelling.
NO_TIMES = ("12a", "-5", "1.5", "1e-1", "0x", "1" * 16, "one", "nan", "inf", "17 17", "٣", "?")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from clamped()
    yield from unusable()
    yield from not_received()
    yield from none_at_all()


def clamped() -> Iterator[Vector]:
    """Created and received."""
    yield lean(
        "time-ahead-of-received",
        "A device may be one hour ahead of the time its event is received; what is further ahead "
        "is taken to be one hour ahead.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START + HOUR), "an hour ahead"),
            timed(str(START + HOUR + 1), "too far ahead"),
        ),
    )
    yield lean(
        "time-behind-received",
        "An event may be received 30 days late; what is older is taken to be 30 days old.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START - 30 * DAY - 1), "too old"),
            timed(str(START - 30 * DAY), "30 days old"),
        ),
    )
    yield lean(
        "clamping-keeps-the-order",
        "Clocks that are years ahead or behind are clamped, not replaced: events of one received "
        "time keep the order that their device gave them.",
        one_by_one(
            timed(str(START + 400 * DAY + 7), "Thanks"),
            timed(str(START + 400 * DAY), "Landing"),
            timed(str(START + 400 * DAY + 3), "Cart"),
            *(
                timed(str(START - 900 * DAY + at), page)._replace(visit_id="B")
                for at, page in ((7, "thanks"), (0, "landing"), (3, "cart"))
            ),
        ),
    )
    yield lean(
        "clock-an-hour-ahead-and-jitter",
        "A clock one hour ahead, and delays of 400, 60, 350 and 50 ms: the events stand on both "
        "sides of what is allowed, and keep their order.",
        one_by_one(
            *(
                timed(str(START + HOUR + 120 + at), page, str(START + at + delay))
                for at, page, delay in (
                    (0, "Landing", 400),
                    (200, "Pricing", 60),
                    (400, "Docs", 350),
                    (600, "Thanks", 50),
                )
            )
        ),
    )
    yield lean(
        "time-with-leading-zeros",
        "A time is a number, written back without leading zeros.",
        one_by_one(timed(f"00{START}", "home")),
    )
    yield lean(
        "time-of-15-digits",
        "15 digits are exact on the way in and out: no floats, no exponents.",
        one_by_one(
            timed("999999999999999", "last", "999999999999999"),
            timed("999999999999998", "before", "999999999999999"),
            timed("", "between", "999999999999998"),
        ),
    )
    yield lean(
        "created-0",
        "0 is a time: it is clamped, and not taken for none.",
        one_by_one(timed(str(START), "home"), timed("0", "at the beginning of the epoch")),
    )


def unusable() -> Iterator[Vector]:
    """Created that is no number."""
    for number, text in enumerate(NO_TIMES, 1):
        yield lean(
            f"time-malformed-{number}",
            f"Only 1 to 15 digits are a time: {json.dumps(text)} is replaced by the received one "
            "and flagged.",
            one_by_one(timed(str(START - 5), "with a time"), timed(text, "with another")),
        )
    yield lean(
        "time-absent",
        "Where the device does not say when, the received time stands, without a flag.",
        one_by_one(timed(str(START - 5), "with a time"), timed("", "without a time")),
    )
    yield lean(
        "sent-without-created",
        "When an event was sent says nothing of an event that does not say when it was made.",
        one_by_one(
            timed("", "absent", sent=str(START - HOUR)),
            timed("soon", "unusable", sent=str(START - HOUR)),
        ),
    )


def not_received() -> Iterator[Vector]:
    """No received time."""
    yield lean(
        "not-received",
        "Without a received time the device's own stands, if it is of 1973 or later.",
        [
            *one_by_one(
                timed("1600000000000", "home", ""),
                timed("94694400000", "as early as can be", ""),
                timed("999999999999999", "as late as can be", ""),
                timed("94694399999", "too early", ""),
            ),
            Read(),
        ],
    )
    yield lean(
        "not-received-but-sent",
        "Sent says nothing without received.",
        one_by_one(timed("1600000000000", "home", "", "1600000999999")),
    )
    yield lean(
        "received-and-not-received",
        "Events of both kinds in one call.",
        [
            Call(
                [
                    timed(str(START), "home"),
                    timed(str(START + 9 * DAY), "later", ""),
                    timed(str(START + 99 * DAY), "clamped"),
                ]
            )
        ],
    )


def none_at_all() -> Iterator[Vector]:
    """No time."""
    for number, (created, sent) in enumerate(
        (("", ""), ("?", ""), ("", str(START)), ("99999999999", ""), ("?", str(START))), 1
    ):
        yield lean(
            f"no-time-{number}",
            "Nothing says when it happened: it counts, moves no first and no last, and says so. "
            f"Created is {json.dumps(created)}, sent {json.dumps(sent)}.",
            [
                *one_by_one(
                    timed(created, "without", "", sent),
                    timed(str(START), "with"),
                    timed(created, "without again", "", sent),
                ),
                Read(),
            ],
        )
    timeless = Event("", "", "", "", "e0", "T", "Pageview", "timeless")
    yield lean(
        "no-time-is-never-late",
        "An event without a time that opens a visit is not late, also where 8 visits are kept; "
        "its visit is the oldest of all and the next to go.",
        [
            Call([view(100 * n, f"V{n}", f"page {n}", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                timeless,
                click(850, "V8", "e10"),
                view(900, "V9", "page 9", "e11"),
                timeless._replace(event_id="e12"),
            ),
        ],
    )
    yield lean(
        "no-time-of-two-visits",
        "Of visits without any time the bytes of the id decide which is shown and which goes.",
        [
            Call(
                [
                    timeless._replace(event_id=f"e{visit}", visit_id=visit)
                    for visit in ("B", "a", "Z", "é", "A", "z", "_", "0")
                ]
            ),
            Read(),
            Call([timeless._replace(event_id="e9", visit_id="/")]),
            Call([timeless._replace(event_id="e10", visit_id="0")]),
            Read(),
        ],
    )
