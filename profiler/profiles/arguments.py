"""An event becomes arguments of a script call; nothing else knows their order in an event."""

from hashlib import sha1
from typing import Any, NamedTuple

from profiler.errors import InvalidRecordError
from profiler.profiles.ids import Ids, text_of
from profiler.profiles.keyed_hash import KeyedHash
from profiler.profiles.personal import PersonalInputs
from profiler.profiles.redis import Word
from profiler.records.json_objects import encode_object
from profiler.records.times import Clock, ReadingTimes, is_plausible, read_time
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.derived.inputs import derived_inputs_of
from profiler.rules.model import Rules

#: The script takes times of up to 15 digits.
_TOO_LATE_MS = 10**15

#: Stands for a device's time that cannot be used; the script flags what is no number.
UNUSABLE = "?"

#: The script keeps so much of an event's id: of a longer or shorter one its digest's first bytes.
ID_BYTES = 6


class Arguments(NamedTuple):
    """An event's part of a call, and whose call it is.

    Attributes:
        visitor_id: the event's own, never empty.
        words: in the order of the contract's `EVENT_ARGS` and inputs.
    """

    visitor_id: str
    words: list[Word]


class EventArguments:
    """Makes the arguments of events; all that changes is the latest reading time.

    Args:
        rules: name the identity fields and the inputs.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
        clock: the reader's, which says what time is plausible.
        keyed_hash: stands for what is personal; None where there is no key.

    Attributes:
        derived: computes the derived inputs; None where the rules have none.
        reading: gives an event that has no time the one at which it is read.

    Raises:
        ConfigError: the rules hash fields, and there is no key.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        max_id_bytes: int,
        clock: Clock,
        keyed_hash: KeyedHash | None,
    ) -> None:
        self._ids = Ids(rules.identity, max_id_bytes=max_id_bytes)
        # Where the rules name none, no event has a field called None.
        self._received: Any = rules.identity.received
        self._created: Any = rules.identity.created
        self._sent: Any = rules.identity.sent
        derived = rules.derived_inputs
        #: The inputs that are fields of the event; the derived ones, and their place among them.
        self._inputs = [name for name in rules.inputs if name not in derived]
        self.derived = derived_inputs_of(rules)
        self._derived_at = rules.inputs.index(derived[0]) if derived else 0
        #: The inputs that are numbers, and their places from the end of an event.
        self._numbers = [
            (name, at - len(rules.inputs))
            for at, name in enumerate(rules.inputs)
            if name in rules.numbers
        ]
        self._personal = PersonalInputs(rules, keyed_hash)
        self._mends = bool(self._numbers or self._personal)
        self._takes_time = rules.takes_event_time
        self._recognises_events = rules.order == "event_time"
        self.reading = ReadingTimes(clock)

    def of(self, event: FlatEvent, now_ms: int) -> Arguments | Rejected | None:
        """An event's part of a call; None for one without a visitor id.

        Args:
            event: the next one in the order in which they are to be folded.
            now_ms: the reader's time.
        """
        stream, offset, _, fields, _ = event
        try:
            visitor_id = self._ids.visitor(fields)
            visit_id = self._ids.visit(fields)
        except InvalidRecordError as error:
            return Rejected(error.code, error.reason)
        if not visitor_id:
            return None
        values: list[Word] = [
            value if type(value) is str else text_of(value)
            for value in map(fields.get, self._inputs)
        ]
        if self.derived is not None:
            values[self._derived_at : self._derived_at] = self.derived.of(fields)
        times = self._times_and_id(event, now_ms)
        words: list[Word] = [offset if stream else "", *times, visit_id, *values]
        if self._mends:
            self._mend(words, fields)
        return Arguments(visitor_id, words)

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
            received, own, is_read = self.reading.next(), UNUSABLE, True
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
