"""Clocks that are put right by the time of sending."""

import json
from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import DAY, HOUR, START, one_by_one, timed

MINUTE = 60_000
QUARTER = 15 * MINUTE


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from corrected()
    yield from corrected_and_clamped()


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
        yield lean(
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
    yield lean(
        "sent-offline-queue",
        "A queue of a good clock comes a week late, all at once: each event keeps its own time.",
        one_by_one(
            *(
                timed(str(START - 7 * DAY + at), page, str(START + 90), str(START))
                for at, page in ((0, "Landing"), (15_000, "Pricing"), (30_000, "Docs"))
            )
        ),
    )
    yield lean(
        "sent-older-than-30-days",
        "An event that was sent by a good clock may be older than 30 days.",
        one_by_one(timed(str(START - 200 * DAY), "last winter", sent=str(START))),
    )
    yield lean(
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
    for number, text in enumerate(("", "?", "-5", "1" * 16, "soon", "1.5"), 1):
        yield lean(
            f"sent-unusable-{number}",
            f"A sent time that is no number ({json.dumps(text)}) is as if it were absent.",
            one_by_one(timed(str(START + 2 * HOUR), "home", sent=text)),
        )


def corrected_and_clamped() -> Iterator[Vector]:
    """A correction that does not lead to a time that can be."""
    yield lean(
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
    yield lean(
        "sent-and-before-1973",
        "Created by a clock that had not been set yet, sent by one that had: it is clamped to 30 "
        "days before it was received. From 1973 on (94694400000 ms) a time stands.",
        one_by_one(
            timed("86400000", "not set", sent=str(START)),
            timed("94694399999", "nearly", sent=str(START)),
            timed("94694400000", "from here on", sent=str(START)),
            timed("5", "set back", sent=str(2 * START)),
        ),
    )
    yield lean(
        "sent-by-a-clock-that-was-not-set",
        "Both by a clock that began at 1970: the offset of 54 years puts both right.",
        one_by_one(
            *(
                timed(str(at), page, sent=str(90_000))
                for at, page in ((60_000, "first"), (60_500, "second"))
            )
        ),
    )
    yield lean(
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
