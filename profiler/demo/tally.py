"""What the demo shows, counted from the records that came out of the pipeline."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from profiler.records.types import Record
from profiler.rules.shown import Names, profile_part

_LATEST_VISITS = 30


@dataclass
class SeenVisit:
    """A visit as its latest record has it."""

    visitor: str
    #: The timestamp of its first record, ms.
    opened: int
    #: Whether the visitor had a visit before.
    returning: bool
    profile: dict[str, Any]
    #: Its entry page moved to an earlier event's.
    corrected: bool = False


@dataclass
class SeenVisitor:
    """What the records of one visitor had in common."""

    visits: dict[str, SeenVisit] = field(default_factory=dict)
    records: int = 0
    repeated: int = 0
    corrected: int = 0
    #: How often a record went back to a visit after one of another visit.
    interleaved: int = 0
    latest: str = ""


class Tally:
    """The counts; `add` takes every record of the two last topics."""

    def __init__(self, names: Names, *, rejected_topic: str) -> None:
        self.names = names
        self.records = 0
        self.rejected = 0
        self.anonymous = 0
        self.repeated = 0
        self.corrected = 0
        self.visits = 0
        self.visitors: dict[str, SeenVisitor] = {}
        #: Newest first.
        self.latest: deque[SeenVisit] = deque(maxlen=_LATEST_VISITS)
        self._rejected_topic = rejected_topic
        self._sources: set[tuple[bytes | None, ...]] = set()

    def add(self, record: Record) -> None:
        """Count a record, once: the worker may write it again after a fault."""
        source = tuple(value for name, value in record.headers if name.startswith("source-"))
        if source in self._sources:
            return
        self._sources.add(source)
        self.records += 1
        if record.topic == self._rejected_topic:
            self.rejected += 1
            return
        profile = profile_part(orjson.loads(record.value or b"{}"))
        visitor_id = profile.get(self.names.visitor)
        if visitor_id is None:
            self.anonymous += 1
            return
        visitor = self.visitors.setdefault(visitor_id, SeenVisitor())
        visitor.records += 1
        if profile.get("repeated"):
            self.repeated += 1
            visitor.repeated += 1
        if visit_id := profile.get(self.names.visit):
            self._add_to_visit(visitor_id, visitor, visit_id, profile, record.timestamp)

    def _add_to_visit(
        self,
        visitor_id: str,
        visitor: SeenVisitor,
        visit_id: str,
        profile: dict[str, Any],
        timestamp: int,
    ) -> None:
        visit = visitor.visits.get(visit_id)
        if visit is None:
            visit = SeenVisit(visitor_id, timestamp, bool(visitor.visits), profile)
            visitor.visits[visit_id] = visit
            self.visits += 1
            self.latest.appendleft(visit)
        elif visitor.latest != visit_id:
            visitor.interleaved += 1
        visitor.latest = visit_id
        visit.profile = profile
        if profile.get("corrected"):
            self.corrected += 1
            visitor.corrected += 1
            visit.corrected = True
