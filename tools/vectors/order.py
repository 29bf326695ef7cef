"""Events that arrive in another order than they happened, and several in a call."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, standard
from tools.vectors.calls import Call, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield standard(
        "out-of-order-corrected",
        "An earlier event that arrives late moves entry pages and starts (`corrected`), not the "
        "last pages and ends; one that confirms the known page corrects nothing.",
        one_by_one(
            view(100, "A", "second", "e2"),
            view(50, "A", "first", "e1"),
            view(150, "A", "third", "e3"),
            view(70, "A", "between", "e4"),
            view(40, "A", "first", "e5"),
            click(10, "A", "e6"),
        ),
    )
    yield standard(
        "out-of-order-visits",
        "A visit that began earlier and arrives later corrects the visitor's entry page, keeps "
        "its number of arrival, and is not the latest visit.",
        one_by_one(
            view(7200, "B", "blog", "e2"),
            view(0, "A", "home", "e1"),
        ),
    )
    events = (
        view(0, "A", "one", "e1"),
        view(5, "A", "two", "e2"),
        click(7, "A", "e3"),
        view(7, "A", "three", "e4"),
        view(7, "A", "four", "e5"),
    )
    yield standard(
        "any-order-forward",
        "Sister of any-order-backward: the same events, the same hash.",
        one_by_one(*events),
    )
    yield standard(
        "any-order-backward",
        "Sister of any-order-forward: the same events, the same hash.",
        one_by_one(*reversed(events)),
    )
    yield standard(
        "equal-times",
        "At one time the first 6 bytes of the SHA-1 of the event id decide, by their value, what "
        "is first and last; never arrival.",
        one_by_one(*(view(0, "A", f"page {n}", f"tie-{n}") for n in range(12))),
    )
    yield standard(
        "batch",
        "One call folds several events in order and answers with the profile after each.",
        [
            Call(
                [
                    view(0, "A", "home", "e1"),
                    click(5, "A", "e2"),
                    view(10, "B", "blog", "e3"),
                    view(3, "A", "prices", "e4"),
                    view(10, "B", "blog", "e3"),
                    view(12, "", "banner", "e5"),
                ]
            ),
            Call([view(20, "B", "imprint", "e6"), click(21, "A", "e7")]),
        ],
    )
