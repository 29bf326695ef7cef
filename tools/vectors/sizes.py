"""Calls of 1, 2 and 500 events; empty values, and values of 64 KiB."""

from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, vector
from tools.vectors.calls import Call, click, one_by_one, view

LARGE_BYTES = 65_536


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for preset in PRESETS:
        for count in (1, 2, 500):
            # Pages come back, so that the file stays small.
            events = [
                view(n, "AB"[n % 2], "home" if n % 7 else "prices", f"e{n % 40}", str(n))
                for n in range(count)
            ]
            yield vector(
                preset,
                f"call-of-{count}-{preset}",
                f"{count} in one call: an answer for each, in order, each as of that event.",
                [Call(events, stream="0:events:0")],
            )
        yield vector(
            preset,
            f"one-by-one-equals-one-call-{preset}",
            "Sister of call-of-2: the same two events in two calls, the same hash.",
            one_by_one(
                view(0, "A", "prices", "e0", "0"),
                view(1, "B", "home", "e1", "1"),
                stream="0:events:0",
            ),
        )
        yield vector(
            preset,
            f"everything-empty-{preset}",
            "Empty means absent, everywhere but for the visitor and the received time.",
            one_by_one(*[view(n, "", "")._replace(event_type="", created="") for n in range(2)]),
        )
        yield vector(
            preset,
            f"page-of-64-kib-{preset}",
            "A long page is cut and says so; the next one is stored as it is.",
            one_by_one(
                view(0, "A", "x" * LARGE_BYTES, "e1"),
                view(1, "A", "short", "e2"),
            ),
        )
        yield vector(
            preset,
            f"ids-of-64-kib-{preset}",
            "Ids are never cut: a visit's comes back whole up to 65,535 bytes, an event's is only "
            "hashed.",
            one_by_one(
                view(0, "v" * (LARGE_BYTES - 1), "home", "e" * LARGE_BYTES),
                click(1, "A", "e" * LARGE_BYTES),
            ),
        )
        yield vector(
            preset,
            f"type-of-64-kib-{preset}",
            "An input that is only compared is neither stored nor cut.",
            one_by_one(click(0, "A", "e1")._replace(event_type="t" * LARGE_BYTES)),
        )
    yield vector(
        "lean",
        "visit-id-too-long",
        "A visit's id of more than 65,535 bytes is refused, and nothing moves.",
        [
            Call([view(0, "v" * LARGE_BYTES, "home", "e1")], error="EBADARG"),
            Call([view(0, "A", "home", "e1")]),
        ],
    )
