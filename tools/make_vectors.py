"""Write the conformance vectors, lua/vectors/*.json; lua/vectors/README.md describes the format.

    python -m tools.make_vectors

What a call gets stands here; what it must answer is computed by the oracles in tests/oracles,
which share no code with the script, or stands here too, where the oracles do not model a case.
Nothing is taken from the script's own answers.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.oracles.article import EVENT_TYPE, PAGE, PROFILE_PREFIX, VISIT, VISITOR, ArticleProgram
from tests.oracles.standard import (
    EVENT_ID,
    EVENT_TIME,
    FLAGS,
    StandardFold,
    as_stored,
    time_of,
)

VECTORS = Path(__file__).parent.parent / "lua" / "vectors"

PREFIX = "<prefix>"
TTL_MS = 395 * 86_400_000
START = 1_700_000_000_000
LONGEST_PLAIN_ID = 128

HOUR = 3_600_000
DAY = 86_400_000

Text = str | bytes
Answer = dict[str, Any]
Vector = dict[str, Any]


class Event(NamedTuple):
    """One event's arguments; '' stands for absent."""

    offset: Text = ""
    record_ms: Text = ""
    event_ms: Text = ""
    event_id: Text = ""
    visit_id: Text = ""
    event_type: Text = ""
    page: Text = ""


class Call(NamedTuple):
    """One call of the script.

    Attributes:
        events: in order.
        stream: where offsets count.
        floor: the last offset known committed.
        visitor: None for the vector's own visitor.
        keys: None for the visitor's key alone.
        argv: None for the arguments that the events make.
        reply: by hand; None asks the oracle.
        error: the first word of the error that it must end with.
    """

    events: Sequence[Event] = ()
    stream: Text = ""
    floor: Text = ""
    visitor: Text | None = None
    keys: list[str] | None = None
    argv: list[Text] | None = None
    reply: list[Answer] | None = None
    error: str | None = None


def view(seconds: float, visit: Text, page: Text, event_id: Text = "", offset: Text = "") -> Event:
    """A page view so long after `START`."""
    ms = str(START + int(seconds * 1000))
    return Event(offset, ms, ms, event_id, visit, "Pageview", page)


def click(seconds: float, visit: Text, event_id: Text = "", offset: Text = "") -> Event:
    """An event that is no page view."""
    return view(seconds, visit, "", event_id, offset)._replace(event_type="Click")


def timed(event_ms: str, page: str, record_ms: str = str(START)) -> Event:
    """A page view of visit A whose times are given as text; the page names it."""
    return Event("", record_ms, event_ms, f"id-{page}", "A", "Pageview", page)


def one_by_one(*events: Event, stream: str = "") -> list[Call]:
    """A call per event."""
    return [Call([event], stream=stream) for event in events]


def key_of(visitor: Text, name: str = "visitor") -> str:
    """The key by the presets' pattern, visitor:{<id>}."""
    raw = visitor.encode() if isinstance(visitor, str) else visitor
    long = len(raw) > LONGEST_PLAIN_ID
    encoded = "sha256:" + hashlib.sha256(raw).hexdigest() if long else quote(raw, safe="")
    return f"{PREFIX}{name}:{{{encoded}}}"


