"""Stored outputs: calls with a second key, whose events get their first answers again."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, article, lean
from tools.vectors.calls import Call, Event, click, view

_STREAM = "0/events/0"


def _events() -> list[Event]:
    """Events of two visits, at the offsets 0 to 5."""
    return [
        view(0, "A", "home", "e0", "0"),
        view(1, "A", "prices", "e1", "1"),
        view(2, "A", "cart", "e2", "2"),
        click(3, "B", "e3", "3"),
        view(4, "B", "terms", "e4", "4"),
        view(5, "A", "home", "e5", "5"),
    ]


def _call(*events: Event, stream: str = _STREAM, floor: str = "") -> Call:
    return Call(list(events), stream=stream, floor=floor, stores=True)


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for preset, make in (("lean", lean), ("article", article)):
        a, b, c, d, e, f = _events()
        other = view(99, "C", "other", "o1", "7")
        yield make(
            f"{preset}-outputs-again",
            "A call that comes again, as it was, gets the reply that it got first, although the "
            "profile has moved.",
            [_call(a, b), _call(c), _call(a, b), _call(c)],
        )
        yield make(
            f"{preset}-outputs-another-split",
            "Events come again in other calls, together with new ones; what another stream did in "
            "between is not in their answers.",
            [
                _call(a, b, c),
                _call(other, stream="0/events/1"),
                _call(d),
                _call(a),
                _call(b, c, d, e),
                _call(a, b),
                _call(c, d, e, f),
                _call(other, stream="0/events/1"),
            ],
        )
        yield make(
            f"{preset}-outputs-floor",
            "What stands below the floor is committed; what stands at it and above still answers.",
            [_call(a), _call(b), _call(b, c, floor="1"), _call(b, floor="1"), _call(c, floor="2")],
        )
        yield make(
            f"{preset}-outputs-of-one-key",
            "A call with one key stores nothing: its events come back with the current profile.",
            [Call([a, b], stream=_STREAM), Call([a], stream=_STREAM), _call(c), _call(c)],
        )
