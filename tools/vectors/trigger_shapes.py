"""What the oracle knows of lua/vectors/rules/triggers.toml."""

from typing import Any

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.shape import Field, Shape, Trigger
from tools.vectors.conditions import TOTAL, is_above, is_sale

#: A reader's visitor has more events.
_FEW = 4


def _is_reader(answer: dict[str, Any]) -> bool:
    many = answer["visitor_events"] > _FEW or answer["visit_bounce"]
    return many and "p" in (answer["visit_pages"] or ())


TRIGGERS = Shape(
    fields=(
        Field("visitor_spent", "sum", TOTAL, is_sale, decimals=2),
        Field("visitor_events", "count"),
        Field("visit_events", "count"),
        Field("visit_first_page", "first", PAGE),
        Field("visit_pages", "unique_list", PAGE, limit=10),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, TOTAL),
    visits=2,
    triggers=(
        Trigger("spender", lambda a: is_above("10.5", a["visitor_spent"])),
        Trigger("busy", lambda a: a["visit_events"] in {2, 3}, is_the_visits=True),
        Trigger(
            "landed", lambda a: a["visit_first_page"] in {"home", "p", "q"}, is_the_visits=True
        ),
        Trigger("reader", _is_reader, is_the_visits=True),
        Trigger(
            "opened",
            lambda a: a["new_visit"] and a["visit_first_page"] is None,
            is_the_visits=True,
            stays=True,
        ),
    ),
)
