"""What the oracle knows of the rules whose visits are found by time."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.gap import Gap
from tests.oracles.shape import TIME, Field, Shape, is_page_view
from tools.vectors.calls import HOUR
from tools.vectors.conditions import TOTAL

_SOURCE = (("source", "utm-source"), ("medium", "utm-medium"))

GAPS = Shape(
    fields=(
        Field("visitor_events", "count"),
        Field("visitor_first_page", "first", PAGE),
        Field("visit_first_page", "first", PAGE, is_page_view),
        Field("visit_last_page", "last", PAGE, is_page_view),
        Field("visit_start", "first", TIME),
        Field("visit_end", "last", TIME),
        Field("visit_since", "time_since", TIME),
        Field("visit_events", "count"),
        Field("visit_spent", "sum", TOTAL, decimals=2),
        Field("visit_mean", "mean", TOTAL, decimals=2),
        Field("visit_cheapest", "min", TOTAL, decimals=2),
        Field("visit_dearest", "max", TOTAL, decimals=2),
        Field("visit_pages_seen", "unique_count", PAGE, limit=6),
        Field("visit_pages", "unique_list", PAGE, limit=5),
        Field("visit_first_pages", "first_n", PAGE, limit=3),
        Field("visit_last_pages", "last_n", PAGE, limit=3),
        Field("visit_page_counts", "counts", PAGE, limit=6),
        Field("visit_favourite", "most_frequent", PAGE, limit=6),
        Field("visit_touch", "touch", values=_SOURCE, which="first"),
        Field("visit_last_touch", "touch", values=_SOURCE, which="last_non_direct"),
        Field("visit_engaged", "engaged_time", PAGE, limit=360),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, TOTAL, "utm-medium", "utm-source"),
    visits=3,
    event_ids=8,
)

MIDNIGHT = Shape(
    fields=(
        Field("visit_first_page", "first", PAGE, is_page_view),
        Field("visit_last_page", "last", PAGE),
        Field("visit_start", "first", TIME),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
    is_plain=True,
)
_PARIS = ZoneInfo("Europe/Paris")


def _paris_ms(ms: int) -> int:
    """How far its clock is ahead of UTC."""
    ahead = datetime.fromtimestamp(ms // 1000, _PARIS).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds()) * 1000


SUMMER = replace(MIDNIGHT, is_plain=False)

HALF_AN_HOUR = Gap(HOUR // 2)
KATHMANDU = Gap(4 * HOUR, lambda _: 20_700_000)
PARIS = Gap(4 * HOUR, _paris_ms)
