"""What the oracle tells of triggers: which an event fired or undid, by the answer to the event."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracles.events import raw_of

if TYPE_CHECKING:
    from tests.oracles.events import Event
    from tests.oracles.shape import Trigger
    from tests.oracles.visitors import Visitor

FIRED, RETRACTED = "fired", "retracted"


@dataclass
class Mark:
    """What is known of a trigger that has fired once.

    Attributes:
        identity: of the event that fired it; None where nothing recognises it.
        states: what was told, in order: fired, retracted, fired, and so on.
    """

    identity: bytes | None
    states: list[str]


def told(visitor: Visitor, event: Event, answer: dict[str, Any]) -> list[str]:
    """Return name, id, state and time of each trigger, one behind the other."""
    rows: list[str] = []
    visit = visitor.kept.get(event.visit or "")
    for each in sorted(visitor.shape.triggers, key=lambda each: each.is_the_visits):
        if each.is_the_visits and (visit is None or visit.was_forgotten):
            continue
        marks = visit.marks if visit is not None and each.is_the_visits else visitor.marks
        mark = marks.get(each.name)
        if not answer["replayed"]:
            mark = moved(mark, each, event, answer)
            if mark is None:
                continue
            marks[each.name] = mark
        elif mark is None or (len(mark.states) == 1 and mark.identity != event.identity):
            continue
        time = "" if event.time is None else str(event.time)
        rows += [each.name, id_of(each, mark, visitor.id, event), mark.states[-1], time]
    return rows


def moved(mark: Mark | None, trigger: Trigger, event: Event, answer: dict[str, Any]) -> Mark | None:
    """Return the mark with what the event made of it; None where that is nothing."""
    holds = trigger.holds(answer)
    if mark is None:
        return Mark(event.identity, [FIRED]) if holds else None
    is_on = mark.states[-1] == FIRED
    if holds == is_on or (is_on and trigger.stays):
        return None
    return Mark(mark.identity, [*mark.states, FIRED if holds else RETRACTED])


def id_of(trigger: Trigger, mark: Mark, visitor: str, event: Event) -> str:
    """Return what names the trigger of this visitor, or visit, and the event that fired it."""
    ids = [visitor, event.visit or ""] if trigger.is_the_visits else [visitor]
    owner = " ".join(f"{len(raw_of(each))}:{each}" for each in ids)
    number = int.from_bytes(mark.identity or b"", "big")
    text = f"{owner} {len(trigger.name)}:{trigger.name} {number}"
    return hashlib.sha1(raw_of(text), usedforsecurity=False).hexdigest()
