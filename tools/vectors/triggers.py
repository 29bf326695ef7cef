"""Triggers: what fires and undoes them. The rules are in lua/vectors/rules/triggers.toml."""

from collections.abc import Iterator, Sequence

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Event, Read, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield triggers(
        "triggers-fire-once",
        "Each fires at the first event whose answer it holds for, once for a visitor or a visit; a "
        "repeat and a read fire nothing.",
        [
            *one_by_one(
                sale(0, "A", "10.5", "e1"),
                sale(1, "A", "0.01", "e2"),
                page(2, "B", "home", "e3"),
                page(2, "B", "home", "e3"),
                sale(3, "B", "100", "e4"),
            ),
            Read(),
        ],
    )
    yield triggers(
        "triggers-retracted",
        "What undoes one retracts it with the id of its firing, and it may fire again with that "
        "id; within one call too.",
        [
            Call([page(9, "A", "home", "e1"), page(8, "A", "blog", "e2"), page(7, "A", "q", "e3")]),
            Call([sale(10, "A", "11", "e4"), sale(11, "A", "-1", "e5"), sale(12, "A", "5", "e6")]),
        ],
    )
    yield triggers(
        "triggers-of-a-flag-stay",
        "One that asks for a flag is of one event: no later one undoes it.",
        one_by_one(plain(1, "A", "e1"), page(2, "A", "home", "e2"), plain(3, "B", "e3")),
    )
    yield triggers(
        "triggers-of-late-events-and-forgotten-visits",
        "A late event fires what is the visitor's. A visit that comes back fires nothing: it may "
        "have done so before.",
        one_by_one(
            page(10, "A", "home", "e1"),
            page(20, "B", "home", "e2"),
            page(30, "C", "home", "e3"),
            sale(5, "D", "20", "e4"),
            page(40, "A", "home", "e5"),
            page(41, "A", "home", "e6"),
        ),
    )
    yield triggers(
        "triggers-without-identity",
        "An event that nothing recognises fires, too; content stands for an id that is missing.",
        one_by_one(
            page(1, "A", "home", "")._replace(created="", received=""),
            page(2, "B", "home", ""),
            page(2, "B", "home", ""),
        ),
    )
    yield triggers(
        "triggers-of-replayed-events",
        "Without a stored answer a replayed event says again what it fired, and any says what was "
        "undone, or fired again.",
        [
            Call(
                [placed(page(9, "A", "home", "e1"), 1), placed(plain(10, "A", "e2"), 2)], stream="s"
            ),
            Call(
                [placed(page(9, "A", "home", "e1"), 1), placed(plain(10, "A", "e2"), 2)], stream="s"
            ),
            Call([placed(page(8, "A", "blog", "e3"), 3)], stream="s"),
            Call(
                [placed(plain(10, "A", "e2"), 2), placed(page(8, "A", "blog", "e3"), 3)], stream="s"
            ),
            Call([placed(page(7, "A", "q", "e4"), 4)], stream="s"),
            Call([placed(page(7, "A", "q", "e4"), 4)], stream="s"),
        ],
    )
    again = [placed(page(9, "A", "home", "e1"), 1), placed(page(8, "A", "blog", "e2"), 2)]
    more = placed(page(7, "A", "q", "e3"), 3)
    yield triggers(
        "triggers-of-stored-outputs",
        "With a stored answer a redelivered event tells what it told first, and nothing else.",
        [
            Call(again, stream="s", stores=True),
            Call([more], stream="s", stores=True),
            Call(again, stream="s", stores=True),
            Call([*again, more], stream="s", stores=True),
            Call([more], stream="s", stores=True),
        ],
    )
    yield vector(
        "triggers",
        "triggers-ids-of-bytes",
        "An id is made of bytes, each text behind its length.",
        one_by_one(page(1, "é 1:x", "home", "e1")),
        visitor="zoë 5:A",
    )


def triggers(name: str, why: str, calls: Sequence[Call | Read]) -> Vector:
    """Make a vector of these rules."""
    return vector("triggers", name, why, calls)


def sale(seconds: float, visit: str, total: str, event_id: str) -> Event:
    """A sale of so much."""
    return click(seconds, visit, event_id)._replace(event_type="Sale", more=(total,))


def page(seconds: float, visit: str, title: str, event_id: str) -> Event:
    """A page view."""
    return view(seconds, visit, title, event_id)._replace(more=("",))


def plain(seconds: float, visit: str, event_id: str) -> Event:
    """An event without a page and a total."""
    return click(seconds, visit, event_id)._replace(more=("",))


def placed(event: Event, offset: int) -> Event:
    """The event at an offset."""
    return event._replace(offset=str(offset))
