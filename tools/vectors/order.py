"""Events that arrive in another order than they happened, and several in a call."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import DAY, START, Call, click, one_by_one, timed, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
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
    yield lean(
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
    yield lean(
        "any-order-forward",
        "Sister of any-order-backward: the same events, the same hash.",
        one_by_one(*events),
    )
    yield lean(
        "any-order-backward",
        "Sister of any-order-forward: the same events, the same hash.",
        one_by_one(*reversed(events)),
    )
    yield lean(
        "equal-times",
        "At one time the bytes of the page decide what is first and last; never arrival, and never "
        "the event id.",
        one_by_one(
            *(
                view(0, "A", page, f"tie-{page}")
                for page in ("m", "Z", "a", "é", "z", "A", "[", "zz")
            )
        ),
    )
    yield lean(
        "equal-times-a-beginning-is-less",
        "A page that is the beginning of another one comes before it. Bytes have no sign: FF is "
        "the greatest.",
        one_by_one(
            *(
                view(0, "A", page, f"tie-{page}")
                for page in ("home", "hom", "home\0", "\x7f", "\u07ff")
            )
        ),
    )
    yield lean(
        "equal-times-of-one-page",
        "Two events with one time and one page change nothing, in whatever order they come.",
        one_by_one(view(0, "A", "home", "e1"), view(0, "A", "home", "e2"), click(0, "A", "e3")),
    )
    for name, clocks in {"forward": (3, 5, 9), "backward": (9, 5, 3), "mixed": (5, 9, 3)}.items():
        yield lean(
            f"equal-times-by-created-{name}",
            "All of these clocks are days ahead, so all events get the same time. Then what the "
            "device wrote decides, before the bytes of the page.",
            one_by_one(*(timed(str(START + days * DAY), f"{9 - days} page") for days in clocks)),
        )
    yield lean(
        "equal-times-without-created",
        "At one time an event whose device does not say when it was made comes before all that do.",
        one_by_one(
            timed(str(START), "a", str(START)),
            timed("", "z", str(START)),
            timed("?", "y", str(START)),
        ),
    )
    yield lean(
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
