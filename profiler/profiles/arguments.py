"""Events become script calls; the only place that knows the order of KEYS and ARGV."""

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

from profiler.errors import InvalidRecordError
from profiler.profiles.ids import Ids, text_of
from profiler.profiles.keys import key_of
from profiler.records.json_objects import encode_object
from profiler.records.times import Clock, ReadingTimes, is_plausible, read_time
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import MAX_EVENTS
from profiler.rules.model import Rules

#: The script takes times of up to 15 digits.
_TOO_LATE_MS = 10**15

#: Stands for an event's own time that cannot be used; the script flags what is no number.
UNUSABLE = "?"


class Call(NamedTuple):
    """One script call: one visitor's events of one stream, at most `MAX_EVENTS`.

    Attributes:
        key: KEYS[1].
        arguments: ARGV.
        places: for each event its place in the batch.
    """

    key: str
    arguments: list[str | int]
    places: list[int]


class Times(NamedTuple):
    """What is known of an event's time, as the script takes it.

    Attributes:
        received: ms, or empty.
        own: ms, `UNUSABLE`, or empty.
        is_read: nothing was known, so the time of reading is taken.
    """

    received: int | Literal[""]
    own: int | str
    is_read: bool = False


class Packer:
    """Packs the events of one set of rules; all that changes is the latest reading time.

    Args:
        rules: name the identity fields and the inputs.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
        clock: the reader's, which says what time is plausible.
    """

    def __init__(self, rules: Rules, *, max_id_bytes: int, clock: Clock) -> None:
        self._ids = Ids(rules.identity, max_id_bytes=max_id_bytes)
        self._event_time = rules.identity.event_time
        self._inputs = rules.inputs
        self._pattern = rules.store.key
        self._takes_time = rules.takes_event_time
        self._recognises_events = rules.order == "event_time"
        self._clock = clock
        self._reading = ReadingTimes(clock)

    def rounds(
        self, events: Sequence[FlatEvent], rejected: dict[int, Rejected]
    ) -> list[list[Call]]:
        """The calls by rounds, in which every visitor has one call.

        Two calls of one visitor are never under way together: where a visitor has events of
        several streams, or more than fit a call, the next call goes in the next round. An event
        without a visitor id is in no call.

        Args:
            events: in the order in which they are to be folded.
            rejected: takes code and reason of each event with a bad id, by its place.
        """
        latest: dict[str, tuple[int, str, Call]] = {}
        rounds: list[list[Call]] = []
        ids, inputs, now_ms = self._ids, self._inputs, self._clock()
        for place, event in enumerate(events):
            stream, offset, _, fields, _ = event
            try:
                visitor_id = ids.visitor(fields)
                visit_id = ids.visit(fields)
            except InvalidRecordError as error:
                rejected[place] = Rejected(error.code, error.reason)
                continue
            if not visitor_id:
                continue
            number, last_stream, call = latest.get(visitor_id, (-1, "", None))
            if call is None or last_stream != stream or len(call.places) == MAX_EVENTS:
                call = Call(key_of(self._pattern, visitor_id), [visitor_id, stream, ""], [])
                number += 1
                latest[visitor_id] = (number, stream, call)
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(call)
            call.places.append(place)
            own = fields.get(self._event_time) if self._event_time else None
            times = self._times(own, event.timestamp, now_ms)
            event_id = ids.event(fields)
            if not event_id and self._recognises_events:
                event_id = _digest(event, times)
            arguments = call.arguments
            arguments.append(offset if stream else "")
            arguments += (times.received, times.own, event_id, visit_id)
            arguments += [
                value if type(value) is str else text_of(value) for value in map(fields.get, inputs)
            ]
        return rounds

    def _times(self, value: object, timestamp: int, now_ms: int) -> Times:
        """Take from a record what can be an event's time."""
        received: int | Literal[""] = timestamp if is_plausible(timestamp, now_ms) else ""
        own: int | str = ""
        if type(value) in {str, int, float} and value != "":
            ms = read_time(value)  # type: ignore[arg-type] # as just looked at
            # The script compares it with the received time; where there is none, only we can.
            can_be = ms is not None and (
                0 <= ms < _TOO_LATE_MS if received else is_plausible(ms, now_ms)
            )
            own = ms if ms is not None and can_be else UNUSABLE
        if self._takes_time and received == "" and not isinstance(own, int):
            return Times(self._reading.next(), UNUSABLE, is_read=True)
        return Times(received, own)


def _digest(event: FlatEvent, times: Times) -> str:
    """What stands for an event without an id: its value, and when it came, where it does not say.

    So an event that is sent again is recognised by its own time, and a page that is loaded again
    is another event. An event of which no time is known is never the same as another one.
    """
    digest = hashlib.sha1(event.encoded or encode_object(event.fields), usedforsecurity=False)
    if times.received and not isinstance(times.own, int):
        digest.update(b"%d" % times.received)
    if times.is_read:
        digest.update(f" {event.stream} {event.offset}".encode())
    return digest.hexdigest()
