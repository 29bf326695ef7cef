"""The scripts that the vectors call: the presets', and those of rules of the vectors' own.

Over 250 lines: most are tables of fields.
"""

from typing import NamedTuple

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.shape import (
    DAY,
    DAY_MS,
    LEAN,
    STANDARD,
    TIME,
    Field,
    Flat,
    Shape,
    is_titled_page_view,
)
from tools.vectors.conditions import PREDICATES, TOTAL, is_sale

RULES = "vectors/rules"


class Script(NamedTuple):
    """A script, and what the oracle knows of its rules.

    Attributes:
        script: its path in the folder `lua`.
        rules: its rules' path there.
        shape: what its profiles consist of; None in order of arrival.
    """

    script: str
    rules: str
    shape: Shape | None

    @property
    def name(self) -> str:
        """The rules' name."""
        return self.rules.rpartition("/")[2].removesuffix(".toml")


def _preset(name: str, shape: Shape | None) -> Script:
    return Script(f"rendered/{name}.lua", f"presets/{name}.toml", shape)


def _own(name: str, shape: Shape | None) -> Script:
    return Script(f"{RULES}/{name}.lua", f"{RULES}/{name}.toml", shape)


def _is_click(flat: Flat) -> bool:
    return flat.get(EVENT_TYPE) == "Click"


_ITEMS, _WEIGHT = "shop-items", "shop-weight"

_NUMBERS = Shape(
    fields=(
        Field("visitor_spent", "sum", TOTAL, is_sale, decimals=2),
        Field("visitor_items", "sum", _ITEMS, decimals=0),
        Field("visitor_cheapest", "min", TOTAL, is_sale, decimals=2),
        Field("visit_weight", "sum", _WEIGHT, decimals=4),
        Field("visit_lightest", "min", _WEIGHT, decimals=4),
        Field("visit_events", "count"),
        Field("visit_last_page", "last", PAGE),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, _ITEMS, TOTAL, _WEIGHT),
)

_LARGEST = Shape(
    fields=(
        Field("visitor_dearest", "max", TOTAL, is_sale, decimals=2),
        Field("visit_most_items", "max", _ITEMS, decimals=0),
        Field("visit_heaviest", "max", _WEIGHT, decimals=4),
        Field("visit_events", "count"),
        Field("visit_last_page", "last", PAGE),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, _ITEMS, TOTAL, _WEIGHT),
)

_MEAN = Shape(
    fields=(
        Field("visitor_mean_sale", "mean", TOTAL, is_sale, decimals=2),
        Field("visitor_mean_items", "mean", _ITEMS, decimals=0),
        Field("visit_mean_weight", "mean", _WEIGHT, decimals=4),
        Field("visit_events", "count"),
        Field("visit_last_page", "last", PAGE),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, _ITEMS, TOTAL, _WEIGHT),
)

