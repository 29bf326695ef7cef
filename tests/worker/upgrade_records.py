"""Records of visitors of all shapes, in two halves: what the first version reads, and the next.

`SAME` shapes must end as if the new version had read all. Each of `DIFFERENT` has its reason.
"""

import json
import random
from collections.abc import Callable, Iterable
from hashlib import sha1
from typing import NamedTuple

from profiler.demo.sample import read_sample
from tests.integration.pipeline_runs import Input

T0 = 1_700_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
#: The second half begins so much later.
LATER = 2 * HOUR


class Halves(NamedTuple):
    """Records, by the version that reads them first."""

    before: list[Input]
    after: list[Input]


def record(visitor: str, at: int, key: str | None = None, **fields: str | None) -> Input:
    """Make a page view `at` ms after T0, which arrives half a second later.

    Args:
        visitor: its id.
        at: when it happened, if no `created` says otherwise.
        key: of the record, which chooses the partition; else the visitor's id.
        fields: by name; None leaves one out.
    """
    named = {
        "domain_userid": visitor,
        "domain_sessionid": "A",
        "event_id": f"{visitor} {at}",
        "eventtype": "Pageview",
        "page_title": f"page {at}",
        "dvce_created_tstamp": str(T0 + at),
        **fields,
    }
    elements = [
        {"name": f"other_{name}", "value": value}
        for name, value in named.items()
        if value is not None
    ]
    value = json.dumps({"query": elements}).encode()
    return Input(value, (key or visitor).encode(), T0 + at + 500)


Shape = Callable[[str], Halves]


def _split(visitor: str, **fields: str | None) -> Halves:
    """Four views of one visit, and four in the next half, the last two of another visit."""
    before = [record(visitor, step * MINUTE, **fields) for step in range(4)]
    after = [record(visitor, LATER + step * MINUTE, **fields) for step in range(2)]
    other = {"domain_sessionid": "B", **fields}
    after += [record(visitor, LATER + step * MINUTE, **other) for step in range(2, 4)]
    return Halves(before, after)


def _resent(visitor: str, **fields: str | None) -> Halves:
    """All that was sent before comes again."""
    before, after = _split(visitor, **fields)
    return Halves(before, [*before, *after])


def _old_event(visitor: str) -> Halves:
    """All visits are kept that may be, and an event comes that is older than they are."""
    before = [record(visitor, visit * MINUTE, domain_sessionid=f"V{visit}") for visit in range(8)]
    return Halves(before, [record(visitor, -MINUTE, domain_sessionid="older")])


def _disordered(visitor: str) -> Halves:
    minutes = list(range(40))
    random.Random(visitor).shuffle(minutes)
    records = [record(visitor, m * MINUTE, domain_sessionid=f"V{m // 10}") for m in minutes]
    return Halves(records[:20], records[20:])


def _by_all_partitions(visitor: str) -> Halves:
    records = [record(visitor, step * MINUTE, key=f"key {step}") for step in range(24)]
    return Halves(records[:12], records[12:])


SAME: dict[str, Shape] = {
    "views": _split,
    "pings": lambda v: _split(v, eventtype="Page ping"),
    "without event ids": lambda v: _split(v, event_id=None),
    "without visits": lambda v: _split(v, domain_sessionid=None),
    "without titles": lambda v: _split(v, page_title=None),
    "without a time of its own": lambda v: _split(v, dvce_created_tstamp=None),
    "long pages": lambda v: _split(v, page_title="é" * 5_000),
    "ids of other scripts 日本": lambda v: _split(v, domain_sessionid="визит"),
    "sent again": _resent,
    "sent again without visits": lambda v: _resent(v, domain_sessionid=None),
    "an event too old": _old_event,
    "disordered": _disordered,
    "by all partitions": _by_all_partitions,
    "gone": lambda v: Halves(_split(v).before, []),
    "new": lambda v: Halves([], _split(v).after),
}


def _forgotten_visit(visitor: str) -> Halves:
    before = [record(visitor, visit * MINUTE, domain_sessionid=f"V{visit}") for visit in range(10)]
    return Halves(before, [record(visitor, LATER, domain_sessionid="V0")])


def _digest(event_id: str) -> bytes:
    return sha1(event_id.encode(), usedforsecurity=False).digest()


def _equal_times(visitor: str) -> Halves:
    """Two pages at one time, whose ids have digests in the other order."""
    low, high = sorted(("one", "two"), key=_digest)
    pages = [("b", low), ("a", high)]
    return Halves([record(visitor, 0, page_title=page, event_id=i) for page, i in pages], [])


