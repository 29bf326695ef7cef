"""Records out of librdkafka's messages."""

from operator import methodcaller
from typing import Any

from profiler.records.types import Headers, Record

#: `message.headers()`, by a way on which Python always looks whether a call left an error behind.
#: The binding leaves one, with a damaged list, where a name is not UTF-8; the interpreter's
#: specialised calls do not look, and the process would crash at the first use of the list.
_headers_of = methodcaller("headers")

#: Stands for headers that cannot be had. Its name is no UTF-8 either, so the record is a dead
#: letter as it would be with its own headers.
UNREADABLE: Headers = (("\udcff", None),)


def record_of(message: Any) -> Record:  # noqa: ANN401 - a Message, whose parts are never None here
    """Turn a `confluent_kafka.Message` that is no error into a record."""
    _, timestamp = message.timestamp()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        timestamp,
        message.key(),
        message.value(),
        _headers(message),
    )


def _headers(message: Any) -> Headers:  # noqa: ANN401 - a Message
    """The headers; `UNREADABLE` where a name is not UTF-8, which the binding cannot tell."""
    try:
        return tuple(_headers_of(message) or ())
    except SystemError:
        return UNREADABLE


def sendable(headers: Headers) -> list[tuple[str, bytes | None]]:
    """The headers for the binding, which takes UTF-8 alone; a foreign byte goes out as ``?``."""
    return [
        (name if name.isascii() else name.encode(errors="replace").decode(), content)
        for name, content in headers
    ]
