"""The scripts that the vectors call: the presets', and those of rules of the vectors' own.

Over 250 lines: a table, of a few lines for each script.
"""

from typing import NamedTuple

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.gap import Gap
from tests.oracles.shape import (
    DAY_MS,
    LEAN,
    TIME,
    Field,
    Flat,
    Shape,
    is_titled_page_view,
)
from tests.oracles.standard_shape import STANDARD
from tools.vectors.conditions import PREDICATES, TOTAL, is_sale
from tools.vectors.gap_shapes import GAPS, HALF_AN_HOUR, KATHMANDU, MIDNIGHT, PARIS, SUMMER
from tools.vectors.taken import VALUES, WINDOWS
from tools.vectors.trigger_shapes import TRIGGERS

RULES = "vectors/rules"


class Script(NamedTuple):
    """A script, and what the oracle knows of its rules.

    Attributes:
        script: its path in the folder `lua`.
        rules: its rules' path there.
        shape: what its profiles consist of; None in order of arrival.
        gap: what divides visits; None where they have ids.
    """

    script: str
    rules: str
    shape: Shape | None
    gap: Gap | None = None

    @property
    def name(self) -> str:
        """The rules' name."""
        return self.rules.rpartition("/")[2].removesuffix(".toml")


def _preset(name: str, shape: Shape | None) -> Script:
    return Script(f"rendered/{name}.lua", f"presets/{name}.toml", shape)


def _own(name: str, shape: Shape | None, gap: Gap | None = None) -> Script:
    return Script(f"{RULES}/{name}.lua", f"{RULES}/{name}.toml", shape, gap)


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
        # A click is taken by the first field alone.
        Field(
            "visit_pages_of_late",
            "last_n",
            PAGE,
            lambda e: not _is_click(e),
            limit=10,
            age_ms=60_000,
        ),
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
    "windows": _own("windows", WINDOWS),
    "values": _own("values", VALUES),
    "triggers": _own("triggers", TRIGGERS),
    "predicates": _own("predicates", PREDICATES),
    "gaps": _own("gaps", GAPS, HALF_AN_HOUR),
    "midnight": _own("midnight", MIDNIGHT, KATHMANDU),
    "summer": _own("summer", SUMMER, PARIS),
    "largest": _own("largest", _LARGEST),
    "small": _own("small", _SMALL),
    "arrival": _own("arrival", None),
}
SCRIPTS = PRESETS | RICH | OWN
