"""The two fuzzers: hostile records with fair replies, and fair records with hostile replies."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from tests.fuzz.duel import Difference, Duel
from tests.fuzz.records import Records
from tests.fuzz.replies import Replies
from tests.fuzz.setups import SETUPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Records of a batch, at most.
_MOST = 60


class Progress(NamedTuple):
    """What was compared so far.

    Attributes:
        inputs: records, or replies.
        rejected: records that became dead letters.
        difference: where the engines differ.
    """

    inputs: int
    rejected: int
    difference: Difference | None = None


class _Ring(NamedTuple):
    """A setup with what fights in it."""

    duel: Duel
    records: Records
    replies: Replies | None


def fuzz_records(seed: int) -> Iterator[Progress]:
    """Compare the engines over records without end."""
    chance = random.Random(seed)
    inputs = 0
    rings = _rings(chance, is_profiling=False)
    while True:
        ring = chance.choice(rings)
        records = [ring.records.any() for _ in range(chance.randint(1, _MOST))]
        difference = ring.duel.fight(records, ring.replies.fair if ring.replies else _no_reply)
        inputs += len(records)
        yield Progress(inputs, sum(ring.duel.rejected for ring in rings), difference)


def fuzz_replies(seed: int) -> Iterator[Progress]:
    """Compare the engines over replies without end."""
    chance = random.Random(seed)
    rings = _rings(chance, is_profiling=True)
    while True:
        ring = chance.choice(rings)
        assert ring.replies is not None
        records = [ring.records.fair() for _ in range(chance.randint(1, _MOST // 2))]
        difference = ring.duel.fight(records, ring.replies.any)
        inputs = sum(ring.duel.replies for ring in rings)
        yield Progress(inputs, sum(ring.duel.rejected for ring in rings), difference)


FUZZERS: dict[str, Callable[[int], Iterator[Progress]]] = {
    "records": fuzz_records,
    "replies": fuzz_replies,
}


def _rings(chance: random.Random, *, is_profiling: bool) -> list[_Ring]:
    return [
        _Ring(
            Duel(setup),
            Records(
                chance,
                setup.names,
                setup.settings.limits,
                setup.settings.room_bytes,
                is_flat=setup.mode == "profile",
            ),
            None if setup.mode == "flatten" else Replies(chance, setup.parsed_rules),
        )
        for setup in SETUPS
        if not is_profiling or setup.mode != "flatten"
    ]


def _no_reply(events: int) -> bytes:
    raise AssertionError(f"a call of {events} events in mode flatten")
