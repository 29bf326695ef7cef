"""Visitors who were forgotten: a mark stands where the profile was."""

from collections.abc import Iterator, Sequence

from tools.vectors.builders import TTL_MS, Vector, vector
from tools.vectors.calls import HOUR, START, Call, Names, Read, Text, click, one_by_one, view
from tools.vectors.calls import key_of as key_for
from tools.vectors.gaps import MINUTE
from tools.vectors.gaps import event as at_minute
from tools.vectors.triggers import page, sale

MARK_MS = 60_000
#: All events, whenever they are.
FOR_EVER = 10**15 - 1


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from dividing()
    yield from marks()
    yield from beside_other_rules()


def dividing() -> Iterator[Vector]:
    """Which events are from before."""
    yield forget(
        "forget-before-and-after",
        "What is from before counts nothing, opens nothing and has no profile, whenever it comes; "
        "what is later begins anew.",
        [
            Call([view(-1, "A", "old", "e1")]),
            Read(),
            Call([view(0, "A", "new", "e2"), view(-5, "A", "older", "e3"), click(3, "A", "e4")]),
            *one_by_one(view(-1, "A", "old", "e1"), view(9, "B", "more", "e5")),
            Read(),
        ],
    )
    after, before = str(START), str(START - 1)
    made = view(0, "A", "page")
    yield forget(
        "forget-by-either-time",
        "The time of receipt says it, and the device's own; an event of no time is from before.",
        one_by_one(
            made._replace(event_id="e1", received=before),
            made._replace(event_id="e2", created=before),
            made._replace(event_id="e3", received="", created=before),
            made._replace(event_id="e4", received=before, created=""),
            made._replace(event_id="e5", received="", created=""),
            made._replace(event_id="e6", received="", created="soon"),
            made._replace(event_id="e7", received="", created="5"),
            made._replace(event_id="e8", received="", created=after),
            made._replace(event_id="e9", received=after, created=""),
            made._replace(event_id="f1", received=after, created="5"),
            made._replace(event_id="f2", received=after, created="94694399999"),
            made._replace(event_id="f3", received=after, created="94694400000"),
            made._replace(event_id="f4", received=after, created="soon"),
            made._replace(
                event_id="f5", received=str(START + 9), created=str(START - HOUR), sent=before
            ),
        ),
    )
    yield forget(
        "forget-for-ever",
        "A mark of all times: whatever comes brings nobody back, and the mark keeps its time.",
        [Call([view(0, "A", "page", "e1"), view(9**9, "A", "page", "e2")]), Read()],
        till=FOR_EVER,
        ttl_ms=MARK_MS,
    )


def marks() -> Iterator[Vector]:
    """What becomes of the mark, and of what comes again."""
    yield forget(
        "forget-longer-than-a-profile",
        "A profile behind a mark ends no sooner than the mark.",
        [*one_by_one(view(0, "A", "page", "e1"), view(-1, "A", "page", "e2")), Read()],
        keep_ms=2 * TTL_MS,
        ttl_ms=2 * TTL_MS,
    )
    again = [
        view(-1, "A", "old", "e1", "1"),
        view(1, "A", "new", "e2", "2"),
        view(-2, "A", "older", "e3", "3"),
        view(2, "A", "newer", "e4", "4"),
    ]
    yield forget(
        "forget-redelivered",
        "What comes again is forgotten again, or replayed: neither counts.",
        [Call(again, stream="s"), Call(again, stream="s"), *one_by_one(*again, stream="s"), Read()],
    )
    yield forget(
        "forget-redelivered-with-stored-outputs",
        "Of what is from before nothing is stored; of what is later its first answers are.",
        [
            Call(again[:1], stream="s", stores=True),
            Call(again[1:], stream="s", stores=True),
            Call(again, stream="s", stores=True),
            *[Call([each], stream="s", stores=True) for each in again],
        ],
    )
    yield vector(
        "lean",
        "forget-mark-that-is-too-short",
        "Half a mark is no mark: nobody knows up to which time.",
        [Call([view(0, "A", "page", "e1")], error="EPROFILE"), Read(error="EPROFILE")],
        before=[["HSET", key_for("alice"), "~", b"f" + START.to_bytes(7, "big")[:6]]],
        stored={},
        keeps_ttl=False,
    )


def beside_other_rules() -> Iterator[Vector]:
    """What other rules do with events from before."""
    till = START + 100 * MINUTE * 1000
    bridge = at_minute("e4", 137)._replace(received=str(till - 1))
    yield forget(
        "forget-and-gap-visits",
        "An event from before joins no visits, although it lies near to two; it moves none, and "
        "opens none.",
        [
            *one_by_one(
                at_minute("e1", 20),
                at_minute("e2", 110),
                at_minute("e3", 165),
                bridge,
                at_minute("e5", 99),
            ),
            Call([bridge, at_minute("e9", 111)]),
            *one_by_one(at_minute("e6", 138)),
            Call([bridge, at_minute("e7", 400), at_minute("e5", 99), at_minute("e8", 139)]),
            Read(),
        ],
        script="gaps",
        till=till,
    )
    yield forget(
        "forget-and-triggers",
        "An event from before fires nothing and undoes nothing.",
        one_by_one(
            sale(-1, "A", "100", "e1"),
            page(1, "A", "home", "e2"),
            page(-1, "A", "blog", "e3"),
            sale(2, "A", "11", "e4"),
            sale(-2, "A", "-9", "e5"),
        ),
        script="triggers",
    )
    yield forget(
        "forget-in-order-of-arrival",
        "The same without times in the rules; plain fields are those of what is later.",
        [
            *one_by_one(view(-1, "A", "old"), view(0, "A", "new"), view(-1, "B", "older")),
            Read(),
        ],
        script="article",
    )


def forget(
    name: str,
    why: str,
    calls: Sequence[Call | Read | Names],
    *,
    script: str = "lean",
    till: int = START,
    keep_ms: int = MARK_MS,
    ttl_ms: int = TTL_MS,
) -> Vector:
    """Make a vector of a visitor who was forgotten.

    Args:
        name: as in `vector`.
        why: likewise.
        calls: likewise.
        script: likewise.
        till: what is from before it, in ms, is nobody's.
        keep_ms: so long the mark lives.
        ttl_ms: so long the key lives after the last call.
    """
    key = key_for("alice")
    mark: Text = b"f" + till.to_bytes(7, "big")
    before: list[list[Text]] = [["HSET", key, "~", mark], ["PEXPIRE", key, str(keep_ms)]]
    made = vector(script, name, why, calls, before=before, till=till)
    return made | {"ttl_ms": ttl_ms}
