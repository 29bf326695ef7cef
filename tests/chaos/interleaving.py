"""A visitor whose events come by several partitions: does some order of them explain every output?

Nobody knows in which order Redis saw them, only that each partition's are in order. The search
goes forward event by event, and only where the fold gives what came out; as every event counts,
an output hardly ever fits at two places, and the search goes nearly straight.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.places import Place
    from tests.oracles.shape import Shape

PREFIX = "profile_"
_EVENTS = f"{PREFIX}visitor_events"
#: Steps of one search. Without a fault it takes one a event.
MOST_STEPS = 20_000


class Told(NamedTuple):
    """An input, and what came out for it.

    Attributes:
        place: of the input.
        flat: the flattened event.
        record_ms: the record's time.
        outputs: all copies, decoded; where there is none, any order fits.
    """

    place: Place
    flat: dict[str, Any]
    record_ms: int
    outputs: list[dict[str, Any]]

    def expected(self, fold: StandardFold) -> dict[str, Any]:
        """Let the fold apply it; return what must leave."""
        profile = fold.apply(self.flat, record_ms=self.record_ms) or {}
        return self.flat | {f"{PREFIX}{name}": value for name, value in profile.items()}


class Explanation(NamedTuple):
    """The best order found.

    Attributes:
        unexplained: outputs that do not fit it; 0 where it explains all.
        fold: after all events.
    """

    unexplained: int
    fold: StandardFold


def explained(streams: Sequence[Sequence[Told]], shape: Shape) -> Explanation:
    """Search an order of one visitor's events in which the fold gives every output.

    Of an input that came out twice one copy must fit; each other copy that does not is wrong.

    Args:
        streams: events by partition, in the order of their offsets.
        shape: of the fold.
    """
    clean = _Search(streams).from_here((0,) * len(streams), Explanation(0, StandardFold(shape)))
    return clean or _as_good_as_possible(streams, shape)


def _as_good_as_possible(streams: Sequence[Sequence[Told]], shape: Shape) -> Explanation:
    """Go forward where an output fits, and else count one as wrong, the earliest by its count."""
    at, fold, wrong = [0] * len(streams), StandardFold(shape), 0
    while unread := [n for n, stream in enumerate(streams) if at[n] < len(stream)]:
        fits = (n for n in unread if _fits(streams[n][at[n]], fold))
        number = next(fits, None)
        if number is None:
            number = min(unread, key=lambda n: _claimed(streams[n][at[n]]))
        told = streams[number][at[number]]
        right = told.expected(fold)
        wrong += sum(output != right for output in told.outputs)
        at[number] += 1
    return Explanation(max(1, wrong), fold)


def _fits(told: Told, fold: StandardFold) -> bool:
    return told.expected(copy.deepcopy(fold)) in told.outputs or not told.outputs


def _claimed(told: Told) -> int:
    """How many events there were, as the first output says."""
    return int(told.outputs[0].get(_EVENTS) or 0) if told.outputs else 0


class _Search:
    """Depth first, by how far it is in each stream."""

    def __init__(self, streams: Sequence[Sequence[Told]]) -> None:
        self._streams = streams
        self._steps = 0

    def from_here(self, at: tuple[int, ...], so_far: Explanation) -> Explanation | None:
        """Explain the rest, where that is possible."""
        if all(place == len(s) for s, place in zip(self._streams, at, strict=True)):
            return so_far
        for number in self._likely_first(at):
            stream, place = self._streams[number], at[number]
            self._steps += 1
            if self._steps > MOST_STEPS:
                break
            outputs, fold = stream[place].outputs, copy.deepcopy(so_far.fold)
            right = stream[place].expected(fold)
            if right in outputs or not outputs:
                wrong = so_far.unexplained + sum(output != right for output in outputs)
                moved = (*at[:number], place + 1, *at[number + 1 :])
                if (found := self.from_here(moved, Explanation(wrong, fold))) is not None:
                    return found
        return None

    def _likely_first(self, at: tuple[int, ...]) -> list[int]:
        """The streams, those first whose next output says that it is the next event."""
        count = sum(at) + 1

        def is_unlikely(number: int) -> bool:
            stream, place = self._streams[number], at[number]
            return count not in [output.get(_EVENTS) for output in stream[place].outputs]

        unread = [n for n, stream in enumerate(self._streams) if at[n] < len(stream)]
        return sorted(unread, key=is_unlikely)