_UNIQUES = Shape(
    fields=(
        Field("visitor_pages_seen", "unique_count", PAGE, limit=3),
        Field("visitor_pages", "unique_list", PAGE, is_titled_page_view, limit=3),
        Field("visit_pages_seen", "unique_count", PAGE, is_titled_page_view, limit=100),
        Field("visit_pages", "unique_list", PAGE, limit=10),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
)

_ENDS = Shape(
    fields=(
        Field("visitor_first_pages", "first_n", PAGE, lambda e: not is_sale(e), limit=2),
        Field("visitor_last_pages", "last_n", PAGE, lambda e: not _is_click(e), limit=3),
        Field("visit_first_pages", "first_n", PAGE, is_titled_page_view, limit=10),
        Field("visit_last_pages", "last_n", PAGE, is_titled_page_view, limit=2),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
)

_TALLIES = Shape(
    fields=(
        Field("visitor_page_counts", "counts", PAGE, lambda e: not is_sale(e), limit=3),
        Field("visitor_favourite", "most_frequent", PAGE, is_titled_page_view, limit=3),
        Field("visit_page_counts", "counts", PAGE, is_titled_page_view, limit=32),
        Field("visit_favourite", "most_frequent", PAGE, is_sale, limit=32),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
)

_SINCE = Shape(
    fields=(
        Field("visitor_since_view", "time_since", TIME, is_titled_page_view),
        Field("visitor_since_event", "time_since", TIME),
        Field("visit_since_view", "time_since", TIME, is_titled_page_view),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
)

_SOURCE_AND_MEDIUM = (("source", "utm-source"), ("medium", "utm-medium"))

_TOUCHES = Shape(
    fields=(
        Field(
            "visitor_first", "touch", "", is_titled_page_view, None, 0, _SOURCE_AND_MEDIUM, "first"
        ),
        Field(
            "visitor_last",
            "touch",
            values=_SOURCE_AND_MEDIUM,
            which="last_non_direct",
            lookback_ms=DAY_MS,
        ),
        Field(
            "visit_touch",
            "touch",
            values=(("campaign", "utm-campaign"), _SOURCE_AND_MEDIUM[0], ("title", PAGE)),
            which="first",
        ),
        Field(
            "visit_last_touch",
            "touch",
            when=is_titled_page_view,
            values=_SOURCE_AND_MEDIUM,
            which="last",
            lookback_ms=1_800_000,
        ),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, "utm-campaign", "utm-medium", "utm-source"),
)

_NAME = "shop-name"

_VALUES = Shape(
    fields=(
        Field("visitor_first_name", "first", (_NAME, PAGE), is_sale, otherwise="nameless"),
        Field("visitor_names", "counts", (PAGE, _NAME), limit=32),
        Field("visitor_label", "last", (), is_sale, otherwise="buyer"),
        Field("visitor_points", "sum", (), is_sale, decimals=4, otherwise="-2.5"),
        Field("visitor_spent", "sum", (TOTAL, _NAME), decimals=2, otherwise="1.5"),
        Field("visitor_days", "unique_count", DAY, limit=100),
        Field(
            "visitor_touch",
            "touch",
            values=(("who", (_NAME, PAGE)), ("total", TOTAL)),
            which="last_non_direct",
        ),
        Field("visit_first_name", "first", (PAGE, _NAME)),
        Field("visit_last_name", "last", (PAGE, _NAME)),
        Field("visit_days", "last_n", DAY, limit=3),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, _NAME, TOTAL),
)

_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000

_WINDOWS = Shape(
    fields=(
        Field("visitor_events_3d", "count", window=(3, DAY_MS)),
        Field("visitor_active_days", "unique_count", DAY, limit=100, window=(30, DAY_MS)),
        Field("visitor_pages_seen", "unique_count", PAGE, limit=2, window=(3, DAY_MS)),
        Field("visitor_spent", "sum", TOTAL, decimals=2, window=(20, 2 * _HOUR_MS)),
        Field("visitor_favourite", "most_frequent", PAGE, limit=3, window=(2, DAY_MS)),
        Field("visit_mean", "mean", TOTAL, is_sale, decimals=0, window=(1, _HOUR_MS)),
        Field("visit_items", "sum", _ITEMS, decimals=0, window=(3, _MINUTE_MS)),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, _ITEMS, TOTAL),
)

_ENGAGED = Shape(
    fields=(
        Field("visitor_engaged", "engaged_time", PAGE, limit=4),
        Field("visit_engaged", "engaged_time", PAGE, _is_click, limit=360),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
)


_SMALL = Shape(
    fields=(
        Field("visitor_first_page", "first", PAGE, is_titled_page_view),
        Field("visitor_first_view", "first", TIME, is_titled_page_view),
        Field("visitor_last_view", "last", TIME, is_titled_page_view),
        Field("visitor_events", "count"),
        Field("visit_first_page", "first", PAGE, is_titled_page_view),
        Field("visit_last_page", "last", PAGE, is_titled_page_view),
        Field("visit_first_view", "first", TIME, is_titled_page_view),
        Field("visit_last_view", "last", TIME, is_titled_page_view),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE),
    visits=2,
    event_ids=3,
    streams=2,
    value_bytes=16,
    skew_ms=5 * 60_000,
    age_ms=DAY_MS,
    is_plain=True,
)

PRESETS = {"lean": _preset("lean", LEAN), "article": _preset("article", None)}
#: Has more inputs than the vectors of the presets give.
RICH = {"standard": _preset("standard", STANDARD)}
OWN = {
    "numbers": _own("numbers", _NUMBERS),
    "mean": _own("mean", _MEAN),
    "uniques": _own("uniques", _UNIQUES),
    "ends": _own("ends", _ENDS),
    "tallies": _own("tallies", _TALLIES),
    "since": _own("since", _SINCE),
    "touches": _own("touches", _TOUCHES),
    "engaged": _own("engaged", _ENGAGED),
    "windows": _own("windows", _WINDOWS),
    "values": _own("values", _VALUES),
    "predicates": _own("predicates", PREDICATES),
    "largest": _own("largest", _LARGEST),
    "small": _own("small", _SMALL),
    "arrival": _own("arrival", None),
}
SCRIPTS = PRESETS | RICH | OWN
