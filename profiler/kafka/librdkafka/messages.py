"""Records out of librdkafka's messages."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from confluent_kafka import Message

from profiler.kafka.librdkafka.positions import Place
from profiler.records.types import Headers, Record

#: Stands for headers that cannot be had. Its name is no UTF-8 either, so the record is a dead
#: letter as it would be with its own headers.
UNREADABLE: Headers = (("\udcff", None),)

#: Of type and time, as `message.timestamp()` has them.
_TIME = itemgetter(1)
#: Makes a tuple of a type of tuples without a step of Python.
_NEW: Any = tuple.__new__


def records_of(messages: Sequence[Message]) -> dict[Place, list[Record]]:
    """Turn messages that are no errors into records, by partition; their order stays.

    A part is read of all messages before the next part is. A step of Python for each message would
    cost twice as much as all of this.
    """
    found: Any = zip(map(Message.topic, messages), map(Message.partition, messages), strict=True)
    places: list[Place] = [*found]  # none is None, where a message is no error
    if len({*places}) == 1:
        return {places[0]: _records(places[0], messages)}
    divided: dict[Place, list[Message]] = {}
    for place, message in zip(places, messages, strict=True):
        divided.setdefault(place, []).append(message)
    return {place: _records(place, each) for place, each in divided.items()}


def _records(place: Place, messages: Sequence[Message]) -> list[Record]:
    """The records of a partition."""
    parts = zip(
        *map(repeat, place),
        map(Message.offset, messages),
        map(_TIME, map(Message.timestamp, messages)),
        map(Message.key, messages),
        map(Message.value, messages),
        _headers(messages),
        strict=False,  # what is the same of all has no end
    )
    return [*map(_NEW, repeat(Record), parts)]


def _headers(messages: Sequence[Message]) -> Iterable[Headers]:
    """The headers of each; `UNREADABLE` where a name is not UTF-8, which the binding cannot tell.

    For such a name the binding leaves an error behind, and a damaged list. `map` looks whether a
    call left one; the interpreter's specialised calls do not, and the process would crash at the
    first use of the list. So `headers` must be called like this, and only once of a message.
    """
    found: list[Any] = []
    rest = map(Message.headers, messages)
    while len(found) < len(messages):
        try:
            # What came before an error stays, and the message that had it is passed over.
            found.extend(rest)
        except SystemError:
            found.append(UNREADABLE)
    return [tuple(each or ()) for each in found] if any(found) else repeat(())


def sendable(headers: Headers) -> list[tuple[str, bytes | None]]:
    """The headers for the binding, which takes UTF-8 alone; a foreign byte goes out as ``?``."""
    return [
        (name if name.isascii() else name.encode(errors="replace").decode(), content)
        for name, content in headers
    ]
