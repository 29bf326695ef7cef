"""Numbers of events: sums and smallest ones. The rules are in lua/vectors/rules/numbers.toml."""

import json
from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import START, Call, Event, Read, one_by_one

NO_NUMBERS = (
    *("+1", "1e3", "0x1", " 1", "1 ", ".5", "5.", "-", "--1", "1,5", "1.2.3", "nan", "inf", "٣"),
    *("-.5", "1_000", "1.00000", "1234567890123456", "123456789012.3456", "-1234567890123456"),
)
NUMBERS = (
    *("0", "-0", "-0.0000", "7", "007", "1.5", "1.50", "-1.5", "0.0001", "-0.0001", "10.01"),
    *("12345678901.2345", "000000000000000000012.5", "900719925474.099", "0.1"),
)


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield numbers(
        "sum-and-min",
        "Sums begin at 0, the smallest number is not known before the first. Decimals are texts "
        "without zeros behind them, whole numbers are integers.",
        one_by_one(
            number(0, "e1"),
            number(1, "e2", total="19.90", items="2", weight="1.25"),
            number(2, "e3", total="0.10", items="1", weight="0.75"),
            number(3, "e4", total="5", items="10"),
        ),
        Read(),
    )
    yield numbers(
        "negative-sums",
        "A refund is subtracted; sums and smallest numbers may be negative, and come back to 0.",
        one_by_one(
            number(0, "e1", total="-30.05", items="-3", weight="-0.0001"),
            number(1, "e2", total="10.05", items="1", weight="0.0001"),
            number(2, "e3", total="20", items="2", weight="-2"),
        ),
        Read(),
    )
    yield numbers(
        "tenths-add-up",
        "Ten times 0.1 is 1: numbers are kept as whole ones.",
        [Call([number(n, f"e{n}", total="0.1", weight="0.0001") for n in range(10)])],
    )
    yield numbers(
        "sum-under-a-condition",
        "A number of an event that the rule does not take is not looked at.",
        one_by_one(
            number(0, "e1", total="5")._replace(event_type="Offer"),
            number(1, "e2", total="3"),
        ),
    )
    yield numbers(
        "repeat-is-not-summed",
        "A repeat is not added again; a smaller number in it still counts as the smallest.",
        one_by_one(
            number(0, "e1", total="5", items="1", weight="2"),
            number(0, "e1", total="5", items="1", weight="2"),
            number(0, "e1", total="4", items="7", weight="1"),
        ),
    )
    yield numbers(
        "replayed-is-not-summed",
        "Nor is what stands at or below the watermark.",
        one_by_one(
            number(0, "e1", total="5")._replace(offset="5"),
            number(0, "e1", total="4")._replace(offset="5"),
            number(1, "e2", total="3")._replace(offset="4"),
            stream="s",
        ),
    )
    yield numbers(
        "numbers-of-visits",
        "Each visit has its own numbers, and an event without a visit gives them to the visitor "
        "alone.",
        one_by_one(
            number(0, "e1", "A", items="1", weight="1.5"),
            number(1, "e2", "B", items="2", weight="0.5"),
            number(2, "e3", "", items="4", weight="0.25"),
            number(3, "e4", "A", items="8", weight="-1.5"),
        ),
        Read(),
    )
    yield numbers(
        "late-moves-the-smallest-alone",
        "A late event is not added to any sum; the visitor's smallest number moves.",
        [
            Call([number(100 * n, f"e{n}", f"V{n}", total="7", items="1") for n in range(1, 9)]),
            *one_by_one(number(1, "e9", "X", total="2.5", items="5", weight="1")),
        ],
        Read(),
    )
    yield numbers(
        "returned-visit-has-new-numbers",
        "A visit that was forgotten counts from the beginning; the visitor's sums go on.",
        [
            Call([number(n, f"e{n}", f"V{n}", weight="3", items="1") for n in range(9)]),
            *one_by_one(number(100, "e10", "V0", weight="5", items="1")),
        ],
    )
    yield from read_strictly()
    yield from too_large()


def read_strictly() -> Iterator[Vector]:
    """What is a number, and what is none."""
    for index, text in enumerate(NUMBERS, 1):
        yield numbers(
            f"number-{index}",
            f"{json.dumps(text)} is a number.",
            one_by_one(number(0, "e1", weight="1"), number(1, "e2", weight=text)),
        )
    for index, text in enumerate(NO_NUMBERS, 1):
        yield numbers(
            f"bad-number-{index}",
            f"{json.dumps(text)} is no number of at most 15 digits and 4 decimals: it is ignored "
            "and flagged, and the event counts.",
            one_by_one(number(0, "e1", weight="1"), number(1, "e2", weight=text)),
        )
    yield numbers(
        "more-decimals-than-declared",
        "A number with more decimals than the rule keeps is bad, also if they are zeros.",
        one_by_one(
            number(0, "e1", total="1.25", items="1"),
            number(1, "e2", total="1.005"),
            number(2, "e3", total="1.000"),
            number(3, "e4", items="1.0"),
            number(4, "e5", items="1.5", total="2"),
        ),
    )
    yield numbers(
        "one-bad-number-of-three",
        "What is bad costs no other number.",
        one_by_one(number(0, "e1", total="much", items="2", weight="3")),
    )


def too_large() -> Iterator[Vector]:
    """Results of 2^53 and more."""
    yield numbers(
        "integers-below-2-to-the-53",
        "9007199254740991 stands. What would reach 2^53 is not added, and flagged.",
        one_by_one(
            *(number(n, f"e{n}", items="9" * 15) for n in range(9)),
            number(10, "e10", items="7199254741000"),
            number(11, "e11", items="1"),
            number(12, "e12", items="-1"),
            number(13, "e13", items="2"),
            number(14, "e14", items="1"),
        ),
        Read(),
    )
    yield numbers(
        "integers-above-minus-2-to-the-53",
        "The same below zero.",
        one_by_one(
            *(number(n, f"e{n}", items="-" + "9" * 15) for n in range(9)),
            number(10, "e10", items="-7199254741000"),
            number(11, "e11", items="-1"),
            number(12, "e12", items="1"),
        ),
        Read(),
    )
    yield numbers(
        "decimals-below-2-to-the-53",
        "Four decimals leave less room: 900719925474.0991 is the largest number.",
        one_by_one(
            number(0, "e1", weight="900719925474"),
            number(1, "e2", weight="0.0991"),
            number(2, "e3", weight="0.0001"),
            number(3, "e4", weight="-1000000000000"),
            number(4, "e5", weight="-900719925474"),
        ),
        Read(),
    )
    yield numbers(
        "number-too-large-by-itself",
        "A number that is too large for its decimals is bad: with four of them no more than 12 "
        "digits stand before the point.",
        one_by_one(
            number(0, "e1", weight="123456789012345"),
            number(1, "e2", weight="5"),
            number(2, "e3", weight="-123456789012345"),
        ),
        Read(),
    )


def number(
    seconds: int,
    event_id: str,
    visit: str = "A",
    *,
    total: str = "",
    items: str = "",
    weight: str = "",
) -> Event:
    """A sale."""
    ms = str(START + seconds * 1000)
    return Event("", ms, ms, "", event_id, visit, "Sale", "shop", (items, total, weight))


def numbers(name: str, why: str, calls: list[Call], *more: Read) -> Vector:
    """Make a vector of these rules."""
    return vector("numbers", name, why, [*calls, *more])
