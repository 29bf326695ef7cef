"""Events become script calls; the only place that knows the order of KEYS and ARGV."""

from collections.abc import Sequence
from typing import NamedTuple

from profiler.errors import InvalidRecordError
from profiler.profiles.keys import key_of
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import MAX_EVENTS
from profiler.rules.model import Rules

#: The script takes 15 digits; more (a producer that counts microseconds) is no time in ms.
_TOO_LATE_MS = 10**15


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


class Packer:
    """Packs the events of one set of rules; holds names and nothing that changes.

    Args:
        rules: name the identity fields and the inputs.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
    """

    def __init__(self, rules: Rules, *, max_id_bytes: int) -> None:
        identity = rules.identity
        self._visitor, self._visit = identity.visitor, identity.visit
        times = [identity.event_time or "", identity.event_id or ""]
        self._names = [*times, identity.visit, *rules.inputs]
        self._pattern = rules.store.key
        self._max_id_bytes = max_id_bytes

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
        names = self._names
        for place, (stream, offset, timestamp, fields) in enumerate(events):
            try:
                visitor_id = self._id(fields.get(self._visitor), "visitor")
                self._id(fields.get(self._visit), "visit")  # refuses a bad one
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
            call.arguments.append(offset if stream else "")
            call.arguments.append(timestamp if 0 <= timestamp < _TOO_LATE_MS else "")
            call.arguments.extend(
                [value if type(value) is str else _text(value) for value in map(fields.get, names)]
            )
        return rounds

    def _id(self, value: object, whose: str) -> str:
        if value is None:
            return ""
        if type(value) not in {str, int}:  # and no boolean
            raise InvalidRecordError("bad_id", f"the {whose} id is neither a string nor an integer")
        text = _text(value)
        longest = self._max_id_bytes
        if len(text) > longest or (not text.isascii() and len(text.encode()) > longest):
            raise InvalidRecordError("bad_id", f"the {whose} id is longer than {longest} bytes")
        return text


def _text(value: object) -> str:
    """A string as it is, an integer as decimal text; everything else is absent."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int else ""
