"""Events become script calls; with `arguments`, the only place that knows KEYS and ARGV."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from profiler.profiles.arguments import EventArguments
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.keys import key_of, sidecar_of
from profiler.profiles.redis import Word
from profiler.profiles.reply import Outcome
from profiler.records.times import Clock
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import MAX_EVENTS
from profiler.rules.model import Rules

#: Where a call has the floor and the number of its events.
_FLOOR, _COUNT = 2, 3

#: So many arguments stand before the arguments of the events.
_PER_CALL = 4

#: Stands for the latest call of a visitor that has none; never changed.
_NO_CALL: tuple[int, str, list[int], list[Word]] = (-1, "", [], [])


class Call(NamedTuple):
    """One script call: one visitor's events of one stream, at most `MAX_EVENTS`.

    Attributes:
        key: KEYS[1].
        arguments: ARGV.
        places: for each event its place in the batch.
        sidecar: KEYS[2], where what it answers is kept for a redelivery; else empty.
    """

    key: str
    arguments: list[Word]
    places: list[int]
    sidecar: str = ""

    @property
    def last_offset(self) -> Word:
        """The offset of its last event."""
        return self.arguments[-((len(self.arguments) - _PER_CALL) // len(self.places))]


class Packer:
    """Packs the events of one set of rules.

    Args:
        rules: see `EventArguments`.
        max_id_bytes: likewise.
        clock: likewise.
        stored: which id Redis gets for a visitor's.
        meet: told of each visitor's own id and key before they are in a call.

    Attributes:
        rules: as they came; likewise what follows.
        max_id_bytes: as above.
        clock: as above.
        stored: as above.
        meet: as above.
        arguments: makes an event's part of a call.

    Raises:
        ConfigError: the rules hash fields, and there is no key.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        max_id_bytes: int,
        clock: Clock,
        stored: StoredIds = PLAIN,
        meet: Callable[[str, str], None] | None = None,
    ) -> None:
        self.rules = rules
        self.max_id_bytes = max_id_bytes
        self.clock = clock
        self.stored = stored
        self.meet = meet
        self.arguments = EventArguments(
            rules, max_id_bytes=max_id_bytes, clock=clock, keyed_hash=stored.keyed_hash
        )

    def rounds(self, events: Iterable[FlatEvent], outcomes: list[Outcome]) -> list[list[Call]]:
        """The calls by rounds, in which every visitor has one call.

        Two calls of one visitor are never under way together: where a visitor has events of
        several streams, or more than fit a call, the next call goes in the next round. An event
        without a visitor id is in no call.

        Args:
            events: in the order in which they are to be folded; each is taken when the one before
                is packed.
            outcomes: takes what is known of each event: code and reason of a bad id, else None.
        """
        #: By visitor: round, stream, events and arguments of the latest call.
        latest: dict[str, tuple[int, str, list[int], list[Word]]] = {}
        rounds: list[list[Call]] = []
        now_ms = self.clock()
        arguments_of = self.arguments.of
        for place, event in enumerate(events):
            found = arguments_of(event, now_ms)
            if found is None or isinstance(found, Rejected):
                outcomes.append(found)
                continue
            outcomes.append(None)
            visitor_id, words = found
            stream = event.stream
            number, last_stream, places, arguments = latest.get(visitor_id, _NO_CALL)
            if not places or last_stream != stream or len(places) == MAX_EVENTS:
                call = self._new_call(visitor_id, stream)
                number += 1
                places, arguments = call.places, call.arguments
                latest[visitor_id] = (number, stream, places, arguments)
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(call)
            places.append(place)
            arguments += words
        for calls in rounds:
            for call in calls:
                call.arguments[_COUNT] = len(call.places)
        return rounds

    def _new_call(self, visitor_id: str, stream: str) -> Call:
        stored_id = self.stored.of(visitor_id)
        key = key_of(self.rules.store.key, stored_id)
        if self.meet is not None:
            self.meet(visitor_id, key)
        return Call(key, [stored_id, stream, "", 0], [])


def storing(call: Call, floors: Mapping[str, int]) -> Call:
    """The call with a sidecar; as it is in no stream, and where all its events are committed.

    Args:
        call: from `Packer.rounds`.
        floors: by stream the oldest offset that is not committed, as far as it is known.
    """
    stream = str(call.arguments[1])
    floor = floors.get(stream)
    if not stream or (floor is not None and int(call.last_offset) < floor):
        return call
    call.arguments[_FLOOR] = "" if floor is None else floor
    return call._replace(sidecar=sidecar_of(call.key))
