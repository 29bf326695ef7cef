"""A naive fold, the oracle of the preset `standard`.

Every event is kept in a list, and every field is computed from those lists anew at every event:
slow, and plain enough to be checked by reading. Only what an event leaves behind is decided one
event at a time: whether it counts, opens a visit, pushes a visit out, or comes too late.

Of two events with one id at one time but with different pages, the first to arrive is taken, for
`first` as for `last`. Not modelled: `rules_version`, and records without a timestamp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracles.article import VISITOR, id_of
from tests.oracles.door import admitted
from tests.oracles.events import Event, read_event

KEPT_VISITS = 8
REMEMBERED_EVENTS = 64  # per visit
KEPT_STREAMS = 1_024

#: What the hash shows by plain names: ids and pages.
PLAIN_FIELDS = (
    "visitor_id",
    "visitor_first_page",
    "visitor_last_page",
    "visit_id",
    "visit_first_page",
    "visit_last_page",
)
VISIT_FIELDS = (
    "visit_id",
    "visit_number",
    "visit_first_page",
    "visit_last_page",
    "visit_start",
    "visit_end",
    "visit_pageviews",
    "visit_events",
    "visit_bounce",
)
FLAGS = (
    *("new_visitor", "new_visit", "repeated", "corrected", "late", "replayed", "truncated"),
    "time_corrected",
)

Fields = dict[str, Any]


@dataclass
class Visit:
    """All events of one kept visit, or (id None) a visitor's events without a visit id."""

    id: str | None
    number: int | None = None
    events: list[Event] = field(default_factory=list)  # repeats too
    counted: list[Event] = field(default_factory=list)  # no repeats

    def remembered(self) -> list[bytes]:
        """Return the identities in the window: those of the newest counted events."""
        return [event.identity for event in self.counted[-REMEMBERED_EVENTS:]]

    def age(self) -> tuple[int, bytes]:
        """Return what orders the kept visits: the latest event time, then the id's bytes."""
        return max(event.time for event in self.events), (self.id or "").encode()


@dataclass
class Visitor:
    """All that was ever applied for one visitor."""

    id: str
    kept: dict[str, Visit] = field(default_factory=dict)
    no_visit: Visit = field(default_factory=lambda: Visit(None))
    opened: list[str] = field(default_factory=list)  # a visit that comes back stands here twice
    arrived: list[Event] = field(default_factory=list)  # late ones too
    events: list[Event] = field(default_factory=list)  # repeats and forgotten visits too
    counted: list[Event] = field(default_factory=list)
    watermarks: dict[str, int] = field(default_factory=dict)  # the least recently advanced first


class StandardFold:
    """The fold over the events of any number of visitors, in order of arrival."""

    def __init__(self) -> None:
        self.visitors: dict[str, Visitor] = {}

    def apply(
        self, flat: dict[str, Any], *, record_ms: int, stream: str = "", offset: int = -1
    ) -> Fields | None:
        """Apply one flattened event; return its profile without the prefix, None if anonymous."""
        admitted_event = admitted(flat, record_ms)
        return self.fold(admitted_event, record_ms=record_ms, stream=stream, offset=offset)

    def fold(
        self, flat: dict[str, Any], *, record_ms: int, stream: str = "", offset: int = -1
    ) -> Fields | None:
        """Apply an event as the script gets it, past the door."""
        visitor_id = id_of(flat, VISITOR)
        event = read_event(flat, record_ms)
        if visitor_id is None:
            return None
        flags = dict.fromkeys(FLAGS, False)
        flags["new_visitor"] = visitor_id not in self.visitors
        visitor = self.visitors.setdefault(visitor_id, Visitor(visitor_id))

        if stream:
            if offset <= visitor.watermarks.get(stream, -1):
                flags["replayed"] = True
                return result(visitor, event, flags)
            advance(visitor, stream, offset)

        entry_pages = known_entry_pages(visitor, event)
        file_event(visitor, event, flags)
        flags["truncated"] |= event.page_was_cut
        flags["time_corrected"] = event.time_was_replaced
        after = known_entry_pages(visitor, event)
        flags["corrected"] = any(after[name] != page for name, page in entry_pages.items())
        return result(visitor, event, flags)

    def latest(self, visitor_id: str) -> dict[str, str]:
        """Return the visitor's current profile, with the fields of its latest visit."""
        visitor = self.visitors.get(visitor_id)
        if visitor is None:
            return {}
        fields = visitor_fields(visitor)
        if visitor.kept:
            fields |= visit_fields(max(visitor.kept.values(), key=Visit.age))
        return {name: as_stored(value) for name, value in fields.items() if value is not None}

    def final_profile(self) -> dict[str, dict[str, str]]:
        """Return `latest` of every visitor."""
        return {visitor_id: self.latest(visitor_id) for visitor_id in self.visitors}


