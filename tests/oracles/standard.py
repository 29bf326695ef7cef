"""A naive fold in the order of event times, the oracle of the preset `standard` and of its like.

Every event is kept in a list, and every field is computed from those lists anew at every event:
slow, and plain enough to be checked by reading. Only what an event leaves behind is decided one
event at a time: whether it counts, opens a visit, pushes a visit out, or comes too late.

Not modelled: `rules_version`.

Over 250 lines: one fold, to be read from top to bottom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracles.article import VISITOR, id_of
from tests.oracles.door import admitted
from tests.oracles.events import read_event, short
from tests.oracles.many import is_incomplete
from tests.oracles.shape import COUNTING, LEAN, MOVED_LATE, names_of
from tests.oracles.triggers import told
from tests.oracles.values import number_of, value_of
from tests.oracles.visitors import Visit, Visitor

if TYPE_CHECKING:
    from tests.oracles.events import Event
    from tests.oracles.shape import Field, Shape

FORGOTTEN_VISITS = 64

FLAGS = (
    *("new_visitor", "new_visit", "repeated", "corrected", "late", "replayed", "truncated"),
    *("time_corrected", "no_time", "bad_number", "no_visit"),
)
#: Those that leave as fields of the output; `bad_number` only where fields take numbers.
METADATA = (*FLAGS[:8], "bad_number")

Fields = dict[str, Any]


class StandardFold:
    """The fold over the events of any number of visitors, in order of arrival."""

    def __init__(self, shape: Shape = LEAN) -> None:
        self.shape = shape
        self.visitors: dict[str, Visitor] = {}

    def apply(
        self, flat: dict[str, Any], *, record_ms: int, stream: str = "", offset: int = -1
    ) -> Fields | None:
        """Apply one flattened event; return what leaves, without the prefix; None if anonymous."""
        event, received = admitted(flat, record_ms)
        told = self.fold(event, received=received, stream=stream, offset=offset)
        return None if told is None else self.leaving(told)

    def leaving(self, told: Fields) -> Fields:
        """Return what leaves of that which `fold` returns."""
        takes_numbers = any(each.decimals is not None for each in self.shape.fields)
        inner = {*FLAGS, "triggers"} - set(METADATA) | (set() if takes_numbers else {"bad_number"})
        return {name: value for name, value in told.items() if name not in inner}

    def fold(
        self, flat: dict[str, Any], *, received: int | None, stream: str = "", offset: int = -1
    ) -> Fields | None:
        """Apply an event as the script gets it, past the door; return all fields and flags."""
        visitor_id = id_of(flat, VISITOR)
        event = read_event(flat, received, self.shape)
        if visitor_id is None:
            return None
        flags = dict.fromkeys(FLAGS, False)
        flags["new_visitor"] = visitor_id not in self.visitors
        visitor = self.visitors.setdefault(visitor_id, Visitor(visitor_id, self.shape))

        if stream:
            if offset <= visitor.watermarks.get(stream, -1):
                flags["replayed"] = True
                return answered(visitor, event, flags)
            advance(visitor, stream, offset)

        entry_pages = known_entry_pages(visitor, event)
        file_event(visitor, event, flags)
        for each in self.shape.fields:
            if each.flag and not flags[each.flag]:
                event.gives.pop(each.name, None)
        flags["truncated"] |= event.was_cut
        flags["time_corrected"] = event.is_time_corrected
        flags["no_time"] = event.time is None
        flags["bad_number"] = event.has_bad_number
        flags["no_visit"] = event.visit is None
        after = known_entry_pages(visitor, event)
        flags["corrected"] = any(after[name] != page for name, page in entry_pages.items())
        return answered(visitor, event, flags)

    def latest(self, visitor_id: str, now: int | None = None) -> Fields:
        """Return what is known of the visitor as of now, with the fields of its latest visit."""
        visitor = self.visitors.get(visitor_id)
        if visitor is None:
            return {}
        fields = visitor_fields(visitor, now)
        if visitor.kept:
            fields |= visit_fields(visitor, max(visitor.kept.values(), key=Visit.age), now)
        return {name: value for name, value in fields.items() if value is not None}

    def plain(self, visitor_id: str) -> dict[str, str]:
        """Return what the hash must show by plain names: ids and texts, or nothing."""
        texts = {each.name for each in self.shape.fields if each.is_text}
        shown = texts | {"visitor_id", "visit_id"} if self.shape.is_plain else set()
        return {name: v for name, v in self.latest(visitor_id).items() if name in shown}

    def final_profile(self) -> dict[str, Fields]:
        """Return `latest` of every visitor."""
        return {visitor_id: self.latest(visitor_id) for visitor_id in self.visitors}


def advance(visitor: Visitor, stream: str, offset: int) -> None:
    """Move a stream's watermark and forget the stream that has stood still the longest."""
    visitor.watermarks.pop(stream, None)
    visitor.watermarks[stream] = offset
    if len(visitor.watermarks) > visitor.shape.streams:
        del visitor.watermarks[next(iter(visitor.watermarks))]


def file_event(visitor: Visitor, event: Event, flags: dict[str, bool]) -> None:
    """Put the event into the lists it belongs to, and set the flags that follow from it."""
    visitor.arrived.append(event)
    visit = visitor.no_visit if event.visit is None else visitor.kept.get(event.visit)
    if visit is None:
        visit = opened(visitor, event, flags)
    if visit is not None:
        visit.events.append(event)
        visitor.events.append(event)
        remembered = visit.identities[-visitor.shape.event_ids :]
        if event.identity in remembered:
            flags["repeated"] = True
        else:
            visit.counted.append(event)
            visitor.counted.append(event)
            if event.identity is not None:
                flags["truncated"] |= len(remembered) == visitor.shape.event_ids
                visit.identities.append(event.identity)
    flags["truncated"] |= any(
        event.gives.get(each.name) is not None and not number_of(each, events)[1]
        for each, events in takers(visitor, visit)
        if each.decimals is not None and events and events[-1] is event
    )


