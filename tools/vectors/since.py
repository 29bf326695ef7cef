"""How long ago the latest event was. The rules are in lua/vectors/rules/since.toml."""

from collections.abc import Iterator, Sequence

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import START, Call, Read, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield since(
        "time-since",
        "In the answer to an event now is the event's time; nothing is known before there was one.",
        [
            *one_by_one(
                click(0, "A", "e1"),
                view(1, "A", "home", "e2"),
                click(4, "A", "e3"),
                click(5, "B", "e4"),
                view(6, "B", "home", "e5"),
                click(7, "A", "e6"),
            ),
            Read(),
        ],
    )
    yield since(
        "time-since-read",
        "A read says what now is. Without a now, and before the event, nothing has passed.",
        [
            Call([view(1, "A", "home", "e1"), click(4, "A", "e2")]),
            *(Read(str(START + ms)) for ms in (0, 1_000, 1_001, 4_000, 90_000)),
            Read("0"),
            Read("9" * 15),
            Read(),
        ],
    )
    yield since(
        "time-since-out-of-order",
        "An event from before the latest one is shown that nothing has passed; a replayed one and "
        "one without a time are, too.",
        [
            Call([view(9, "A", "home", "e1", "1"), view(5, "A", "home", "e2", "2")], stream="s"),
            Call([click(20, "A", "e3", "2")], stream="s"),
            Call([click(0, "A", "e4", "3")._replace(created="", received="")], stream="s"),
            Call([click(30, "A", "e5", "4")], stream="s"),
        ],
    )
    yield since(
        "time-since-late-and-repeated",
        "A repeat moves the latest time, a late event does not.",
        [
            Call([view(100 * n, f"V{n}", "home", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(1, "X", "old", "f1"),
                view(850, "V8", "home", "e8"),
                click(860, "V8", "f2"),
            ),
        ],
    )


def since(name: str, why: str, calls: Sequence[Call | Read]) -> Vector:
    """Make a vector of these rules."""
    return vector("since", name, why, calls)
