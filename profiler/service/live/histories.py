"""The last events of the visitors seen last, and the fields that each event changed."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from hashlib import blake2b
from itertools import accumulate
from typing import Any, NamedTuple

import orjson

from profiler.rules.shown import Names

#: The visitor whose latest event is oldest goes first.
MOST_VISITORS = 500
EVENTS_EACH = 20
#: Of the fields that one event changed, as JSON; what is beyond is counted. With all bounds
#: together this takes less than 100 MiB, and a tenth of it in life.
_MOST_BYTES = 4_096
#: As many as the preset's profiles keep; the one seen longest ago goes first.
_VISITS_EACH = 8
#: A longer value is kept as its beginning and a digest, which tell a change.
_LONG, _SHOWN = 256, 120

_Fields = dict[str, Any]


class Change(NamedTuple):
    """A field, and its value before and after an event."""

    field: str
    before: Any
    after: Any


class Changes(NamedTuple):
    """What an event changed.

    Attributes:
        fields: in the order of the profile.
        is_whole: false where an earlier event of the visitor or the visit was not seen, so that
            there is nothing to compare a part of the profile with.
    """

    fields: list[Change]
    is_whole: bool


class _History:
    def __init__(self) -> None:
        self.visitor: _Fields | None = None
        self.visits: OrderedDict[str, _Fields] = OrderedDict()
        self.events: deque[bytes] = deque(maxlen=EVENTS_EACH)


class Histories:
    """What was seen of each visitor.

    Args:
        names: of the rules.
        most: visitors that are kept.
    """

    def __init__(self, names: Names, *, most: int = MOST_VISITORS) -> None:
        self._most = most
        self._of_visitor = [each.name for each in names.fields if each.scope == "visitor"]
        self._of_visit = [each.name for each in names.fields if each.scope == "visit"]
        self._visitors: OrderedDict[str, _History] = OrderedDict()

    def compare(self, visitor: str, visit: str | None, profile: dict[str, Any]) -> Changes:
        """Find what an event changed, and remember the profile for the next one."""
        history = self._visitors.setdefault(visitor, _History())
        self._visitors.move_to_end(visitor)
        if len(self._visitors) > self._most:
            self._visitors.popitem(last=False)
        now = _kept(profile, self._of_visitor)
        before = {} if profile.get("new_visitor") is True else history.visitor
        history.visitor = now
        is_whole = before is not None
        fields = [] if before is None else _changed(self._of_visitor, before, now)
        if visit is not None:
            now = _kept(profile, self._of_visit)
            before = {} if profile.get("new_visit") is True else history.visits.get(visit)
            history.visits[visit] = now
            history.visits.move_to_end(visit)
            if len(history.visits) > _VISITS_EACH:
                history.visits.popitem(last=False)
            is_whole = is_whole and before is not None
            fields += [] if before is None else _changed(self._of_visit, before, now)
        return Changes(fields, is_whole)

    def note(self, visitor: str, event: dict[str, Any], changes: Changes) -> None:
        """Keep an event of a visitor whose profile was compared, with what it changed."""
        changed = [orjson.dumps([*each]) for each in changes.fields]
        sizes = accumulate(map(len, changed))
        fitting = sum(1 for size in sizes if size <= _MOST_BYTES)
        whole = event | {
            "changed": [orjson.Fragment(each) for each in changed[:fitting]],
            "left_out": len(changed) - fitting,
            "is_whole": changes.is_whole,
        }
        self._visitors[visitor].events.append(orjson.dumps(whole))

    def of(self, visitor: str) -> list[bytes]:
        """The last events of a visitor, newest first; empty where it was not seen lately."""
        history = self._visitors.get(visitor)
        return list(history.events)[::-1] if history else []


def _kept(profile: dict[str, Any], names: Iterable[str]) -> _Fields:
    return {name: _short(profile[name]) for name in names if profile.get(name) is not None}


def _short(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if len(text) <= _LONG:
        return text
    digest = blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{text[:_SHOWN]}… ({len(text):,} characters, {digest})"


def _changed(names: Iterable[str], before: _Fields, now: _Fields) -> list[Change]:
    return [
        Change(name, before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    ]
