"""What the oracle keeps of a visitor: lists of events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracles.shape import LEAN

if TYPE_CHECKING:
    from tests.oracles.events import Event
    from tests.oracles.shape import Shape
    from tests.oracles.triggers import Mark

NEVER = -1  # the latest time of a visit of which no time is known


@dataclass
class Visit:
    """All events of one kept visit, or (id None) a visitor's events without a visit id."""

    id: str | None
    number: int | None = None
    was_forgotten: bool = False
    events: list[Event] = field(default_factory=list)  # repeats too
    counted: list[Event] = field(default_factory=list)  # no repeats
    identities: list[bytes] = field(default_factory=list)  # of those that were counted
    marks: dict[str, Mark] = field(default_factory=dict)  # of its triggers that have fired

    def age(self) -> tuple[int, bytes]:
        """Return what orders the kept visits: the latest event time, then the id's bytes."""
        times = [event.time for event in self.events if event.time is not None]
        return max(times, default=NEVER), (self.id or "").encode()


@dataclass
class Visitor:
    """All that was ever applied for one visitor."""

    id: str
    shape: Shape = LEAN
    kept: dict[str, Visit] = field(default_factory=dict)
    forgotten: list[bytes] = field(default_factory=list)  # visits, the longest forgotten first
    no_visit: Visit = field(default_factory=lambda: Visit(None))
    visits: int = 0
    arrived: list[Event] = field(default_factory=list)  # late ones too
    events: list[Event] = field(default_factory=list)  # repeats and forgotten visits too
    counted: list[Event] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)  # likewise
    watermarks: dict[str, int] = field(default_factory=dict)  # the least recently advanced first
