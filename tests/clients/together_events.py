"""The events that all languages apply together, and what must come of them.

Each visitor has as many visits, and each visit as many events, as the script tells apart in any
order: so the fold of the events in one order says what every other order must give.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, NamedTuple

from profiler.profiles.keys import key_of
from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME, read_event
from tests.oracles.standard import file_event, visit_fields, visitor_fields
from tests.oracles.visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VISITORS = [f"visitör {number}" for number in range(50)]
VISITS, EVENTS = 8, 50  # per visitor; per visit
EVENTS_EACH = 5_000  # per language
MOST_AT_ONCE = 5  # events of a call
START_MS = 1_700_000_000_000

Fields = dict[str, Any]


class Call(NamedTuple):
    """One call of one visitor's events."""

    key: str
    argv: list[str]

    def line(self) -> bytes:
        """As `run-stream` reads it."""
        return json.dumps(self._asdict(), ensure_ascii=False).encode() + b"\n"


def events_together() -> list[Fields]:
    """All events, in an order that has nothing to do with their times."""
    chance = random.Random(6)
    events = [
        {
            VISITOR: visitor,
            VISIT: f"{visitor}.{number % VISITS}",
            EVENT_TIME: str(START_MS + chance.randrange(20_000_000)),
            EVENT_ID: f"{visitor}.{number}",
            EVENT_TYPE: chance.choice(["Pageview", "Scroll"]),
            PAGE: f"Läufe, page {chance.randrange(10**6)}",
        }
        for visitor in VISITORS
        for number in range(VISITS * EVENTS)
    ]
    chance.shuffle(events)
    return events


def calls_of(events: Sequence[Fields], key_prefix: str, stream: str) -> list[Call]:
    """One language's share as calls of 1 to 5 events, the visitors in turn.

    Args:
        events: of any visitors.
        key_prefix: of the keys.
        stream: in which they stand one after the other; empty for none.
    """
    chance = random.Random(stream)
    waiting = {visitor: [e for e in events if e[VISITOR] == visitor] for visitor in VISITORS}
    calls: list[Call] = []
    offset = 0
    while any(waiting.values()):
        for visitor, own in waiting.items():
            count = chance.randint(1, MOST_AT_ONCE)
            now, waiting[visitor] = own[:count], own[count:]
            if not now:
                continue
            argv = [visitor, stream, "", str(len(now))]
            for event in now:
                argv += [str(offset), event[EVENT_TIME], event[EVENT_TIME], "", event[EVENT_ID]]
                argv += [event[VISIT], event[EVENT_TYPE], event[PAGE]]
                offset += 1
            calls.append(Call(key_prefix + key_of("visitor:{<id>}", visitor), argv))
    return calls


def one_of_each_visit(events: Sequence[Fields]) -> list[Fields]:
    """An event of each visit: sent again it counts nothing, and brings the visit's fields."""
    return list({event[VISIT]: event for event in events}.values())


def expected_profiles(events: Sequence[Fields]) -> Iterator[tuple[str, Fields]]:
    """Fold the events by the oracle: of each visit its fields and its visitor's.

    Without `visit_number`, which depends on the order of arrival by nature.
    """
    visitors = {visitor: Visitor(visitor) for visitor in VISITORS}
    for event in events:
        at = int(event[EVENT_TIME])
        flags: dict[str, bool] = {"truncated": False}
        file_event(visitors[event[VISITOR]], read_event(event, at), flags)
        assert not flags.keys() & {"late", "repeated"}
        assert not flags["truncated"]
    for visitor in visitors.values():
        for visit_id, visit in visitor.kept.items():
            fields = visitor_fields(visitor) | visit_fields(visitor, visit)
            yield visit_id, {name: fields[name] for name in fields if name != "visit_number"}
