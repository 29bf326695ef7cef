"""Which time an event is given: received, created, sent, or none."""

import json
from collections.abc import Iterator

from tools.vectors.builders import Vector, standard
from tools.vectors.calls import DAY, HOUR, START, Call, Event, Read, click, one_by_one, timed, view

MINUTE = 60_000
QUARTER = 15 * MINUTE
NO_TIMES = ("12a", "-5", "+5", "1.7e12", "0x10", " 17", "1700000000000 ", "1" * 16, "nan", "٣", "?")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from clamped()
    yield from unusable()
    yield from corrected()
    yield from corrected_and_clamped()
    yield from not_received()
    yield from none_at_all()


def clamped() -> Iterator[Vector]:
    """Created and received."""
    yield standard(
        "time-ahead-of-received",
        "A device may be one hour ahead of the time its event is received; what is further ahead "
        "is taken to be one hour ahead.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START + HOUR), "an hour ahead"),
            timed(str(START + HOUR + 1), "too far ahead"),
        ),
    )
    yield standard(
        "time-behind-received",
        "An event may be received 30 days late; what is older is taken to be 30 days old.",
        one_by_one(
            timed(str(START), "on time"),
            timed(str(START - 30 * DAY - 1), "too old"),
            timed(str(START - 30 * DAY), "30 days old"),
        ),
    )
    yield standard(
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
    yield standard(
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
    yield standard(
        "created-0",
        "0 is a time: it is clamped, and not taken for none.",
        one_by_one(timed(str(START), "home"), timed("0", "at the beginning of the epoch")),
    )


def unusable() -> Iterator[Vector]:
    """Created that is no number."""
    for number, text in enumerate(NO_TIMES, 1):
        yield standard(
            f"time-malformed-{number}",
            f"Only 1 to 15 digits are a time: {json.dumps(text)} is replaced by the received one "
            "and flagged.",
            one_by_one(timed(str(START - 5), "with a time"), timed(text, "with another")),
        )
    yield standard(
        "time-absent",
        "Where the device does not say when, the received time stands, without a flag.",
        one_by_one(timed(str(START - 5), "with a time"), timed("", "without a time")),
    )
    yield standard(
        "sent-without-created",
        "When an event was sent says nothing of an event that does not say when it was made.",
        one_by_one(
            timed("", "absent", sent=str(START - HOUR)),
            timed("soon", "unusable", sent=str(START - HOUR)),
        ),
    )


def corrected() -> Iterator[Vector]:
    """Created, sent and received."""
    for number, (off, why) in enumerate(
        (
            (0, "No offset."),
            (350, "A network's delay."),
            (-350, "A clock that is a little ahead."),
            (45 * MINUTE - 1, "Less than 45 minutes is taken as nothing."),
            (1 - 45 * MINUTE, "Less than 45 minutes ahead is taken as nothing."),
            (45 * MINUTE, "45 minutes are three quarter hours."),
            (-45 * MINUTE, "45 minutes ahead are three quarter hours."),
            (HOUR - QUARTER // 2 - 1, "Nearer to three quarter hours than to four."),
            (HOUR - QUARTER // 2, "Half a quarter hour counts as a whole one."),
            (-HOUR - QUARTER // 2 - 1, "Ahead, and nearer to five quarter hours than to four."),
            (-HOUR - QUARTER // 2, "Ahead: half a quarter hour is rounded up, to four."),
            (HOUR + 120, "An hour of summer time, and a delay."),
            (-2 * HOUR + 120, "Two hours ahead, and a delay."),
            (5 * HOUR + 30 * MINUTE + 80, "The time of India for UTC."),
            (400 * DAY + 90, "A device whose year is wrong."),
            (-400 * DAY + 90, "A device whose year is wrong the other way."),
        ),
        1,
    ):
        yield standard(
            f"sent-offset-{number}",
            f"{why} Received less sent is {off} ms: rounded to quarter hours it is added to "
            "created.",
            one_by_one(
                *(
                    timed(str(START - off - 2_000 + at), page, sent=str(START - off))
                    for at, page in ((0, "first"), (700, "second"))
                )
            ),
        )
    yield standard(
        "sent-offline-queue",
        "A queue of a good clock comes a week late, all at once: each event keeps its own time.",
        one_by_one(
            *(
                timed(str(START - 7 * DAY + at), page, str(START + 90), str(START))
                for at, page in ((0, "Landing"), (15_000, "Pricing"), (30_000, "Docs"))
            )
        ),
    )
    yield standard(
        "sent-older-than-30-days",
        "An event that was sent by a good clock may be older than 30 days.",
        one_by_one(timed(str(START - 200 * DAY), "last winter", sent=str(START))),
    )
    yield standard(
        "sent-again-a-day-later",
        "A copy that is sent again is received a day later, by a clock two hours ahead both times: "
        "it is a repeat with the same time.",
        one_by_one(
            timed(str(START + 2 * HOUR), "home", str(START + 300), str(START + 2 * HOUR + 200)),
            timed(
                str(START + 2 * HOUR),
                "home",
                str(START + DAY + 80),
                str(START + DAY + 2 * HOUR + 40),
            ),
            timed(str(START + 2 * HOUR + 9), "next", str(START + 400), str(START + 2 * HOUR + 300)),
        ),
    )
    for number, text in enumerate(("", "?", "-5", "1" * 16), 1):
        yield standard(
            f"sent-unusable-{number}",
            f"A sent time that is no number ({json.dumps(text)}) is as if it were absent.",
            one_by_one(timed(str(START + 2 * HOUR), "home", sent=text)),
        )


def corrected_and_clamped() -> Iterator[Vector]:
    """A correction that does not lead to a time that can be."""
    yield standard(
        "sent-and-still-ahead",
        "An event cannot be made after it was sent: what is still more than an hour ahead of its "
        "received time is clamped.",
        one_by_one(
            timed(str(START + HOUR), "as far as it may be", sent=str(START)),
            timed(str(START + HOUR + 1), "a little further", sent=str(START)),
            timed(str(START + 9 * DAY), "far", sent=str(START)),
            timed(str(START + 9 * DAY), "far, corrected", sent=str(START - 5 * HOUR)),
        ),
    )
    yield standard(
        "sent-and-before-1973",
        "Created by a clock that had not been set yet, sent by one that had: it is clamped to 30 "
        "days before it was received. From 3 March 1973 on (10^11 ms) a time stands.",
        one_by_one(
            timed("86400000", "not set", sent=str(START)),
            timed("99999999999", "nearly", sent=str(START)),
            timed("100000000000", "from here on", sent=str(START)),
            timed("5", "set back", sent=str(2 * START)),
        ),
    )
    yield standard(
        "sent-by-a-clock-that-was-not-set",
        "Both by a clock that began at 1970: the offset of 54 years puts both right.",
        one_by_one(
            *(
                timed(str(at), page, sent=str(90_000))
                for at, page in ((60_000, "first"), (60_500, "second"))
            )
        ),
    )
    yield standard(
        "sent-in-2099",
        "A device whose clock says 2099: the offset puts it right.",
        one_by_one(
            *(
                timed(
                    str(START + 76 * 365 * DAY + at), page, sent=str(START + 76 * 365 * DAY + 900)
                )
                for at, page in ((0, "first"), (500, "second"))
            )
        ),
    )


def not_received() -> Iterator[Vector]:
    """No received time."""
    yield standard(
        "not-received",
        "Without a received time the device's own stands, if it is after 3 March 1973.",
        [
            *one_by_one(
                timed("1600000000000", "home", ""),
                timed("100000000000", "as early as can be", ""),
                timed("999999999999999", "as late as can be", ""),
                timed("99999999999", "too early", ""),
            ),
            Read(),
        ],
    )
    yield standard(
        "not-received-but-sent",
        "Sent says nothing without received.",
        one_by_one(timed("1600000000000", "home", "", "1600000999999")),
    )
    yield standard(
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
        yield standard(
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
    yield standard(
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
    yield standard(
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
