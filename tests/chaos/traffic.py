"""What goes in: events whose right outputs an oracle can tell, and records that are none.

Every event has its own id and time, so that no two could be taken for each other. A visitor comes,
has some events, and goes for ever: so a list of his events stays short, however long a run is.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_MS = 1_700_000_000_000
#: Of a visitor's events: their own times are so disordered.
DISORDER_MS = 5_000
VISITS = 3
#: Visitors at a time.
CROWD = 24
EVENTS_EACH = 40
#: Those that are spread over partitions have fewer, of which the orders are searched.
EVENTS_SPREAD = 12
#: One visitor in so many is spread.
SPREAD_ONE_IN = 10
#: One record in so many is bad.
BAD_ONE_IN = 60


@dataclass(frozen=True)
class Event:
    """One record to be put in.

    Attributes:
        visitor: whose it is; empty for a bad record.
        value: of the record.
        key: of the record.
        timestamp_ms: of the record.
        is_spread: whether it may go to any partition.
    """

    visitor: str
    value: bytes
    key: bytes
    timestamp_ms: int
    is_spread: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether it must be rejected."""
        return not self.visitor

    def flat(self) -> dict[str, Any]:
        """What must leave of a good one, but for its profile: written again, not by our code."""
        return {
            f"query-{element['name']}": element["value"]
            for element in json.loads(self.value)["query"]
        }


@dataclass
class _Visitor:
    name: str
    left: int
    is_spread: bool


class Traffic:
    """An endless stream of events; the same seed gives the same one.

    Args:
        seed: of everything that is drawn.
        bad_one_in: one record in so many is bad.
        spread_one_in: one visitor in so many is spread over partitions.
        events_spread: the most that such a visitor has.
        crowd: visitors at a time.
    """

    def __init__(
        self,
        seed: int,
        *,
        bad_one_in: int = BAD_ONE_IN,
        spread_one_in: int = SPREAD_ONE_IN,
        events_spread: int = EVENTS_SPREAD,
        crowd: int = CROWD,
    ) -> None:
        self._chance = random.Random(f"traffic {seed}")
        self._bad_one_in, self._spread_one_in = bad_one_in, spread_one_in
        self._events_spread, self._crowd = events_spread, crowd
        self._visitors: list[_Visitor] = []
        self._arrived = 0
        self._number = 0

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """Draw the next event."""
        self._number += 1
        if self._chance.randrange(self._bad_one_in) == 0:
            return self._bad()
        while len(self._visitors) < self._crowd:
            self._visitors.append(self._newcomer())
        visitor = self._chance.choice(self._visitors)
        visitor.left -= 1
        if not visitor.left:
            self._visitors.remove(visitor)
        return self._event(visitor)

    def everybody_leaves(self) -> None:
        """Let no visitor come again."""
        self._visitors.clear()

    def _newcomer(self) -> _Visitor:
        self._arrived += 1
        is_spread = self._arrived % self._spread_one_in == 0
        most = self._events_spread if is_spread else EVENTS_EACH
        return _Visitor(f"visitor-{self._arrived}", self._chance.randint(4, most), is_spread)

    def _event(self, visitor: _Visitor) -> Event:
        received = FIRST_MS + self._number
        fields = {
            "domain_userid": visitor.name,
            "domain_sessionid": f"{visitor.name} visit {self._chance.randrange(VISITS)}",
            "event_id": f"event {self._number}",
            "eventtype": self._chance.choice(["Pageview", "Pageview", "Page ping"]),
            "page_title": f"page {self._number}",
            "dvce_created_tstamp": str(received - self._chance.randrange(DISORDER_MS)),
        }
        elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
        value = json.dumps({"query": elements}).encode()
        return Event(visitor.name, value, visitor.name.encode(), received, visitor.is_spread)

    def _bad(self) -> Event:
        text = f"no JSON {self._number}".encode()
        return Event("", text, b"bad %d" % self._number, FIRST_MS + self._number)
