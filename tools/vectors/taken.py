"""What the oracle knows of lua/vectors/rules/values.toml and windows.toml."""

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.shape import DAY, DAY_MS, Field, Shape
from tools.vectors.conditions import TOTAL, is_sale

_NAME = "shop-name"

VALUES = Shape(
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

WINDOWS = Shape(
    fields=(
        Field("visitor_events_3d", "count", window=(3, DAY_MS)),
        Field("visitor_active_days", "unique_count", DAY, limit=100, window=(30, DAY_MS)),
        Field("visitor_pages_seen", "unique_count", PAGE, limit=2, window=(3, DAY_MS)),
        Field("visitor_spent", "sum", TOTAL, decimals=2, window=(20, 2 * _HOUR_MS)),
        Field("visitor_favourite", "most_frequent", PAGE, limit=3, window=(5, DAY_MS)),
        Field("visit_mean", "mean", TOTAL, is_sale, decimals=0, window=(1, _HOUR_MS)),
        Field("visit_items", "sum", "shop-items", decimals=0, window=(3, _MINUTE_MS)),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, "shop-items", TOTAL),
)