def opened(visitor: Visitor, event: Event, flags: dict[str, bool]) -> Visit | None:
    """Open the event's visit, or return None where the event is too late for that."""
    visit_id = event.visit or ""
    name = short(visit_id)
    was_forgotten = name in visitor.forgotten
    if len(visitor.kept) == visitor.shape.visits:
        victim = min(visitor.kept.values(), key=Visit.age)
        if event.time is not None and (event.time, visit_id.encode()) < victim.age():
            flags["late"] = True
            return None
        del visitor.kept[victim.id or ""]
        visitor.forgotten.append(short(victim.id or ""))
        flags["truncated"] = True
    if was_forgotten:
        visitor.forgotten.remove(name)
    else:
        visitor.visits += 1
        flags["new_visit"] = True
    visitor.forgotten = visitor.forgotten[-FORGOTTEN_VISITS:]
    number = None if was_forgotten else visitor.visits
    visit = visitor.kept[visit_id] = Visit(visit_id, number, was_forgotten)
    return visit


def takers(visitor: Visitor, visit: Visit | None) -> list[tuple[Field, list[Event]]]:
    """Return each field with the events that move it; those of a visit only where there is one.

    A late event opened no visit (None) and moves the visitor's minimums only; a repeat is not
    counted, and still merges everything else.
    """
    moved = []
    for each in visitor.shape.fields:
        whose: Visitor | Visit = visitor
        if each.is_the_visits:
            if visit is None or visit is visitor.no_visit:
                continue
            whose = visit
        if each.operation in COUNTING:
            moved.append((each, whose.counted))
        elif each.operation in MOVED_LATE and whose is visitor:
            moved.append((each, visitor.arrived))
        else:
            moved.append((each, whose.events))
    return moved


def known_entry_pages(visitor: Visitor, event: Event) -> Fields:
    """Return the entry pages known now; `corrected` says that one of these has changed."""
    visit = visitor.kept.get(event.visit or "")
    pages = {
        each.name: value_of(each, events)
        for each, events in takers(visitor, visit)
        if each.is_text and each.operation == "first" and not is_lost(each, visit)
    }
    return {name: page for name, page in pages.items() if page is not None}


def is_lost(each: Field, visit: Visit | None) -> bool:
    """Whether it is an entry page of a visit that was forgotten: never known again."""
    was_forgotten = visit is not None and visit.was_forgotten
    return was_forgotten and each.is_the_visits and each.is_text and each.operation == "first"


def visitor_fields(visitor: Visitor, now: int | None = None) -> Fields:
    """Compute the visitor's fields, in the contract's order."""
    declared: Fields = {}
    for each, events in takers(visitor, None):
        declared |= each.named(value_of(each, events, now))
    fields = {"visitor_id": visitor.id} | declared | {"visitor_visits": visitor.visits}
    computed = [each for each in visitor.shape.computed if not each.is_the_visits]
    return fields | {each.name: each.value(fields) for each in computed}


def visit_fields(visitor: Visitor, visit: Visit, now: int | None = None) -> Fields:
    """Compute the fields of a kept visit, in the contract's order."""
    fields: Fields = {"visit_id": visit.id, "visit_number": visit.number}
    for each, events in takers(visitor, visit):
        if each.is_the_visits:
            value = None if is_lost(each, visit) else value_of(each, events, now)
            fields |= each.named(value)
    if visitor.shape.bounce:
        fields["visit_bounce"] = fields[visitor.shape.bounce] <= 1
    computed = [each for each in visitor.shape.computed if each.is_the_visits]
    return fields | {each.name: each.value(fields) for each in computed}


def field_names(shape: Shape) -> list[str]:
    """Return the names of all fields, in the contract's order."""
    visitor = ["visitor_id", *names_of(shape.of_visitor()), "visitor_visits"]
    computed = [each.name for each in shape.computed if not each.is_the_visits]
    return visitor + computed + visit_names(shape)


def visit_names(shape: Shape) -> list[str]:
    """Return the names of a visit's fields."""
    bounce = ["visit_bounce"] if shape.bounce else []
    computed = [each.name for each in shape.computed if each.is_the_visits]
    return ["visit_id", "visit_number", *names_of(shape.of_visit()), *bounce, *computed]


def answered(visitor: Visitor, event: Event, flags: dict[str, bool]) -> Fields:
    """Return the result, and where there are triggers, what is told of them."""
    fields = result(visitor, event, flags)
    return fields | ({"triggers": told(visitor, event, fields)} if visitor.shape.triggers else {})


def result(visitor: Visitor, event: Event, flags: dict[str, bool]) -> Fields:
    """Return what the event is answered: its visitor, its own visit, and the flags."""
    visit = visitor.kept.get(event.visit or "")
    now = None if flags["replayed"] else event.time
    if visit is None:
        own = dict.fromkeys(visit_names(visitor.shape)) | {"visit_id": event.visit}
    else:
        own = visit_fields(visitor, visit, now)
        flags["truncated"] |= visit.was_forgotten
    flags["truncated"] |= any(is_incomplete(*moved, now) for moved in takers(visitor, visit))
    return visitor_fields(visitor, now) | own | flags