def advance(visitor: Visitor, stream: str, offset: int) -> None:
    """Move a stream's watermark and forget the stream that has stood still the longest."""
    visitor.watermarks.pop(stream, None)
    visitor.watermarks[stream] = offset
    if len(visitor.watermarks) > KEPT_STREAMS:
        del visitor.watermarks[next(iter(visitor.watermarks))]


def file_event(visitor: Visitor, event: Event, flags: dict[str, bool]) -> None:
    """Put the event into the lists it belongs to, and set the flags that follow from it."""
    visitor.arrived.append(event)
    visit = visitor.no_visit if event.visit is None else visitor.kept.get(event.visit)
    if visit is None:
        visit_id = event.visit or ""
        if len(visitor.kept) == KEPT_VISITS:
            victim = min(visitor.kept.values(), key=Visit.age)
            if (event.time, visit_id.encode()) < victim.age():
                flags["late"] = True
                return
            del visitor.kept[victim.id or ""]
            flags["truncated"] = True
        visitor.opened.append(visit_id)
        visit = visitor.kept[visit_id] = Visit(visit_id, number=len(visitor.opened))
        flags["new_visit"] = True

    visit.events.append(event)
    visitor.events.append(event)
    if event.identity in visit.remembered():
        flags["repeated"] = True
        return
    if len(visit.counted) >= REMEMBERED_EVENTS:
        flags["truncated"] = True
    visit.counted.append(event)
    visitor.counted.append(event)


def titled_views(events: list[Event]) -> list[Event]:
    return [event for event in events if event.page is not None]


def count_views(events: list[Event]) -> int:
    """Count page views by their type alone, with a page or without."""
    return sum(event.is_view for event in events)


def first_page(events: list[Event]) -> str | None:
    views = titled_views(events)
    return min(views, key=lambda view: view.order).page if views else None


def last_page(events: list[Event]) -> str | None:
    views = titled_views(events)
    return max(views, key=lambda view: view.order).page if views else None


def known_entry_pages(visitor: Visitor, event: Event) -> Fields:
    """Return the entry pages known now; `corrected` says that one of these has changed."""
    pages = {"visitor": first_page(visitor.arrived)}
    if event.visit in visitor.kept:
        pages["visit"] = first_page(visitor.kept[event.visit].events)
    return {name: page for name, page in pages.items() if page is not None}


def visitor_fields(visitor: Visitor) -> Fields:
    """Compute the visitor's fields; a late event takes part in the minimums only."""
    applied = visitor.events
    return {
        "visitor_id": visitor.id,
        "visitor_first_page": first_page(visitor.arrived),
        "visitor_last_page": last_page(applied),
        "visitor_first_seen": min(event.time for event in visitor.arrived),
        "visitor_last_seen": max(event.time for event in applied),
        "visitor_visits": len(visitor.opened),
        "visitor_pageviews": count_views(visitor.counted),
        "visitor_events": len(visitor.counted),
    }


def visit_fields(visit: Visit) -> Fields:
    pageviews = count_views(visit.counted)
    return {
        "visit_id": visit.id,
        "visit_number": visit.number,
        "visit_first_page": first_page(visit.events),
        "visit_last_page": last_page(visit.events),
        "visit_start": min(event.time for event in visit.events),
        "visit_end": max(event.time for event in visit.events),
        "visit_pageviews": pageviews,
        "visit_events": len(visit.counted),
        "visit_bounce": pageviews <= 1,
    }


def result(visitor: Visitor, event: Event, flags: dict[str, bool]) -> Fields:
    """Return what leaves with the event: its visitor, its own visit, and the flags."""
    own: Fields = dict.fromkeys(VISIT_FIELDS)
    if event.visit in visitor.kept:
        own |= visit_fields(visitor.kept[event.visit])
    else:
        own["visit_id"] = event.visit
    return visitor_fields(visitor) | own | flags


def as_stored(value: object) -> str:
    """Return a value as the hash holds it."""
    return str(int(value)) if isinstance(value, bool) else str(value)