class StandardOracle:
    """`StandardFold`, asked in the script's own terms."""

    def __init__(self) -> None:
        self.fold = StandardFold()

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        offset, record_ms, event_ms, *_ = event
        result = self.fold.apply(
            flat_of(visitor, event),
            record_ms=int(record_ms),
            stream=stream,
            offset=int(offset) if stream else -1,
        )
        if result is None:
            raise ValueError("the oracle saw no visitor")
        # The flags that never leave as fields are not the oracle's; the contract defines them.
        flags = [name for name in FLAGS if result[name]]
        if "replayed" not in flags:
            if not event.visit_id:
                flags.append("no_visit")
            if is_replaced(str(event_ms), int(record_ms)):
                flags.append("time_replaced")
        values = {k: v for k, v in result.items() if k not in FLAGS and v is not None}
        return {"flags": flags, "profile": {name: as_stored(v) for name, v in values.items()}}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the public fields that the hash must hold."""
        return self.fold.latest(visitor)


class ArticleOracle:
    """`ArticleProgram`, asked in the script's own terms."""

    def __init__(self, hashes: dict[str, dict[str, str]]) -> None:
        self.program = ArticleProgram()
        self.program.hashes |= hashes
        self.marks: dict[tuple[str, str], int] = {}

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        before = dict(self.program.hashes.get(visitor, {}))
        if stream:
            # The program knows no watermark: what is at or below it does not reach the program.
            if int(event.offset) <= self.marks.get((visitor, stream), -1):
                return {"flags": ["replayed"], "profile": before}
            self.marks[visitor, stream] = int(event.offset)
        persisted = self.program.apply(flat_of(visitor, event))
        flags = []
        if not before:
            flags.append("new_visitor")
        if not event.visit_id:
            flags.append("no_visit")
        elif before.get("visit_id") != event.visit_id:
            flags.append("new_visit")
        profile = {
            name.removeprefix(PROFILE_PREFIX): value
            for name, value in persisted.items()
            if name.startswith(PROFILE_PREFIX)
        }
        return {"flags": flags, "profile": profile}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the public fields that the hash must hold."""
        return dict(self.program.hashes.get(visitor, {}))


def flat_of(visitor: str, event: Event) -> dict[str, Any]:
    """The flattened event that a caller makes these arguments of."""
    flat = {
        VISITOR: visitor,
        VISIT: event.visit_id,
        EVENT_ID: event.event_id,
        EVENT_TIME: event.event_ms,
        EVENT_TYPE: event.event_type,
        PAGE: event.page,
    }
    return {name: value for name, value in flat.items() if value != ""}


def is_replaced(event_ms: str, record_ms: int) -> bool:
    """Whether a time was given and not taken; two records tell a taken time from a coincidence."""
    if not event_ms:
        return False
    taken = time_of(event_ms, record_ms)
    return not (event_ms.isascii() and event_ms.isdigit() and taken == int(event_ms))


def vector(
    preset: str,
    name: str,
    why: str,
    calls: Iterable[Call],
    *,
    visitor: Text = "alice",
    before: Sequence[Sequence[Text]] = (),
    stored: Mapping[str, Text] | None = None,
    keeps_ttl: bool = True,
) -> Vector:
    """One vector; the oracle answers the calls that have no answer yet.

    Args:
        preset: which script.
        name: unique.
        why: what would break.
        calls: in order.
        visitor: whose key is looked at after the last call.
        before: commands that prepare the key; the article's oracle takes over what HSET sets.
        stored: the public hash by hand; None asks the oracle.
        keeps_ttl: the script sets the TTL, so it is expected.
    """
    oracle: StandardOracle | ArticleOracle = StandardOracle()
    if preset == "article":
        pairs = [argument for _, _, *command in before for argument in map(str, command)]
        hashes = {str(visitor): dict(zip(pairs[::2], pairs[1::2], strict=True))} if pairs else {}
        oracle = ArticleOracle(hashes)
    rendered = []
    for call in calls:
        who = visitor if call.visitor is None else call.visitor
        arguments = [part for event in call.events for part in event]
        shown: dict[str, Any] = {
            "keys": [key_of(who)] if call.keys is None else call.keys,
            "argv": call.argv or [who, call.stream, call.floor, *arguments],
        }
        if call.error is not None:
            shown["error"] = call.error
        elif call.reply is not None:
            shown["reply"] = call.reply
        else:
            shown["reply"] = [oracle.answer(str(who), str(call.stream), e) for e in call.events]
        rendered.append(shown)
    return {
        "name": name,
        "preset": preset,
        "why": why,
        "key": key_of(visitor),
        **({"before": before} if before else {}),
        "calls": rendered,
        "hash": oracle.stored(str(visitor)) if stored is None else stored,
        "ttl_ms": TTL_MS if keeps_ttl else None,
    }


def standard(name: str, why: str, calls: Iterable[Call], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `standard`."""
    return vector("standard", name, why, calls, **more)


