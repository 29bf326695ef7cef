"""What the oracle of the preset `standard` takes from an event: identity, believed time, page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, id_of, text_of

EVENT_ID = "query-other_event_id"
EVENT_TIME = "query-other_dvce_created_tstamp"

IDENTITY_BYTES = 6  # of the SHA-1
MAX_PAGE_BYTES = 4096
MAX_EVENT_TIME_DIGITS = 15
ALLOWED_SKEW_MS = 3_600_000
MAX_AGE_MS = 30 * 86_400_000


@dataclass(frozen=True)
class Event:
    """What the fold needs of one event."""

    visit: str | None
    time: int
    identity: bytes  # of `IDENTITY_BYTES`
    is_view: bool  # by its type alone
    page: str | None  # of a page view that has one; None for every other event
    page_was_cut: bool
    time_was_replaced: bool

    @property
    def order(self) -> tuple[int, int]:
        """The event's place in time: its time, then its identity as an unsigned number."""
        return self.time, int.from_bytes(self.identity, "big")


def read_event(flat: dict[str, Any], record_ms: int) -> Event:
    """Take from a flattened event what the fold needs."""
    visit = id_of(flat, VISIT)
    event_id = text_of(flat, EVENT_ID)
    event_type = text_of(flat, EVENT_TYPE)
    event_time = text_of(flat, EVENT_TIME)
    page = text_of(flat, PAGE)

    parts = (str(record_ms), event_time, None, visit, event_type, page)
    content = "".join(f"{len((part or '').encode())}:{part or ''}" for part in parts)
    identity = bytes.fromhex(digest_of(event_id or content))
    viewed = page if event_type == "Pageview" else None
    shown = cut(viewed) if viewed is not None else None
    return Event(
        visit=visit,
        time=time_of(event_time, record_ms),
        identity=identity,
        is_view=event_type == "Pageview",
        page=shown,
        page_was_cut=shown != viewed,
        time_was_replaced=event_time is not None and believed(event_time, record_ms) is None,
    )


def digest_of(text: str) -> str:
    """Return what stands for an event, in hexadecimal digits."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[: 2 * IDENTITY_BYTES]


def time_of(text: str | None, record_ms: int) -> int:
    """Return the event's own time where it can be believed, else the record's timestamp."""
    own = believed(text or "", record_ms)
    return record_ms if own is None else own


def believed(text: str, record_ms: int) -> int | None:
    """Return the event's own time, None where it cannot be believed."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_EVENT_TIME_DIGITS:
        return None
    is_near = record_ms - MAX_AGE_MS <= int(text) <= record_ms + ALLOWED_SKEW_MS
    return int(text) if is_near else None


def cut(page: str) -> str:
    """Return as many whole characters of the page as fit."""
    return page.encode()[:MAX_PAGE_BYTES].decode(errors="ignore")
