"""What a profile consists of, for the oracle: fields and limits, in words of its own.

A `Shape` says what a rules file says, and is written a second time on purpose: nothing is read
from rules files, and nothing is shared with the code under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracles.article import EVENT_TYPE, PAGE, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

Flat = dict[str, Any]

#: The values of fields that take the event's time, or its day.
TIME, DAY = "time", "day"

DAY_MS = 86_400_000

#: What a repeat adds nothing to.
COUNTING = {"count", "sum", "mean", "counts", "most_frequent"}

#: What a late event moves, too, where it is the visitor's.
MOVED_LATE = {
    "first",
    "min",
    "unique_count",
    "unique_list",
    "first_n",
    "last_n",
    "touch",
    "engaged_time",
    "active_days",
}

#: What keeps texts by their times.
LISTS = {"unique_list", "first_n", "last_n", "counts", "most_frequent"}


def always(_: Flat) -> bool:
    """Hold for every event."""
    return True


def is_page_view(flat: Flat) -> bool:
    """Whether it is one by its type, with a page or without."""
    return flat.get(EVENT_TYPE) == "Pageview"


def is_titled_page_view(flat: Flat) -> bool:
    """Whether it is a page view that has a page."""
    return is_page_view(flat) and text_of(flat, PAGE) is not None


@dataclass(frozen=True)
class Field:
    """One declared field.

    Attributes:
        name: begins with its scope.
        operation: as the rules call it.
        value: a field of the event, or several of which the first that is there counts; `TIME`,
            `DAY`, or nothing for a count.
        age_ms: of what is still shown; 0 for all.
        window: of how many buckets it shows the latest, and the ms of one.
        otherwise: what is taken where these are not there.
        when: of which events it takes the value.
        decimals: None for a text or a time, else those that a number is kept with.
        flag: of the events that it takes; nothing for all.
        limit: how many values a list or a set keeps.
        values: of a touch, the names of its parts and the fields of the event.
        which: of a touch.
        lookback_ms: of a touch; 0 for ever.
    """

    name: str
    operation: str
    value: str | tuple[str, ...] = ""
    when: Callable[[Flat], bool] = always
    decimals: int | None = None
    limit: int = 0
    values: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    which: str = ""
    lookback_ms: int = 0
    flag: str = ""
    otherwise: str = ""
    window: tuple[int, int] | None = None
    age_ms: int = 0

    @property
    def names(self) -> list[str]:
        """What it is called in the profile."""
        return [f"{self.name}_{part}" for part, _ in self.values] or [self.name]

    def named(self, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a field
        """Its value by its name, or its parts by theirs."""
        values = (value or [None] * len(self.values)) if self.values else [value]
        return dict(zip(self.names, values, strict=True))

    @property
    def is_the_visits(self) -> bool:
        """Whether each visit has its own."""
        return self.name.startswith("visit_")

    @property
    def is_text(self) -> bool:
        """Whether it holds a text of the event."""
        return self.operation in {"first", "last"} and self.value != TIME


@dataclass(frozen=True)
class Trigger:
    """One declared trigger.

    Attributes:
        name: unique.
        holds: whether the answer to an event, fields and flags by name, is one that fires it.
        is_the_visits: whether each visit has its own.
        stays: whether nothing undoes it.
    """

    name: str
    holds: Callable[[dict[str, Any]], bool]
    is_the_visits: bool = False
    stays: bool = False


@dataclass(frozen=True)
class Computed:
    """One field that is computed from others of the same visitor or visit, by their names."""

    name: str
    value: Callable[[Flat], bool | int | None]

    @property
    def is_the_visits(self) -> bool:
        """Whether each visit has its own."""
        return self.name.startswith("visit_")


@dataclass(frozen=True)
class Shape:
    """All fields but the built-in ones, and the limits."""

    fields: tuple[Field, ...]
    bounce: str  # the visit's count that is at most one in a bounce; empty where it is computed
    inputs: tuple[str, ...]  # what the script gets of the event, in this order
    computed: tuple[Computed, ...] = ()
    visits: int = 8
    event_ids: int = 64  # per visit
    streams: int = 1_024
    value_bytes: int = 4_096
    skew_ms: int = 3_600_000
    age_ms: int = 30 * DAY_MS
    is_plain: bool = False  # ids and pages stand in the hash
    triggers: tuple[Trigger, ...] = ()

    def of_visit(self) -> list[Field]:
        """The fields that each visit has."""
        return [field for field in self.fields if field.is_the_visits]

    def of_visitor(self) -> list[Field]:
        """The fields that the visitor has."""
        return [field for field in self.fields if not field.is_the_visits]


def names_of(fields: list[Field]) -> list[str]:
    """Return what fields are called in the profile."""
    return [name for each in fields for name in each.names]


LEAN = Shape(
    fields=(
        Field("visitor_first_page", "first", PAGE, is_titled_page_view),
        Field("visitor_last_page", "last", PAGE, is_titled_page_view),
        Field("visitor_first_seen", "first", TIME),
        Field("visitor_last_seen", "last", TIME),
        Field("visitor_pageviews", "count", when=is_page_view),
        Field("visitor_events", "count"),
        Field("visit_first_page", "first", PAGE, is_titled_page_view),
        Field("visit_last_page", "last", PAGE, is_titled_page_view),
        Field("visit_start", "first", TIME),
        Field("visit_end", "last", TIME),
        Field("visit_pageviews", "count", when=is_page_view),
        Field("visit_events", "count"),
    ),
    bounce="visit_pageviews",
    inputs=(EVENT_TYPE, PAGE),
)
