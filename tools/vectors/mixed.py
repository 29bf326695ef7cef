"""Streams of events in which everything meets everything: drawn, but always the same ones."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import DAY, HOUR, START, Call, Event, Read

T = TypeVar("T")

STREAMS_PER_SCRIPT = {"lean": 70, "article": 30, "small": 30, "numbers": 20}
MOST_CALLS = 7
MOST_EVENTS = 4

TYPES = ("Pageview", "Pageview", "Pageview", "Click", "")
PAGES = ("home", "home", "prices", "blog", "é🙂", "a page of 18 bytes", "")
NUMBERS = ("", "", "1", "2", "-3", "0.5", "19.99", "-0.25", "1.125", "much", "99999999999999")
EVENT_IDS = (*(f"e{n}" for n in range(12)), "", "")
#: Of more than eight visits one is forgotten; few visits meet more often.
VISITS = (("A", "B"), ("A", "B", "C", ""), (*"ABCDEFGHIJ", ""))
STREAMS = (("",), ("0:events:0",), ("0:events:0", "0:events:1", ""))
#: Mostly onwards, so that most events are applied.
STEPS = (1, 1, 1, 1, 2, 5, 0, -1, -3)
#: Created against received, in ms; text is no time at all, or none.
TIMES: tuple[int | str, ...] = (
    *(0, 0, 0, 1, -1, 500, -60_000, -HOUR, HOUR, HOUR + 1, -30 * DAY, -30 * DAY - 1, 9 * DAY),
    *("", "soon"),
)
#: Sent against received.
SENT: tuple[int | str, ...] = ("", "", "", 0, 40, -40, -2 * HOUR, HOUR, -9 * DAY, "?")


class Draw:
    """Picks from a seed; `random` does not promise the same picks in another Python."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def __call__(self, alphabet: Sequence[T]) -> T:
        """One of these."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()
        return alphabet[int.from_bytes(digest[:8], "big") % len(alphabet)]


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for script, count in STREAMS_PER_SCRIPT.items():
        for number in range(1, count + 1):
            name = f"mixed-{script}-{number}"
            yield vector(
                script,
                name,
                "Late, repeated, redelivered and interleaved events together, drawn by chance: if "
                "only this fails, make the smallest part of it that fails a vector of its own.",
                [*calls_of(Draw(name), numbers=3 if script == "numbers" else 0), Read()],
            )


def calls_of(draw: Draw, *, numbers: int) -> Iterator[Call]:
    """Calls of one visitor, each with the events of one stream."""
    visits, streams = draw(VISITS), draw(STREAMS)
    offsets = dict.fromkeys(streams, 10)
    now = START
    for _ in range(draw(range(2, MOST_CALLS + 1))):
        stream = draw(streams)
        floor = draw(("", str(offsets[stream])))
        events = []
        for _ in range(draw(range(1, MOST_EVENTS + 1))):
            offsets[stream] = max(0, offsets[stream] + draw(STEPS))
            now += draw((0, 1, 1_000, 1_000, HOUR))
            events.append(
                Event(
                    str(offsets[stream]) if stream else "",
                    draw((*[str(now)] * 9, "")),
                    _against(now, draw(TIMES)),
                    _against(now, draw(SENT)),
                    draw(EVENT_IDS),
                    draw(visits),
                    draw(("Sale", "Offer")) if numbers else draw(TYPES),
                    draw(PAGES),
                    tuple(draw(NUMBERS) for _ in range(numbers)),
                )
            )
        yield Call(events, stream=stream, floor=floor if stream else "")


def _against(now: int, time: int | str) -> str:
    return time if isinstance(time, str) else str(now + time)
