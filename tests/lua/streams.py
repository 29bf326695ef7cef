"""Streams of events for Hypothesis, whose alphabets are small so that everything collides.

An event is drawn as a few bytes, each of which picks from one alphabet: draws of their own would
take longer than the servers do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from profiler.records.types import FlatEvent
from tests.lua.runner import T0, flat_of
from tests.oracles.events import EVENT_ID, EVENT_TIME, SENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

MISSING = object()
HOUR = 3_600_000
DAY = 24 * HOUR

TIMES = [
    *(T0, T0 + 1, T0 + 2, str(T0), str(T0 + 1), str(T0 + 2), f"00{T0 + 2}", f"000{T0 + 1}"),
    *(T0 + HOUR, T0 + HOUR + 1, str(T0 - 30 * DAY), str(T0 - 30 * DAY - 1), 5, -1, "1e12", "٣"),
    *(T0 + 9 * DAY, T0 + 9 * DAY + 1, T0 - 400 * DAY),
    *("", None, MISSING, True, float(T0)),
]
QUARTER = 900_000
SENT_TIMES = [
    *(MISSING, MISSING, MISSING, None, "", "soon", True, 5),
    *(T0, T0 + 1, str(T0 + 1), T0 + 3 * QUARTER - 1, T0 + 3 * QUARTER, T0 + 3 * QUARTER + 3),
    *(T0 - 3 * QUARTER, T0 - 3 * QUARTER + 3, T0 + 2 * HOUR, T0 - 2 * HOUR, T0 + QUARTER // 2),
    *(T0 + 9 * DAY, T0 - 400 * DAY),
]
#: By the event itself; of these only some are times at which it can have been received.
RECEIVED_TIMES = [MISSING, MISSING, MISSING, MISSING, T0, T0 + 1, str(T0 + 2), 0, None, "", True]
IDS = [*"abcdef", 1, "1", "", None, MISSING, MISSING, True]
PAGES = [
    "p",
    "q",
    "q",
    404,
    "404",
    "é" * 9,
    "日" * 6,
    "x" * 17,
    "x" * 15 + "\u00c0",  # ends with the smallest byte of those that go on with a character
    "x" * 15 + "\u00ff",  # with the largest one
    2**64 - 1,
    "",
    None,
    MISSING,
    1.5,
    ["p"],
]
TYPES = ["Pageview", "Pageview", "Pageview", "Page ping", "", 5, None, MISSING]
VISITORS = ["v", "v", "v", "v", "w", 7, "7", "{v}", "", None, MISSING]
VISITS = [*"ABABABCDEFGHIJKL", 1, "1", "é", "", None, MISSING]
BAD_IDS = [True, 1.0, ["v"], {}]
# Mostly onwards, so that most events are applied.
STEPS = [1, 1, 1, 1, 1, 2, 0, -1, -3]

#: Sizes of batches, for `Runner.outcomes`: one by one as often as cut anywhere.
SIZES = st.one_of(st.just([1]), st.lists(st.integers(1, 20), max_size=6))


def rows(draw: st.DrawFn, most: int, width: int) -> Iterator[Iterator[int]]:
    """Draw between one and so many rows of bytes."""
    count = draw(st.integers(1, most))
    drawn = draw(st.binary(min_size=count * width, max_size=count * width))
    return (iter(drawn[at : at + width]) for at in range(0, len(drawn), width))


def pick(row: Iterator[int], alphabet: Sequence[T]) -> T:
    return alphabet[next(row) % len(alphabet)]


@st.composite
def arbitrary(draw: st.DrawFn) -> list[FlatEvent]:
    """Events of several visitors, with and without ids, times and streams, at any offsets."""
    visits = draw(st.sampled_from([VISITS[:2], VISITS[:9], VISITS]))
    streams = draw(st.sampled_from([[""], ["s"], ["", "s", "t", "u"]]))
    other = draw(st.text(max_size=8))
    events, offset = [], 0
    for row in rows(draw, 40, 12):
        values: dict[str, Any] = {
            "visitor": pick(row, [*VISITORS, other]),
            "visit": pick(row, [*visits, other]),
            "type": pick(row, TYPES),
            "page": pick(row, [*PAGES, other]),
            "id": pick(row, IDS),
            "time": pick(row, TIMES),
            "sent": pick(row, SENT_TIMES),
            "received": pick(row, RECEIVED_TIMES),
        }
        offset = max(0, offset + pick(row, STEPS))
        stream, record_ms = pick(row, streams), T0 + pick(row, [0, 0, 0, 1, 2])
        bad = pick(row, range(60))
        if bad < 2 * len(BAD_IDS):
            values[("visitor", "visit")[bad % 2]] = BAD_IDS[bad // 2]
        flat = flat_of(**{name: value for name, value in values.items() if value is not MISSING})
        events.append(FlatEvent(stream, offset, record_ms, flat))
    return events


@st.composite
def distinct(draw: st.DrawFn, visits: Sequence[str]) -> list[FlatEvent]:
    """Events with ids of their own, in no stream; each has one time, whenever it arrives.

    Some are of devices whose clocks are wrong, by as much as their times of sending say.
    """
    events = []
    for number, row in enumerate(rows(draw, 30, 6)):
        values: dict[str, Any] = {
            "visitor": pick(row, ["v", "v", "v", "w"]),
            "visit": pick(row, visits),
            "type": pick(row, ["Pageview", "Pageview", "Page ping"]),
            "page": pick(row, ["p", "q", "r", "s", ""]),
            "id": f"e{number}",
            "time": pick(row, [T0, T0 + 1, T0 + 2, T0 + 3, T0 + 9 + HOUR, "replaced"]),
        }
        wrong = pick(row, [None, None, 0, 2 * HOUR, -3 * DAY, 76 * 365 * DAY])
        if wrong is not None and isinstance(values["time"], int):
            values |= {"time": values["time"] + wrong, "sent": T0 + 9 + wrong}
        events.append(FlatEvent("", 0, T0 + 9, flat_of(**values)))
    return events


@st.composite
def delivered(draw: st.DrawFn, events: list[FlatEvent]) -> list[FlatEvent]:
    """Deliver every event, in any order: some at further offsets too, some at the same again."""
    again = draw(st.lists(st.sampled_from(events), max_size=10))
    streams = draw(st.sampled_from([[""], ["s"], ["s", "t"]]))
    offsets = Counter[str]()
    arrivals: list[FlatEvent] = []
    for event in draw(st.permutations(events + again)):
        stream = streams[len(event.fields[EVENT_ID]) % len(streams)]
        offsets[stream] += 1
        # Sent again, it arrives later; only a time that is replaced by that would then be another.
        later = 0 if event.fields[EVENT_TIME] == "replaced" else offsets.total()
        fields = event.fields
        if SENT in fields:
            fields = fields | {SENT: fields[SENT] + later}
        arrivals.append(FlatEvent(stream, offsets[stream], event.timestamp + later, fields))
        if draw(st.integers(0, 7)) == 7:  # the consumer begins anew, so far back
            arrivals += arrivals[-draw(st.integers(1, 12)) :]
    return arrivals


@st.composite
def in_order(draw: st.DrawFn, *, kept: int) -> list[FlatEvent]:
    """One visitor's events by increasing times, in runs of one visit.

    A visit goes on while it is among the latest so many, and an event is sent again while it is
    among the latest 64 of its visit.
    """
    recent: list[str] = []
    events: list[FlatEvent] = []
    own = defaultdict[str, list[FlatEvent]](list)
    for _ in range(draw(st.integers(1, 24))):
        which = draw(st.integers(0, 2 * kept))  # half of them open a visit
        visit = recent.pop(which) if which < len(recent) else f"V{len(own)}"
        recent = [visit, *recent][:kept]
        run = rows(draw, draw(st.sampled_from([2, 2, 2, 2, 2, 70])), 3)
        for position, row in enumerate(run):
            number = len(events)
            values = {
                "type": pick(row, ["Pageview", "Page ping"]),
                "page": pick(row, "pqrs"),
            }
            # A run begins with a new event: a repeat would not make the visit the latest.
            if position and pick(row, range(8)) == 7:
                known = own[visit][-64:]
                events.append(known[number % len(known)])
                continue
            at = T0 + number
            flat = flat_of(visitor="v", visit=visit, id=f"e{number}", time=at, **values)
            own[visit].append(FlatEvent("", 0, at, flat))
            events.append(own[visit][-1])
    return events


@st.composite
def tame(draw: st.DrawFn) -> list[FlatEvent]:
    """Increasing times, visits one after the other that begin with a page view, no repeats."""
    opened = Counter[str]()
    events: list[FlatEvent] = []
    for row in rows(draw, 60, 6):
        number, visitor = len(events), pick(row, "vvw")
        values: dict[str, Any] = {
            "type": pick(row, TYPES),
            "page": pick(row, PAGES[:6]),
            "id": pick(row, [f"e{number}", number, MISSING]),
            "time": pick(row, [T0 + number, str(T0 + number), "", MISSING]),
        }
        if pick(row, range(4)) == 3 or not opened[visitor]:
            opened[visitor] += 1
            values["type"] = "Pageview"
        values |= {"visitor": visitor, "visit": f"V{opened[visitor]}"}
        flat = flat_of(**{name: value for name, value in values.items() if value is not MISSING})
        events.append(FlatEvent("", 0, T0 + number, flat))
    return events
