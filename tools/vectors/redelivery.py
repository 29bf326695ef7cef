"""Repeats by event id or content, and offsets at or below a watermark."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import START, Call, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
        "repeat-by-event-id",
        "An event id seen before in its visit counts nothing, at whatever offset, and still "
        "merges its times.",
        one_by_one(
            view(0, "A", "home", "e1", "0"),
            view(5, "A", "prices", "e2", "1"),
            view(0, "A", "home", "e1", "2"),
            click(9, "A", "e2", "3"),
            stream="0/events/0",
        ),
    )
    yield lean(
        "repeat-without-event-id",
        "Without an event id the content is the identity: the same event at another offset is a "
        "repeat; another time, page or type makes another event, even if all of it reads the same.",
        one_by_one(
            view(0, "A", "home", "", "0"),
            view(0, "A", "home", "", "1"),
            view(1, "A", "home", "", "2"),
            view(2, "A", "prices", "", "3"),
            click(3, "A", "", "4")._replace(event_type="Scroll", page="er"),
            click(3, "A", "", "5")._replace(event_type="Scroller"),
            stream="0/events/0",
        ),
    )
    yield lean(
        "repeat-without-event-id-received-later",
        "Without an event id the device's time stands for the event, so that it is a repeat when "
        "it is received again later; where the device does not say, the received time does.",
        one_by_one(
            view(0, "A", "home")._replace(received=str(START + 5)),
            view(0, "A", "home")._replace(received=str(START + 6), sent=str(START + 4)),
            view(1, "A", "prices")._replace(created=""),
            view(2, "A", "prices")._replace(created=""),
            view(2, "A", "prices")._replace(created="?"),
            view(2, "A", "prices")._replace(created="?"),
        ),
    )
    yield lean(
        "no-repeat-without-id-and-time",
        "With neither an event id nor any time nothing tells two events apart: neither is a "
        "repeat, and neither is remembered. With an id, a repeat is one.",
        one_by_one(
            *[view(0, "A", "home")._replace(created="", received="")] * 2,
            *[view(0, "A", "home")._replace(created="?", received="", sent=str(START))] * 2,
            *[view(0, "A", "home", "e1")._replace(created="", received="")] * 2,
        ),
    )
    yield lean(
        "repeat-in-another-visit",
        "Event ids are remembered per visit, and for events without a visit.",
        one_by_one(
            view(0, "A", "home", "e1"),
            view(1, "B", "home", "e1"),
            view(2, "", "home", "e1"),
            view(3, "", "home", "e1"),
            view(4, "A", "home", "e1"),
        ),
    )
    yield lean(
        "ids-alike-in-5-bytes",
        "6 bytes of the SHA-1 stand for an event. Of these two ids the first 5 are equal, "
        "68534f44ba: no repeat.",
        one_by_one(view(0, "A", "home", "3768367"), view(0, "A", "home", "2404582")),
    )
    yield lean(
        "ids-alike-in-6-bytes",
        "No more than 6 bytes of the SHA-1 stand for an event: these two ids have the same, "
        "39d231978aca, so the second is taken for a repeat of the first.",
        one_by_one(view(0, "A", "home", "14589693"), click(1, "A", "21243570")),
    )
    yield lean(
        "id-that-straddles-two-others",
        "The third id's 6 bytes, 39fb523d32b5, are the end of the first id's and the beginning of "
        "the second id's: no repeat, until it comes again.",
        one_by_one(
            click(0, "A", "198264"),  # de5b96|39fb52
            click(1, "A", "73561"),  # 3d32b5|3001d0
            click(2, "A", "2930"),
            click(2, "A", "2930"),
        ),
    )
    yield lean(
        "id-that-straddles-at-the-third-byte",
        "As before, from the third byte on, and among the events without a visit.",
        one_by_one(
            click(0, "", "45682"),  # f822|f23b55d2
            click(1, "", "13218"),  # cc5e|71202e49
            click(2, "", "89228"),
            click(2, "", "89228"),
        ),
    )
    yield lean(
        "window-of-64-event-ids",
        "A visit remembers 64 event ids: the 65th pushes out the first (`truncated`), so a repeat "
        "of the second is still recognised, and the first counts again.",
        [
            Call([click(n, "A", f"e{n}") for n in range(1, 65)]),
            *one_by_one(
                click(65, "A", "e65"),
                click(2, "A", "e2"),
                click(1, "A", "e1"),
                click(3, "A", "e3"),
                click(2, "A", "e2"),
            ),
        ],
    )
    yield lean(
        "redelivery",
        "An offset at or below the stream's watermark is not applied again: it is `replayed` and "
        "shows the current profile with its own visit's fields.",
        [
            *one_by_one(
                view(0, "A", "home", "e1", "7"),
                view(10, "B", "blog", "e2", "8"),
                view(10, "B", "blog", "e2", "8"),
                view(0, "A", "home", "e1", "7"),
                view(20, "A", "never applied", "e3", "3"),
                view(20, "C", "never applied", "e4", "0"),
                view(20, "", "never applied", "e5", "8"),
                stream="0/events/0",
            ),
            Call(
                [view(10, "B", "blog", "e2", "8"), view(30, "B", "prices", "e6", "9")],
                stream="0/events/0",
                floor="6",
            ),
        ],
    )
    yield lean(
        "offsets-within-a-batch",
        "The watermark moves with every event of a call, gaps are allowed, and offsets are "
        "compared as numbers: 10 comes after 9.",
        [
            Call(
                [
                    view(0, "A", "one", "e1", "9"),
                    view(1, "A", "two", "e2", "10"),
                    view(2, "A", "three", "e3", "10"),
                    view(3, "A", "four", "e4", "999999999999999"),
                    view(4, "A", "five", "e5", "11"),
                ],
                stream="0/events/0",
            )
        ],
    )
    yield lean(
        "two-streams",
        "Each stream has its own watermark.",
        [
            Call([view(0, "A", "home", "e1", "5")], stream="0/events/0"),
            Call([view(1, "A", "prices", "e2", "5")], stream="0/events/1"),
            Call([view(2, "A", "blog", "e3", "4")], stream="0/events/0"),
            Call([view(3, "A", "imprint", "e4", "6")], stream="0/events/1"),
            Call([view(4, "A", "faq", "e5", "6")], stream="0/events/0"),
            Call([view(5, "A", "faq", "e6", "6")], stream="1/events/0"),
        ],
    )
    yield lean(
        "empty-stream",
        "Without a stream there is no watermark: offsets are ignored, whatever they hold.",
        one_by_one(
            view(0, "A", "home", "e1", "5"),
            view(1, "A", "prices", "e2", "5"),
            view(2, "A", "blog", "e3", ""),
            view(3, "A", "imprint", "e4", "no offset"),
        ),
    )
    yield lean(
        "65-streams",
        "A visitor's events may come by many streams (up to 1,024): a redelivery from the one "
        "that moved longest ago (s1, for s0 moved again) is still recognised by its watermark.",
        [
            *(Call([click(n, "A", f"e{n}", "5")], stream=f"s{n}") for n in range(2)),
            Call([click(2, "A", "again", "6")], stream="s0"),
            *(Call([click(n + 1, "A", f"e{n}", "5")], stream=f"s{n}") for n in range(2, 65)),
            Call([click(3, "A", "e2", "5")], stream="s2"),
            Call([click(2, "A", "again", "6")], stream="s0"),
            Call([click(1, "A", "e1", "5")], stream="s1"),
        ],
    )
