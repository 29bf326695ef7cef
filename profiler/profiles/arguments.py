"""Events become script calls; the only place that knows the order of KEYS and ARGV."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha1
from typing import Any, NamedTuple

from profiler.errors import InvalidRecordError
from profiler.profiles.ids import Ids, text_of
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.keys import key_of, sidecar_of
from profiler.profiles.personal import PersonalInputs
from profiler.profiles.redis import Word
from profiler.records.json_objects import encode_object
from profiler.records.times import Clock, ReadingTimes, is_plausible, read_time
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import MAX_EVENTS
from profiler.rules.derived.inputs import derived_inputs_of
from profiler.rules.model import Rules

#: The script takes times of up to 15 digits.
_TOO_LATE_MS = 10**15

#: Stands for a device's time that cannot be used; the script flags what is no number.
UNUSABLE = "?"

#: The script keeps so much of an event's id: of a longer or shorter one its digest's first bytes.
ID_BYTES = 6

#: Where a call has the floor and the number of its events.
_FLOOR, _COUNT = 2, 3

#: So many arguments stand before those of the events.
_PER_CALL = 4


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
    """Packs the events of one set of rules; all that changes is the latest reading time.

    Args:
        rules: name the identity fields and the inputs.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
        clock: the reader's, which says what time is plausible.
        stored: which id Redis gets for a visitor's.
        meet: told of each visitor's own id and key before they are in a call.

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
        self._stored = stored
        self._meet = meet
        self._ids = Ids(rules.identity, max_id_bytes=max_id_bytes)
        # Where the rules name none, no event has a field called None.
        self._received: Any = rules.identity.received
        self._created: Any = rules.identity.created
        self._sent: Any = rules.identity.sent
        derived = rules.derived_inputs
        #: The inputs that are fields of the event; the derived ones, and their place among them.
        self._inputs = [name for name in rules.inputs if name not in derived]
        self._derived = derived_inputs_of(rules)
        self._derived_at = rules.inputs.index(derived[0]) if derived else 0
        #: The inputs that are numbers, and their places from the end of an event.
        self._numbers = [
            (name, at - len(rules.inputs))
            for at, name in enumerate(rules.inputs)
            if name in rules.numbers
        ]
        self._personal = PersonalInputs(rules, stored.keyed_hash)
        self._mends = bool(self._numbers or self._personal)
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
        ids, inputs, derived, now_ms = self._ids, self._inputs, self._derived, self._clock()
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
                call = self._new_call(visitor_id, stream)
                number += 1
                latest[visitor_id] = (number, stream, call)
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(call)
            call.places.append(place)
            arguments = call.arguments
            arguments.append(offset if stream else "")
            arguments += self._times_and_id(event, now_ms)
            arguments.append(visit_id)
            values: list[Word] = [
                value if type(value) is str else text_of(value) for value in map(fields.get, inputs)
            ]
            if derived is not None:
                values[self._derived_at : self._derived_at] = derived.of(fields)
            arguments += values
            if self._mends:
                self._mend(arguments, fields)
        for calls in rounds:
            for call in calls:
                call.arguments[_COUNT] = len(call.places)
        return rounds

    def _new_call(self, visitor_id: str, stream: str) -> Call:
        stored_id = self._stored.of(visitor_id)
        key = key_of(self._pattern, stored_id)
        if self._meet is not None:
            self._meet(visitor_id, key)
        return Call(key, [stored_id, stream, "", 0], [])

    def _mend(self, arguments: list[Word], fields: dict[str, Any]) -> None:
        """Put floats in their places in the last event, and replace what is personal."""
        for name, at in self._numbers:
            if type(fields.get(name)) is float:
                # It has an exponent only where it has more digits than the script takes.
                arguments[at] = repr(fields[name])
        self._personal.replace(arguments)

    def _times_and_id(self, event: FlatEvent, now_ms: int) -> tuple[Word, Word, Word, Word]:
        """The event's arguments from `received` to `event_id`."""
        stream, offset, timestamp, fields, _ = event
        received = read_time(fields.get(self._received))
        if received is None or not is_plausible(received, now_ms):
            received = timestamp if is_plausible(timestamp, now_ms) else None
        own = fields.get(self._created)
        created = read_time(own)
        # The script compares it with the received time; where there is none, only we can.
        if created is not None and not (
            0 <= created < _TOO_LATE_MS if received else is_plausible(created, now_ms)
        ):
            created = None
        sent = read_time(fields.get(self._sent))
        if sent is not None and not 0 <= sent < _TOO_LATE_MS:
            sent = None

        is_read = False
        if self._takes_time and not stream and received is None and created is None:
            received, own, is_read = self._reading.next(), UNUSABLE, True
        event_id = b""
        if self._recognises_events:
            if name := self._ids.event(fields):
                event_id = _shortened(name)
            elif created is not None:
                event_id = _digest(event)
            elif is_read:
                event_id = _digest(event, received, offset)
            elif received is not None:
                event_id = _digest(event, received)
        return (
            "" if received is None else received,
            created if created is not None else UNUSABLE if _is_given(own) else "",
            "" if sent is None else sent,
            event_id,
        )


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


def _is_given(value: object) -> bool:
    """Whether a field holds what may be a time, be it one or not."""
    return type(value) in {str, int, float} and value != ""


def _shortened(event_id: str) -> bytes:
    raw = event_id.encode()
    return raw if len(raw) == ID_BYTES else sha1(raw, usedforsecurity=False).digest()[:ID_BYTES]


def _digest(event: FlatEvent, *others: object) -> bytes:
    """What stands for an event without an id: its value, and when it came, where it does not say.

    So an event that is sent again is recognised by its own time, and a page that is loaded again
    is another event.
    """
    digest = sha1(event.encoded or encode_object(event.fields), usedforsecurity=False)
    for other in others:
        digest.update(f" {other}".encode())
    return digest.digest()[:ID_BYTES]
