"""The oracle's numbers against expectations written by hand from the design, before any run."""

from __future__ import annotations

import pytest

from tests.oracles.events import scaled
from tests.oracles.shape import TIME, Field, Shape
from tests.oracles.standard import StandardFold
from tests.unit.oracle_events import T0, flags, part, view

SHOP = Shape(
    fields=(
        Field("visitor_first_order", "first", TIME, lambda flat: "total" in flat),
        Field("visitor_spent", "sum", "total", decimals=2),
        Field("visitor_items", "sum", "items", decimals=0),
        Field("visitor_cheapest", "min", "total", decimals=2),
        Field("visit_dearest", "max", "total", decimals=4),
        Field("visit_events", "count"),
    ),
    bounce="visit_events",
    inputs=("items", "total"),
)


def test_a_fold_adds_up_numbers() -> None:
    fold = StandardFold(SHOP)

    def order(at: int, visit: str, **more: str) -> list[object]:
        flat = view(visit, None, id=f"e{at}", time=T0 + at) | more
        shown = fold.apply(flat, record_ms=T0 + at)
        assert shown is not None
        names = [field.name for field in SHOP.fields[:-1]]
        return [*part(shown, *names), " ".join(sorted(flags(shown)))]

    new = "new_visit new_visitor"
    assert order(0, "A") == [None, "0", 0, None, None, new]
    assert order(5, "A", total="19.90", items="2") == [T0 + 5, "19.9", 2, "19.9", "19.9", ""]
    assert order(4, "A", total="-22.95") == [T0 + 4, "-3.05", 2, "-22.95", "19.9", ""]
    # Sent again it is not added, whatever it says now; the smallest and largest still move.
    assert order(4, "A", total="-30") == [T0 + 4, "-3.05", 2, "-30", "19.9", "repeated"]
    assert order(6, "B", total="1.005") == [
        T0 + 4,
        "-3.05",
        2,
        "-30",
        "1.005",
        "bad_number new_visit",
    ]
    assert order(7, "B", items="1.0") == [T0 + 4, "-3.05", 2, "-30", "1.005", "bad_number"]
    assert order(8, "B", items=str(10**15 - 1))[2] == 10**15 + 1


def test_a_number_of_2_to_the_53_is_not_taken() -> None:
    fold = StandardFold(SHOP)
    spent = []
    for at, total in enumerate(["90071992547409", "0.91", "0.01", "-0.01", "0.02", "-1"]):
        shown = fold.apply(view("A", None, id=f"e{at}", time=T0) | {"total": total}, record_ms=T0)
        assert shown is not None
        spent.append((*part(shown, "visitor_spent", "visit_dearest"), shown["truncated"]))
        assert shown["bad_number"] is (at == 0)
    # The first is too large for the visit's maximum alone, which keeps four decimals.
    assert spent == [
        ("90071992547409", None, False),
        ("90071992547409.91", "0.91", False),
        ("90071992547409.91", "0.91", True),
        ("90071992547409.9", "0.91", False),
        ("90071992547409.9", "0.91", True),
        ("90071992547408.9", "0.91", False),
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0", 0), ("-0", 0), ("00012", 12_0000), ("1.5", 1_5000), ("-0.0001", -1)),
        *(
            ("123456789012345", None),
            ("900719925474", 900719925474_0000),
            ("12345678901.2345", 12345678901_2345),
        ),
        *((text, None) for text in ("1234567890123456", "123456789012.3456", "1.00000", "+1")),
        *((text, None) for text in ("1e3", "0x1", " 1", "1 ", ".5", "5.", "-", "--1", "1,5", "٣")),
    ],
)
def test_a_number_is_read_strictly(text: str, number: int | None) -> None:
    assert scaled(text, Field("visit_x", "sum", "x", decimals=4)) == number
