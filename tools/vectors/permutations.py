"""The same events in every order: one profile."""

import itertools
from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import Call, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    events = {
        "a1": view(0, "A", "first", "e1"),
        "a2": view(5, "A", "second", "e2"),
        "a3": view(5, "A", "tie", "e3"),
        "b1": click(9, "B", "e4"),
    }
    for number, order in enumerate(itertools.permutations(events), 1):
        yield lean(
            f"order-{number}-of-24",
            f"In the order {' '.join(order)} the hash is that of every other order; visit_number "
            "alone depends on arrival.",
            one_by_one(*(events[name] for name in order)),
        )
    for number, order in enumerate(itertools.permutations(list(events)[:3]), 1):
        yield lean(
            f"order-in-one-call-{number}-of-6",
            f"The order {' '.join(order)} within one call, twice: the second time changes nothing.",
            [Call([events[name] for name in order])] * 2,
        )