def article(name: str, why: str, calls: Iterable[Call], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `article`."""
    return vector("article", name, why, calls, **more)


def _visits() -> Iterator[Vector]:
    yield standard(
        "new-visitor",
        "The smallest call: one page view of a visitor that is not known yet.",
        one_by_one(view(0, "A", "home", "e1")),
    )
    yield standard(
        "new-visit",
        "A second visit has its own entry page, counts and number; the visitor's go on.",
        one_by_one(
            view(0, "A", "home", "e1"),
            view(60, "A", "prices", "e2"),
            view(7200, "B", "blog", "e3"),
            click(7260, "B", "e4"),
        ),
    )
    yield standard(
        "interleaved-visits",
        "A, A, B, A, B are two visits, and each event carries its own visit's fields.",
        one_by_one(
            view(0, "A", "a1", "e1"),
            view(10, "A", "a2", "e2"),
            view(20, "B", "b1", "e3"),
            view(30, "A", "a3", "e4"),
            view(40, "B", "b2", "e5"),
        ),
    )
    yield standard(
        "first-event-no-page-view",
        "A visit that begins with a click has no entry page, least of all another visit's, until "
        "its first page view; the hash forgets the fields that its latest visit does not have.",
        one_by_one(
            view(0, "A", "home", "e1"),
            click(7200, "B", "e2"),
        ),
    )
    yield standard(
        "entry-page-after-a-click",
        "The first page view of a visit sets its entry page, whenever it comes; the visitor's too.",
        one_by_one(
            click(0, "A", "e1"),
            click(1, "A", "e2"),
            view(2, "A", "home", "e3"),
            view(3, "A", "prices", "e4"),
        ),
    )
    yield standard(
        "page-view-without-page",
        "A page view whose page is empty is an event that is no page view.",
        one_by_one(
            view(0, "A", "", "e1"),
            view(1, "A", "home", "e2"),
            view(2, "A", "", "e3"),
        ),
    )
    yield standard(
        "page-of-another-event-type",
        "Only the type Pageview, in exactly these letters, makes a page view.",
        one_by_one(
            view(0, "A", "home", "e1"),
            view(1, "A", "elsewhere", "e2")._replace(event_type="Click"),
            view(2, "A", "elsewhere", "e3")._replace(event_type="pageview"),
            view(3, "A", "elsewhere", "e4")._replace(event_type=""),
        ),
    )
    yield standard(
        "missing-visit-id",
        "An event without a visit id moves visitor fields only and shows no visit field.",
        one_by_one(
            view(0, "", "landing", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "", "banner", "e3"),
        ),
    )
    yield standard(
        "ninth-visit",
        "The profile keeps 8 visits: the ninth pushes out the one whose latest event is oldest "
        "(B, for A went on after it), flagged `truncated`; B's return opens it anew.",
        one_by_one(
            *(view(100 * n, visit, f"page {visit}", f"e{visit}") for n, visit in enumerate("ABCD")),
            view(350, "A", "A again", "eA2"),
            *(view(400 + n, visit, f"page {visit}", f"e{visit}") for n, visit in enumerate("EFGH")),
            view(500, "I", "page I", "eI"),
            view(501, "A", "A lives", "eA3"),
            view(502, "B", "B returns", "eB2"),
        ),
    )
    yield standard(
        "late-beyond-8-visits",
        "An event older than all 8 kept visits opens none and counts nothing: it is `late` and "
        "moves the visitor's minimums only. Younger than the oldest of them, it is not late.",
        [
            Call([view(100 * n, f"V{n}", f"page {n}", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(50, "X", "long ago", "e9"),
                click(40, "Y", "e10"),
                view(150, "Z", "not so long ago", "e11"),
            ),
        ],
    )
    yield standard(
        "latest-visit-by-bytes",
        "Of visits with equal times the one whose id is greatest by bytes is shown by the hash: "
        "'a' (61) after 'B' (42), where a server's locale may say otherwise.",
        one_by_one(
            view(0, "B", "page B", "e1"),
            view(0, "a", "page a", "e2"),
            view(0, "A", "page A", "e3"),
            view(0, "_", "page _", "e4"),
        ),
    )
    yield standard(
        "evicted-visit-by-bytes",
        "Of 8 visits with equal times the one whose id is smallest by bytes goes first: '-x', "
        "then 'B'; and an id smaller than all of them is late.",
        [
            Call([view(0, visit, f"page {visit}", f"e{visit}") for visit in "zyabcDB"]),
            *one_by_one(
                view(0, "-x", "page -x", "e8"),
                view(0, "é", "page é", "e9"),
                view(0, "Z", "page Z", "e10"),
                view(0, "A", "page A", "e11"),
                view(0, "B", "page B again", "e12"),
            ),
        ],
    )


def _order() -> Iterator[Vector]:
    yield standard(
        "out-of-order-corrected",
        "An earlier event that arrives late moves entry pages and starts (`corrected`), not the "
        "last pages and ends; one that confirms the known page corrects nothing.",
        one_by_one(
            view(100, "A", "second", "e2"),
            view(50, "A", "first", "e1"),
            view(150, "A", "third", "e3"),
            view(70, "A", "between", "e4"),
            view(40, "A", "first", "e5"),
            click(10, "A", "e6"),
        ),
    )
    yield standard(
        "out-of-order-visits",
        "A visit that began earlier and arrives later corrects the visitor's entry page, keeps "
        "its number of arrival, and is not the latest visit.",
        one_by_one(
            view(7200, "B", "blog", "e2"),
            view(0, "A", "home", "e1"),
        ),
    )
    events = (
        view(0, "A", "one", "e1"),
        view(5, "A", "two", "e2"),
        click(7, "A", "e3"),
        view(7, "A", "three", "e4"),
        view(7, "A", "four", "e5"),
    )
    yield standard(
        "any-order-forward",
        "Sister of any-order-backward: the same events, the same hash.",
        one_by_one(*events),
    )
    yield standard(
        "any-order-backward",
        "Sister of any-order-forward: the same events, the same hash.",
        one_by_one(*reversed(events)),
    )
    yield standard(
        "equal-times",
        "At one time the first 8 bytes of the SHA-1 of the event id decide, by their value, what "
        "is first and last; never arrival.",
        one_by_one(*(view(0, "A", f"page {n}", f"tie-{n}") for n in range(12))),
    )
    yield standard(
        "batch",
        "One call folds several events in order and answers with the profile after each.",
        [
            Call(
                [
                    view(0, "A", "home", "e1"),
                    click(5, "A", "e2"),
                    view(10, "B", "blog", "e3"),
                    view(3, "A", "prices", "e4"),
                    view(10, "B", "blog", "e3"),
                    view(12, "", "banner", "e5"),
                ]
            ),
            Call([view(20, "B", "imprint", "e6"), click(21, "A", "e7")]),
        ],
    )


def _redelivery() -> Iterator[Vector]:
    yield standard(
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
    yield standard(
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
    yield standard(
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
    yield standard(
        "ids-alike-in-4-bytes",
        "8 bytes of the SHA-1 stand for an event. Of these two ids the first 4 are equal, "
        "a70fd70b: no repeat, and the rest decides which is first.",
        one_by_one(view(0, "A", "later", "id-63715"), view(0, "A", "first", "id-84231")),
    )
    yield standard(
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
    yield standard(
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
    yield standard(
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
    yield standard(
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
    yield standard(
        "empty-stream",
        "Without a stream there is no watermark: offsets are ignored, whatever they hold.",
        one_by_one(
            view(0, "A", "home", "e1", "5"),
            view(1, "A", "prices", "e2", "5"),
            view(2, "A", "blog", "e3", ""),
            view(3, "A", "imprint", "e4", "no offset"),
        ),
    )
    yield standard(
        "65-streams",
        "64 watermarks are kept: the one that moved longest ago (s1, for s0 moved again) goes "
        "first; a redelivery from it is then recognised by its event id only.",
        [
            *(Call([click(n, "A", f"e{n}", "5")], stream=f"s{n}") for n in range(2)),
            Call([click(2, "A", "again", "6")], stream="s0"),
            *(Call([click(n + 1, "A", f"e{n}", "5")], stream=f"s{n}") for n in range(2, 65)),
            Call([click(3, "A", "e2", "5")], stream="s2"),
            Call([click(2, "A", "again", "6")], stream="s0"),
            Call([click(1, "A", "e1", "5")], stream="s1"),
        ],
    )


def _times() -> Iterator[Vector]:
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
    yield standard(
        "time-malformed",
        "Only 1 to 15 digits are a time: anything else is replaced by the record's and flagged, "
        "and an absent one is replaced without a flag.",
        one_by_one(
            timed(str(START - 5), "with a time"),
            timed("", "without a time"),
            *(timed(text, f"time {n}") for n, text in enumerate(malformed)),
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
        stored=profile,
    )


def _texts() -> Iterator[Vector]:
    yield standard(
        "page-of-4096-bytes",
        "A value of 4096 bytes stays whole; two such pages that differ behind byte 4096 are one.",
        one_by_one(
            view(0, "A", "é" * 2048, "e1"),
            view(-1, "A", "é" * 2048 + "x", "e2"),
        ),
    )
    yield standard(
        "page-cut-at-a-character",
        "A longer value is cut before the character that does not fit whole (here of 3 bytes, "
        "then of 4), so that the rest stays UTF-8.",
        one_by_one(
            view(0, "A", "a" * 4094 + "€uro", "e1"),
            view(1, "A", "b" * 4093 + "🙂", "e2"),
        ),
    )
    yield standard(
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
    yield standard(
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
    yield standard(
        "ids-that-look-like-syntax",
        "Ids, pages and types are data, whatever they hold.",
        one_by_one(
            view(0, '"]]--', "{{ page }} %s \\", "~"),
            view(1, "${visit}", "\r\n", "visit_id"),
        ),
        visitor="{al<id>ice}: 100% é",
    )
    yield standard(
        "long-visitor-id",
        "An id longer than 128 bytes makes a hashed key, and is itself returned whole.",
        one_by_one(view(0, "A", "home", "e1")),
        visitor="é" * 64 + "!",
    )
    yield not_utf8()


def not_utf8() -> Vector:
    """By hand: the oracle knows text only."""
    visitor, visit, first, second = b"\xffal\x80ice", b"\xc3(", b"\xfe\x00home", b"\xed\xa0\x80"

    def profile(events: str, views: str, last: bytes, end: int) -> dict[str, Text]:
        return {
            "visitor_id": visitor,
            "visitor_first_page": first,
            "visitor_last_page": last,
            "visitor_first_seen": str(START),
            "visitor_last_seen": str(end),
            "visitor_visits": "1",
            "visitor_pageviews": views,
            "visitor_events": events,
            "visit_id": visit,
            "visit_number": "1",
            "visit_first_page": first,
            "visit_last_page": last,
            "visit_start": str(START),
            "visit_end": str(end),
            "visit_pageviews": views,
            "visit_events": events,
            "visit_bounce": "1" if views == "1" else "0",
        }

    replies: list[tuple[list[str], dict[str, Text]]] = [
        (["new_visitor", "new_visit"], profile("1", "1", first, START)),
        ([], profile("2", "2", second, START + 1000)),
        (["repeated"], profile("2", "2", second, START + 1000)),
    ]
    events = (
        view(0, visit, first, b"\x80"),
        view(1, visit, second, b"\x81"),
        view(1, visit, second, b"\x81"),
    )
    return standard(
        "not-utf-8",
        "Arguments and values are bytes: what is no UTF-8 comes back as it went in.",
        [
            Call([event], reply=[{"flags": flags, "profile": values}])
            for event, (flags, values) in zip(events, replies, strict=True)
        ],
        visitor=visitor,
        stored=replies[-1][1],
    )


def _arguments() -> Iterator[Vector]:
    good = view(0, "A", "home", "e1", "0")
    wrong: list[tuple[str, str, Call]] = [
        ("no-key", "One key is needed.", Call([good], keys=[])),
        (
            "two-keys",
            "One key is all there is.",
            Call([good], keys=[key_of("alice"), key_of("alice", "other")]),
        ),
        ("no-argument", "3 arguments belong to the call.", Call(argv=["alice", ""])),
        (
            "event-too-short",
            "7 arguments belong to an event.",
            Call(argv=["alice", "", "", *good[:-1]]),
        ),
        (
            "event-too-long",
            "A rest that is no whole event is refused.",
            Call(argv=["alice", "", "", *good, "more"]),
        ),
        ("no-visitor-id", "A profile belongs to somebody.", Call([good], visitor="")),
        ("bad-floor", "The floor is digits or empty.", Call([good], stream="s", floor="-1")),
        (
            "bad-record-time",
            "A record's timestamp is up to 15 digits or empty.",
            Call([good._replace(record_ms="1700000000000.0")]),
        ),
        (
            "record-time-too-long",
            "16 digits are more than a double may hold exactly.",
            Call([good._replace(record_ms="1" * 16)]),
        ),
        (
            "501-events",
            "A call has at most 500 events.",
            Call([Event()] * 501),
        ),
    ]
    for text in ("", "-1", "1.0", "1e3", "0x1", " 1", "1" * 16, "one"):
        wrong.append(
            (
                f"bad-offset-{len(wrong) - 9}",
                f"With a stream an offset is 1 to 15 digits, not {json.dumps(text)}.",
                Call([good._replace(offset=text)], stream="s"),
            )
        )
    for name, why, call in wrong:
        yield standard(
            name,
            f"{why} Nothing is written.",
            [call._replace(error="EBADARG")],
            keeps_ttl=False,
        )
    yield standard(
        "no-events",
        "A call without events answers with nothing and writes nothing.",
        [Call(stream="s", floor="17")],
        keeps_ttl=False,
    )
    yield standard(
        "bad-second-event",
        "A call is applied whole or not at all, and the profile goes on from where it was.",
        [
            Call([good], stream="s"),
            Call(
                [
                    view(1, "A", "prices", "e2", "1"),
                    view(2, "A", "blog", "e3", "2")._replace(record_ms="soon"),
                ],
                stream="s",
                error="EBADARG",
            ),
            Call([view(1, "A", "prices", "e2", "1")], stream="s"),
        ],
    )


def _states() -> Iterator[Vector]:
    good = Call([view(0, "A", "home", "e1")])
    key = key_of("alice")
    for preset in ("standard", "article"):
        yield vector(
            preset,
            f"newer-layout-{preset}",
            "State of a newer layout is left alone: the caller must be updated. The field ~ holds "
            "MessagePack; this one is the list [99].",
            [good._replace(error="ELAYOUT")],
            before=[["HSET", key, "~", b"\x91\x63"]],
            stored={},
            keeps_ttl=False,
        )
        yield vector(
            preset,
            f"damaged-state-{preset}",
            "State that cannot be read costs this visitor's events only, and is left alone.",
            [good._replace(error="EPROFILE")],
            before=[["HSET", key, "visitor_id", "alice", "~", b"\xc1\xff"]],
            stored={"visitor_id": "alice"},
            keeps_ttl=False,
        )
    for preset, packed in (
        ("standard", b"\x94\x01\xa7arrival\xa0\x90"),
        ("article", b"\x94\x01\xaaevent_time\xa0\x90"),
    ):
        yield vector(
            preset,
            f"state-of-another-order-{preset}",
            "State that rules of the other order wrote means something else, and is left alone.",
            [good._replace(error="EPROFILE")],
            before=[["HSET", key, "visitor_id", "alice", "~", packed]],
            stored={"visitor_id": "alice"},
            keeps_ttl=False,
        )
    yield standard(
        "hash-of-another-program",
        "A hash without state was not written by this script.",
        [good._replace(error="EPROFILE")],
        before=[["HSET", key, "name", "value"]],
        stored={"name": "value"},
        keeps_ttl=False,
    )


def _article_preset() -> Iterator[Vector]:
    yield article(
        "article-new-visitor",
        "The smallest call: the six fields, in order of arrival.",
        one_by_one(view(0, "A", "home", "e1"), view(1, "A", "prices", "e2")),
    )
    yield article(
        "article-flipping-visits",
        "One visit is stored, so A, A, B, A, B are four visits, and each return gets a new entry "
        "page.",
        one_by_one(
            view(0, "A", "a1", "e1"),
            view(10, "A", "a2", "e2"),
            view(20, "B", "b1", "e3"),
            view(30, "A", "a3", "e4"),
            view(40, "B", "b2", "e5"),
        ),
    )
    yield article(
        "article-previous-entry-page",
        "A visit whose first event is no page view shows the entry page of the visit before it, "
        "and never gets its own.",
        one_by_one(
            view(0, "A", "home", "e1"),
            click(10, "B", "e2"),
            view(20, "B", "blog", "e3"),
        ),
    )
    yield article(
        "article-first-event-no-page-view",
        "A visitor whose first event is no page view never gets a first page.",
        one_by_one(
            click(0, "A", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "B", "blog", "e3"),
        ),
    )
    yield article(
        "article-arrival-order",
        "Arrival decides: neither times nor event ids are looked at.",
        one_by_one(
            view(100, "A", "second", "e1"),
            view(50, "A", "first", "e1"),
            timed("tomorrow", "third", ""),
        ),
    )
    yield article(
        "article-missing-visit-id",
        "An event without a visit id changes no visit field; the program would have crashed.",
        one_by_one(
            view(0, "", "landing", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "", "banner", "e3"),
            view(30, "A", "prices", "e4"),
        ),
    )
    yield article(
        "article-page-view-without-page",
        "A page view without a page is no page view; the program would have crashed.",
        one_by_one(view(0, "A", "", "e1"), view(10, "A", "home", "e2"), view(20, "B", "", "e3")),
    )
    yield article(
        "article-batch-and-redelivery",
        "Watermarks work as in the other preset; a replayed event shows the current profile.",
        [
            Call(
                [
                    view(0, "A", "home", "e1", "3"),
                    view(1, "B", "blog", "e2", "4"),
                    view(0, "A", "home", "e1", "3"),
                ],
                stream="0/events/0",
            ),
            Call([view(1, "B", "blog", "e2", "4")], stream="0/events/0"),
            Call([view(1, "C", "faq", "e3", "4")], stream="0/events/1"),
            Call([view(2, "C", "imprint", "e4", "2")], stream=""),
        ],
    )
    yield article(
        "article-takes-over-its-hash",
        "A hash that the article's program wrote is a known visitor.",
        one_by_one(view(0, "B", "blog", "e1")),
        before=[
            ["HSET", key_of("alice"), "visitor_id", "alice", "visit_id", "A"],
        ],
    )
    yield article(
        "article-bad-arguments",
        "Arguments are checked as in the other preset.",
        [Call(argv=["alice", "s", "", "x", *["", "", "", "", "", ""]], error="EBADARG")],
        keeps_ttl=False,
    )


THEMES = {
    "visits": _visits,
    "order": _order,
    "redelivery": _redelivery,
    "times": _times,
    "texts": _texts,
    "arguments": _arguments,
    "states": _states,
    "article": _article_preset,
}


def files() -> dict[str, str]:
    """Return the text of every file of vectors, by name."""
    return {f"{theme}.json": text_of(list(make())) for theme, make in THEMES.items()}


def text_of(vectors: list[Vector]) -> str:
    """JSON with a line per event, so that a vector can be read."""
    return "[\n" + ",\n".join(map(_vector_text, vectors)) + "\n]\n"


def _vector_text(vector: Vector) -> str:
    calls = ",\n".join(_call_text(call) for call in vector["calls"])
    lines = [
        f"    [\n{calls}\n    ]" if name == "calls" else _json(value)
        for name, value in vector.items()
    ]
    members = (f"{_json(name)}: {line.lstrip()}" for name, line in zip(vector, lines, strict=True))
    return "  {\n    " + ",\n    ".join(members) + "\n  }"


def _call_text(call: dict[str, Any]) -> str:
    argv = call["argv"]
    rows = [argv[:3], *(argv[at : at + 7] for at in range(3, len(argv), 7))]
    shown = [f'"keys": {_json(call["keys"])}', f'"argv": {_rows(_json(r)[1:-1] for r in rows)}']
    if "error" in call:
        shown.append(f'"error": {_json(call["error"])}')
    else:
        shown.append(f'"reply": {_rows(map(_json, call["reply"]))}')
    return "      {\n        " + ",\n        ".join(shown) + "\n      }"


def _rows(rows: Iterable[str]) -> str:
    lines = ",\n".join(f"          {row}" for row in rows)
    return f"[\n{lines}\n        ]" if lines else "[]"


def _json(value: object) -> str:
    return json.dumps(_portable(value), ensure_ascii=False)


def _portable(value: object) -> object:
    """Bytes that are no UTF-8 as {"b64": ...}."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {name: _portable(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_portable(item) for item in value]
    return value


def main() -> int:
    """Write the files."""
    for name, text in files().items():
        (VECTORS / name).write_text(text, encoding="utf-8")
        print(f"{VECTORS.name}/{name}: {len(json.loads(text))} vectors, {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
