"""The trigger of a row's rules: whether it left once, by the event that fired it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tests.oracles.events import EVENT_ID, short
from tests.oracles.shape import Trigger
from tests.oracles.triggers import FIRED, id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.chaos.places import Input, Place
    from tests.oracles.standard import StandardFold

#: The role of its topic.
TOPIC = "triggers"
#: Every visitor has more events, so it fires once for each, and nothing undoes it.
_EVENTS = 3
READER = Trigger("reader", lambda answer: answer["visitor_events"] > _EVENTS)
#: The same for a rules file.
RULE = f"""
[[triggers]]
name = "{READER.name}"
scope = "visitor"
when = [{{ field = "visitor_events", ">" = {_EVENTS} }}]
"""


class Fired(NamedTuple):
    """What is wrong with a visitor's trigger; all 0 where nothing is.

    Attributes:
        lost: it fired, and no record says so.
        extra: records beyond the first of the event that fired it.
        wrong: records of other events, or with another id or state.
    """

    lost: int
    extra: int
    wrong: int


def look(
    visitor: str,
    inputs: Sequence[Input],
    records: Mapping[Place, Sequence[bytes]],
    fold: StandardFold,
) -> Fired:
    """Compare the records of a visitor's inputs with what the fold says after all of them.

    Args:
        visitor: whose.
        inputs: all of his.
        records: of the trigger, by the place of the input that they name.
        fold: after his inputs, in their order.
    """
    known = fold.visitors[visitor]
    mark = known.marks.get(READER.name)
    identity = mark.identity if mark else None
    # An input that lies twice in the topic is one event.
    right = {place for place, event in inputs if short(event.flat()[EVENT_ID]) == identity}
    own = [value for place in right for value in records.get(place, ())]
    others = [v for place, _ in inputs if place not in right for v in records.get(place, ())]
    fired = mark and (id_of(READER, mark, visitor, known.counted[-1]), FIRED)
    wrong = [value for value in own if _said(value) != fired]
    return Fired(int(bool(right) and not own), max(0, len(own) - 1), len(wrong) + len(others))


def _said(value: bytes) -> tuple[str, str]:
    record = json.loads(value)
    return record["id"], record["state"]
