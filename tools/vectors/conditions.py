"""What the oracle knows of lua/vectors/rules/predicates.toml: every kind of condition."""

from decimal import Decimal

from tests.oracles.article import EVENT_TYPE, PAGE
from tests.oracles.events import scaled
from tests.oracles.patterns import matches
from tests.oracles.shape import Field, Flat, Shape

TOTAL = "shop-total"


def is_sale(flat: Flat) -> bool:
    """Whether it is one by its type."""
    return flat.get(EVENT_TYPE) == "Sale"


def _total(flat: Flat) -> Decimal:
    """A number, or what is neither below nor above any."""
    text = str(flat.get(TOTAL, ""))
    is_number = any(
        scaled(text, Field("", "", decimals=decimals)) is not None for decimals in (4, 0)
    )
    return Decimal(text) if is_number else Decimal("nan")


def is_above(low: str, text: str) -> bool:
    """Whether a decimal of a profile is above a number."""
    number = _total({TOTAL: text})
    return not number.is_nan() and number > Decimal(low)


def _page(flat: Flat) -> str:
    return str(flat.get(PAGE, ""))


def _is_between(low: str, number: Decimal, high: str) -> bool:
    return not number.is_nan() and Decimal(low) <= number <= Decimal(high)


def _is_either(flat: Flat) -> bool:
    is_free = "." not in _page(flat) and not _is_between("0.0001", _total(flat), "1e15")
    return is_sale(flat) or (_page(flat) != "" and is_free)


PREDICATES = Shape(
    fields=(
        Field("visit_deal", "count", when=lambda e: e.get(EVENT_TYPE) in {"Sale", 'Refund \\ "x"'}),
        Field("visit_about_prices", "count", when=lambda e: "price" in _page(e)),
        Field("visit_blog", "count", when=lambda e: _page(e).startswith("/blog%")),
        Field("visit_dear", "count", when=lambda e: _is_between("10.0001", _total(e), "1e15")),
        Field("visit_cheap", "count", when=lambda e: _is_between("-1e15", _total(e), "-0.5001")),
        Field(
            "visit_middle",
            "count",
            when=lambda e: is_sale(e) and _is_between("1", _total(e), "2.5"),
        ),
        Field("visit_either", "count", when=_is_either),
        Field("visit_products", "count", when=lambda e: matches("/[!/]+/p-[0-9]+*", _page(e))),
        Field("visit_papers", "count", when=lambda e: matches("*a?b*[x-z\\]].pdf", _page(e))),
        Field("visitor_opens", "count", flag="new_visit"),
        Field("visitor_new_page", "last", PAGE, flag="new_visitor"),
        Field("visitor_blog_page", "first", PAGE, lambda e: _page(e).startswith("/blog%")),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=(EVENT_TYPE, PAGE, TOTAL),
)
