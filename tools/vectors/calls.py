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
    """One event's arguments; '' stands for absent.

    `before` and `more` are inputs of rules that go beyond those of `lean`, by the order of their
    names.
    """

    offset: Text = ""
    received: Text = ""
    created: Text = ""
    sent: Text = ""
    event_id: Text = ""
    visit_id: Text = ""
    event_type: Text = ""
    page: Text = ""
    more: tuple[Text, ...] = ()
    before: tuple[Text, ...] = ()

    def arguments(self) -> list[Text]:
        """As they stand in ARGV."""
        return [*self[:6], *self.before, self.event_type, self.page, *self.more]


class Call(NamedTuple):
    """One call of the script with events.

    Attributes:
        events: in order.
        stream: where offsets count.
        floor: the last offset known committed.
        visitor: None for the vector's own visitor.
        keys: None for the visitor's key alone, and the sidecar's where outputs are stored.
        stores: whether outputs are stored: an event that comes again gets its first answer.
        argv: None for the arguments that the events make.
        reply: by hand; None asks the oracle.
        error: the first word of the error that it must end with.
    """

    events: Sequence[Event] = ()
    stream: Text = ""
    floor: Text = ""
    visitor: Text | None = None
    keys: list[str] | None = None
    stores: bool = False
    argv: list[Text] | None = None
    reply: list[Answer] | None = None
    error: str | None = None


class Read(NamedTuple):
    """One call that reads.

    Attributes:
        now: ms, or nothing.
        visitor: None for the vector's own visitor.
        known: the answer by hand; None asks the oracle.
        error: as in `Call`.
    """

    now: Text = ""
    visitor: Text | None = None
    known: Answer | None = None
    error: str | None = None


class Names(NamedTuple):
    """One call that asks for the names of the fields.

    Attributes:
        keys: none, or the visitor's, which is not looked at.
        known: the answer by hand; nothing asks the oracle.
    """

    keys: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def view(seconds: float, visit: Text, page: Text, event_id: Text = "", offset: Text = "") -> Event:
    """A page view so long after `START`, received at once."""
    ms = str(START + int(seconds * 1000))
    return Event(offset, ms, ms, "", event_id, visit, "Pageview", page)


def click(seconds: float, visit: Text, event_id: Text = "", offset: Text = "") -> Event:
    """An event that is no page view."""
    return view(seconds, visit, "", event_id, offset)._replace(event_type="Click")


def timed(created: Text, page: str, received: Text = str(START), sent: Text = "") -> Event:
    """A page view of visit A whose times are given as text; the page names it."""
    return Event("", received, created, sent, f"id-{page}", "A", "Pageview", page)


def one_by_one(*events: Event, stream: str = "") -> list[Call]:
    """A call per event."""
    return [Call([event], stream=stream) for event in events]


def key_of(visitor: Text, name: str = "visitor") -> str:
    """The key by the presets' pattern, visitor:{<id>}."""
    raw = visitor.encode() if isinstance(visitor, str) else visitor
    long = len(raw) > LONGEST_PLAIN_ID
    encoded = "sha256:" + hashlib.sha256(raw).hexdigest() if long else quote(raw, safe="")
    return f"{PREFIX}{name}:{{{encoded}}}"