def _wrong_clock(visitor: str) -> Halves:
    return Halves([record(visitor, 0, dvce_created_tstamp=str(T0 - 40 * DAY))], [])


def _wrong_zone(visitor: str) -> Halves:
    wrong = str(T0 - 2 * HOUR)
    return Halves(
        [record(visitor, 0, dvce_created_tstamp=wrong, dvce_sent_tstamp=wrong)],
        [record(visitor, LATER)],
    )


_TIMES = ("visitor_first_seen", "visitor_last_seen", "visit_start", "visit_end")


class Difference(NamedTuple):
    """A shape whose profile the upgrade does not make what the new version alone makes of it.

    Attributes:
        why: what 0.1 did otherwise, or did not keep.
        make: its records.
        alone: fields that differ, as the new version alone has them.
        upgraded: the same fields after the upgrade.
    """

    why: str
    make: Shape
    alone: dict[str, str]
    upgraded: dict[str, str]


DIFFERENT = {
    "a visit that came back": Difference(
        "0.1 left nothing of a visit that it forgot: the visit counts again",
        _forgotten_visit,
        {"visitor_visits": "10"},
        {"visitor_visits": "11", "visit_number": "11", "visit_first_page": f"page {LATER}"},
    ),
    "equal times": Difference(
        "0.1 told equal times apart by the event's id, and now the text does",
        _equal_times,
        {
            **dict.fromkeys(("visitor_first_page", "visit_first_page"), "a"),
            **dict.fromkeys(("visitor_last_page", "visit_last_page"), "b"),
        },
        {
            **dict.fromkeys(("visitor_first_page", "visit_first_page"), "b"),
            **dict.fromkeys(("visitor_last_page", "visit_last_page"), "a"),
        },
    ),
    "a wrong clock": Difference(
        "0.1 took the record's timestamp for a time that could not be; now it goes to the border",
        _wrong_clock,
        dict.fromkeys(_TIMES, str(T0 + 500 - 30 * DAY)),
        dict.fromkeys(_TIMES, str(T0 + 500)),
    ),
    "seconds": Difference(
        "0.1 read ms only, and took the record's timestamp for seconds",
        lambda v: Halves([record(v, 0, dvce_created_tstamp=str(T0 // 1_000))], []),
        dict.fromkeys(_TIMES, str(T0)),
        dict.fromkeys(_TIMES, str(T0 + 500)),
    ),
    "a wrong zone": Difference(
        "0.1 knew no time of sending, so it put no clock right",
        _wrong_zone,
        {"visitor_first_seen": str(T0), "visit_start": str(T0)},
        {"visitor_first_seen": str(T0 - 2 * HOUR), "visit_start": str(T0 - 2 * HOUR)},
    ),
    "sent again without ids": Difference(
        "what stands for an event without an id is another digest: a repeat of what 0.1 counted"
        " counts again",
        lambda v: _resent(v, event_id=None),
        {"visitor_events": "8"},
        {"visitor_events": "12"},
    ),
    "ids of six bytes": Difference(
        "an event id of six bytes stands as it is, and 0.1 kept a digest: the same",
        lambda v: Halves([record(v, 0, event_id="6bytes")], [record(v, 0, event_id="6bytes")]),
        {"visitor_events": "1", "visit_events": "1"},
        {"visitor_events": "2", "visit_events": "2"},
    ),
    "an undefined visit": Difference(
        "0.1 took the word for a visit (and for a visitor); now it is nobody's id",
        lambda v: Halves([record(v, 0, domain_sessionid="undefined")], [record(v, LATER)]),
        {"visitor_visits": "1", "visit_number": "1"},
        {"visitor_visits": "2", "visit_number": "2"},
    ),
}


def shaped(shapes: Iterable[str]) -> Halves:
    """The records of visitors that are called like their shapes; one half behind the other."""
    made = [SAME[name](name) if name in SAME else DIFFERENT[name].make(name) for name in shapes]
    return Halves(
        [each for halves in made for each in halves.before],
        [each for halves in made for each in halves.after],
    )


def sample() -> Halves:
    """The sample, cut in the middle."""
    records = [Input(value, key, timestamp) for key, value, timestamp in read_sample()]
    middle = len(records) // 2
    return Halves(records[:middle], records[middle:])


def visitors_of(halves: Halves) -> set[str]:
    """All visitor ids in the records."""
    found = set()
    for each in (*halves.before, *halves.after):
        elements = json.loads(each.value or b"")["query"]
        found |= {e["value"] for e in elements if e["name"] == "other_domain_userid" and e["value"]}
    return found
