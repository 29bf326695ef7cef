"""The shape of preset `standard`: what it has more than `lean`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.oracles.article import EVENT_TYPE, PAGE, text_of
from tests.oracles.shape import DAY_MS, LEAN, TIME, Computed, Field, Flat, is_page_view

if TYPE_CHECKING:
    from collections.abc import Callable

URL, VIEW = "query-other_page_url", "query-other_page_view_id"
ORDER = "query-other_tr_orderid"
CHANNEL, CLICK_ID = "derived.channel", "derived.click_id"
SOURCE, MEDIUM, CAMPAIGN = "derived.source", "derived.medium", "derived.campaign"

_TOUCH = (
    *(("source", SOURCE), ("medium", MEDIUM), ("campaign", CAMPAIGN)),
    *(("click_id", CLICK_ID), ("channel", CHANNEL)),
)


def _has(*names: str) -> Callable[[Flat], bool]:
    """Whether an event has one of these."""
    return lambda flat: any(text_of(flat, name) is not None for name in names)


def _is_landing(flat: Flat) -> bool:
    return is_page_view(flat) and text_of(flat, URL) is not None


def _is_ping(flat: Flat) -> bool:
    return flat.get(EVENT_TYPE) == "Page ping"


def _duration(visit: Flat) -> int | None:
    start, end = visit["visit_start"], visit["visit_end"]
    return None if start is None or end is None else end - start


def _is_engaged(visit: Flat) -> bool:
    """GA4: over 10 s, or two page views, or a conversion."""
    is_long = visit["visit_engaged_time"] > 10_000
    return bool(is_long or visit["visit_pageviews"] >= 2 or visit["visit_conversions"] >= 1)


def _is_bounce(visit: Flat) -> bool | None:
    is_seen = visit["visit_pageviews"] or visit["visit_engaged_time"]
    return not _is_engaged(visit) if is_seen else None


STANDARD = replace(
    LEAN,
    fields=(
        *LEAN.of_visitor(),
        Field("visitor_active_days", "active_days", TIME, limit=30),
        Field("visitor_first_touch", "touch", when=_has(CHANNEL), values=_TOUCH, which="first"),
        Field(
            "visitor_last_touch",
            "touch",
            when=_has(SOURCE, MEDIUM, CAMPAIGN, CLICK_ID),
            values=_TOUCH,
            which="last",
            lookback_ms=90 * DAY_MS,
        ),
        *LEAN.of_visit(),
        Field("visit_landing_url", "first", URL, _is_landing),
        Field("visit_conversions", "count", when=_has(ORDER)),
        Field("visit_touch", "touch", when=_has(CHANNEL), values=_TOUCH, which="first"),
        Field("visit_engaged_time", "engaged_time", (VIEW, URL), _is_ping, limit=360),
    ),
    bounce="",
    inputs=(*(CAMPAIGN, CHANNEL, CLICK_ID, MEDIUM, SOURCE), EVENT_TYPE, PAGE, URL, VIEW, ORDER),
    computed=(
        Computed("visitor_is_returning", lambda visitor: visitor["visitor_visits"] > 1),
        Computed("visit_duration", _duration),
        Computed("visit_engaged", _is_engaged),
        Computed("visit_bounce", _is_bounce),
    ),
)
