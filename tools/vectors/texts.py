"""Long values, and bytes of all kinds."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import START, Answer, Call, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
        "page-of-4096-bytes",
        "A value of 4096 bytes stays whole; two such pages that differ behind byte 4096 are one.",
        one_by_one(
            view(0, "A", "é" * 2048, "e1"),
            view(-1, "A", "é" * 2048 + "x", "e2"),
        ),
    )
    yield lean(
        "page-cut-at-a-character",
        "A longer value is cut before the character that does not fit whole (here of 3 bytes, "
        "then of 4), so that the rest stays UTF-8.",
        one_by_one(
            view(0, "A", "a" * 4094 + "€uro", "e1"),
            view(1, "A", "b" * 4093 + "🙂", "e2"),
        ),
    )
    yield lean(
        "page-cut-at-the-edges-of-what-goes-on",
        "Bytes 80 to BF go on with a character and no other byte does: the smallest (U+00C0 ends "
        "with it) and the largest (U+00FF) are cut off with their character, 7F is one of its own.",
        one_by_one(
            view(0, "A", "a" * 4095 + "\u00c0", "e1"),
            view(1, "A", "b" * 4095 + "\u00ff", "e2"),
            view(2, "A", "c" * 4096 + "\x7f", "e3"),
        ),
    )
    yield lean(
        "long-page-of-no-page-view",
        "A value that no field takes is not cut, so nothing is `truncated`; a late page view's is.",
        [
            Call([view(n, f"V{n}", f"page {n}", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                click(10, "V8", "e9")._replace(page="c" * 4097),
                view(-1, "V0", "d" * 4097, "e10"),
            ),
        ],
    )
    yield lean(
        "nul-bytes",
        "Ids and pages are not C strings: what follows a NUL counts.",
        one_by_one(
            view(0, "A\0x", "home\0one", "e\x001"),
            view(1, "A\0x", "home\0two", "e\x002"),
            view(2, "A\0y", "\0", "e\x001"),
            view(3, "A\0y", "\0", "e\x001"),
        ),
        visitor="ali\0ce",
    )
    yield lean(
        "ids-that-look-like-syntax",
        "Ids, pages and types are data, whatever they hold.",
        one_by_one(
            view(0, '"]]--', "{{ page }} %s \\", "~"),
            view(1, "${visit}", "\r\n", "visit_id"),
        ),
        visitor="{al<id>ice}: 100% é",
    )
    yield lean(
        "long-visitor-id",
        "An id longer than 128 bytes makes a hashed key, and is itself returned whole.",
        one_by_one(view(0, "A", "home", "e1")),
        visitor="é" * 64 + "!",
    )
    yield not_utf8()


def not_utf8() -> Vector:
    """By hand: the oracle knows text only."""
    visitor, visit, first, second = b"\xffal\x80ice", b"\xc3(", b"\xfe\x00home", b"\xed\xa0\x80"

    def profile(events: int, views: int, last: bytes, end: int) -> Answer:
        return {
            "visitor_id": visitor,
            "visitor_first_page": first,
            "visitor_last_page": last,
            "visitor_first_seen": START,
            "visitor_last_seen": end,
            "visitor_pageviews": views,
            "visitor_events": events,
            "visitor_visits": 1,
            "visit_id": visit,
            "visit_number": 1,
            "visit_first_page": first,
            "visit_last_page": last,
            "visit_start": START,
            "visit_end": end,
            "visit_pageviews": views,
            "visit_events": events,
            "visit_bounce": views == 1,
        }

    replies: list[tuple[list[str], Answer]] = [
        (["new_visitor", "new_visit"], profile(1, 1, first, START)),
        ([], profile(2, 2, second, START + 1000)),
        (["repeated"], profile(2, 2, second, START + 1000)),
    ]
    events = (
        view(0, visit, first, b"\x80"),
        view(1, visit, second, b"\x81"),
        view(1, visit, second, b"\x81"),
    )
    return lean(
        "not-utf-8",
        "Arguments and values are bytes: what is no UTF-8 comes back as it went in.",
        [
            Call([event], reply=[{"flags": flags, "profile": values}])
            for event, (flags, values) in zip(events, replies, strict=True)
        ],
        visitor=visitor,
        stored={},
    )
