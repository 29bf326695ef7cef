"""What a call of the script gets: events, and the calls made of them."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

PREFIX = "<prefix>"
START = 1_700_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
LONGEST_PLAIN_ID = 128

Text = str | bytes
Answer = dict[str, Any]


class Event(NamedTuple):
    """One event's arguments; '' stands for absent."""

    offset: Text = ""
    record_ms: Text = ""
    event_ms: Text = ""
    event_id: Text = ""
    visit_id: Text = ""
    event_type: Text = ""
    page: Text = ""


class Call(NamedTuple):
    """One call of the script.

    Attributes:
        events: in order.
        stream: where offsets count.
        floor: the last offset known committed.
        visitor: None for the vector's own visitor.
        keys: None for the visitor's key alone.
        argv: None for the arguments that the events make.
        reply: by hand; None asks the oracle.
        error: the first word of the error that it must end with.
    """

    events: Sequence[Event] = ()
    stream: Text = ""
    floor: Text = ""
    visitor: Text | None = None
    keys: list[str] | None = None
    argv: list[Text] | None = None
    reply: list[Answer] | None = None
    error: str | None = None


def view(seconds: float, visit: Text, page: Text, event_id: Text = "", offset: Text = "") -> Event:
    """A page view so long after `START`."""
    ms = str(START + int(seconds * 1000))
    return Event(offset, ms, ms, event_id, visit, "Pageview", page)


def click(seconds: float, visit: Text, event_id: Text = "", offset: Text = "") -> Event:
    """An event that is no page view."""
    return view(seconds, visit, "", event_id, offset)._replace(event_type="Click")


def timed(event_ms: str, page: str, record_ms: str = str(START)) -> Event:
    """A page view of visit A whose times are given as text; the page names it."""
    return Event("", record_ms, event_ms, f"id-{page}", "A", "Pageview", page)


def one_by_one(*events: Event, stream: str = "") -> list[Call]:
    """A call per event."""
    return [Call([event], stream=stream) for event in events]


def key_of(visitor: Text, name: str = "visitor") -> str:
    """The key by the presets' pattern, visitor:{<id>}."""
    raw = visitor.encode() if isinstance(visitor, str) else visitor
    long = len(raw) > LONGEST_PLAIN_ID
    encoded = "sha256:" + hashlib.sha256(raw).hexdigest() if long else quote(raw, safe="")
    return f"{PREFIX}{name}:{{{encoded}}}"
