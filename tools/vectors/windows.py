"""What there was in the latest days or hours. The rules are in lua/vectors/rules/windows.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import DAY, HOUR, START, Call, Event, Read, one_by_one, view

_DAY, _HOUR = DAY // 1_000, HOUR // 1_000
#: START is 22:13:20: so many seconds later the day ends.
_MIDNIGHT = 6_400


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield windows(
        "windows-move-with-the-latest-event",
        "A bucket that falls out of the window no longer counts, and an event in between lands in "
        "its own.",
        one_by_one(
            shop(view(0, "A", "a", "e1"), total="1"),
            shop(view(_MIDNIGHT - 1, "A", "b", "e2"), total="2"),
            shop(view(_MIDNIGHT, "A", "c", "e3"), total="4"),
            shop(view(2 * _DAY, "A", "a", "e4"), total="8"),
            shop(view(_DAY, "A", "b", "e5"), total="16"),
            shop(view(3 * _DAY, "A", "c", "e6"), total="32"),
            shop(view(10, "A", "a", "e7"), total="64"),
            shop(view(40 * _DAY, "B", "b", "e8"), total="0.5"),
        ),
    )
    yield windows(
        "windows-of-repeats-and-late-events",
        "Neither counts; a late event moves the number of different texts.",
        [
            Call([shop(view(n, f"V{n}", "home", f"e{n}"), total="1") for n in range(8)]),
            *one_by_one(
                shop(view(-10, "X", "old", "f1"), total="2"),
                shop(view(7, "V7", "home", "e7"), total="4"),
            ),
        ],
    )
    yield windows(
        "windows-without-a-time",
        "An event of which no time is known is in no bucket.",
        one_by_one(
            shop(view(0, "A", "a", "e1"), total="1"),
            shop(view(0, "A", "b", "e2"), total="2")._replace(created="", received=""),
        ),
    )
    yield windows(
        "windows-beyond-the-limit",
        "What went because of the limit is flagged as long as it would be in the window.",
        one_by_one(
            *(shop(view(n * _DAY, "A", page, f"e{n}")) for n, page in enumerate("abcc")),
            *(shop(view(n * _DAY, "A", "c", f"f{n}")) for n in (4, 5, 6)),
        ),
    )
    yield windows(
        "windows-of-counts-beyond-the-limit",
        "Counts that went are flagged as long as they would be in the window, and no longer.",
        one_by_one(
            *(shop(view(n, "A", page, f"e{n}")) for n, page in enumerate("abcd")),
            *(shop(view(n * _DAY, "A", "d", f"f{n}")) for n in (3, 4, 5)),
        ),
    )
    yield windows(
        "windows-of-numbers",
        "Sums may be negative and zero; a bucket takes less than 2^48 units.",
        one_by_one(
            *(
                shop(view(n * _HOUR / 2, "A", "a", f"e{n}")._replace(event_type="Sale"), total=text)
                for n, text in enumerate(("5", "-5", "-128", "127", "32768", "-8388609", "2"))
            ),
            shop(view(4 * _HOUR, "A", "a", "f1"), total="2814749767106.55"),
            shop(view(4 * _HOUR, "A", "a", "f2"), total="0.01"),
            shop(view(5 * _HOUR, "A", "a", "f3"), total="2814749767106.56"),
            shop(view(5 * _HOUR, "A", "a", "f4"), items="281474976710655"),
            shop(view(5 * _HOUR, "A", "a", "f5"), items="1"),
            shop(view(5 * _HOUR, "A", "a", "f6"), items="much"),
        ),
    )
    yield windows(
        "windows-of-a-mean-that-is-full",
        "A number that a bucket cannot take is in no mean, and flagged; the next bucket takes it.",
        one_by_one(
            *(
                shop(view(at, "A", "a", f"e{n}")._replace(event_type="Sale"), total=text)
                for n, (at, text) in enumerate(
                    ((0, "281474976710655"), (1, "1"), (_HOUR, "1"), (2, "-3"))
                )
            ),
        ),
    )
    yield windows(
        "windows-cut",
        "255 bytes of a text are counted, and an event with more says so.",
        one_by_one(
            shop(view(0, "A", "x" * 255, "e1")),
            shop(view(1, "A", "x" * 256, "e2")),
            shop(view(2, "A", "y", "e3")),
        ),
    )
    yield vector(
        "windows",
        "windows-read-later",
        "A read shows what is in the window as of its own time, and of no earlier one than the "
        "latest event.",
        [
            *one_by_one(
                *(shop(view(n * _DAY, "A", "ab"[n % 2], f"e{n}"), total="1.25") for n in range(4))
            ),
            *(Read(now=str(START + days * DAY)) for days in (-1, 3, 4, 5, 6, 31, 33, 400)),
            Read(),
        ],
    )


def shop(event: Event, items: str = "", total: str = "") -> Event:
    """The event with these inputs."""
    return event._replace(more=(items, total))


def windows(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("windows", name, why, [*calls, Read()])
