"""Calls that read, and the names of the fields."""

from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, lean, vector
from tools.vectors.calls import START, Call, Names, Read, click, key_of, one_by_one, view
from tools.vectors.rules import ARRIVAL_FIELDS
from tools.vectors.scripts import SCRIPTS


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for script in SCRIPTS:
        known = ARRIVAL_FIELDS if script == "arrival" else ()
        yield vector(
            script,
            f"fields-{script}",
            "The script names its fields in the order of its answers, with a key and without.",
            [Names(known=known), Names((key_of("alice"),), known)],
            keeps_ttl=False,
        )
    yield from of_both_presets()
    yield lean(
        "read-no-visit",
        "A visitor whose events had no visit id is read without visit fields.",
        [Call([view(0, "", "home", "e1")]), Read()],
    )
    yield lean(
        "read-without-pages",
        "What is not known is left out: a read has no nil.",
        [Call([click(0, "A", "e1")]), Read()],
    )
    yield lean(
        "read-visitor-of-no-time",
        "A visitor of whom no time is known has no first and last.",
        [Call([view(0, "A", "home", "e1")._replace(received="", created="")]), Read()],
    )
    yield lean(
        "read-between-folds",
        "A read changes nothing: what is folded after it goes on from where it was.",
        [
            Call([view(0, "A", "home", "e1", "1")], stream="s"),
            Read(),
            Call([view(0, "A", "home", "e1", "1")], stream="s"),
            Read(),
            Call([view(1, "A", "prices", "e2", "2")], stream="s"),
        ],
    )
    yield vector(
        "small",
        "small-read",
        "Plain fields and a read show the same.",
        [
            *one_by_one(view(0, "A", "home", "1"), click(1, "B", "2"), view(2, "A", "x", "3")),
            Read(),
        ],
    )


def of_both_presets() -> Iterator[Vector]:
    """Reads that every script answers."""
    first, second = view(0, "A", "home", "e1", "0"), view(1, "B", "prices", "e2", "1")
    for preset in PRESETS:
        yield vector(
            preset,
            f"read-unknown-visitor-{preset}",
            "A visitor who is not known is an empty array, and is not made.",
            [Read(), Read(str(START))],
            keeps_ttl=False,
        )
        yield vector(
            preset,
            f"read-{preset}",
            "A read answers with the names and values that are known, of the latest visit.",
            [
                Call([second], stream="s"),
                Call([first._replace(offset="2")], stream="s"),
                Read(),
            ],
        )
        for number, now in enumerate(("0", str(START), "999999999999999"), 1):
            yield vector(
                preset,
                f"read-now-{number}-{preset}",
                f"`now` may be any time ({now}); these rules have no field that depends on it.",
                [Call([first]), Read(now)],
            )
        for number, now in enumerate(("soon", "-1", "1.5", "nan", "1 1", "1" * 16), 1):
            yield vector(
                preset,
                f"read-bad-now-{number}-{preset}",
                f"`now` is up to 15 digits or empty, not '{now}'.",
                [Call([first]), Read(now, error="EBADARG"), Read()],
            )
