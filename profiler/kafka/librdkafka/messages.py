"""Records out of librdkafka's messages."""

from operator import methodcaller
from typing import Any

import structlog

from profiler.records import Headers, Record

#: `message.headers()`, by a way on which Python always looks whether a call left an error behind.
#: The binding leaves one, with a damaged list, where a name is not UTF-8; the interpreter's
#: specialised calls do not look, and the process would crash at the first use of the list.
_headers_of = methodcaller("headers")

_LOG = structlog.get_logger("profiler.kafka")


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
    """The headers; none where a name is not UTF-8, which the binding cannot tell."""
    try:
        return tuple(_headers_of(message) or ())
    except SystemError:
        _LOG.warning(
            "a header's name is not UTF-8, the record goes on without its headers",
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
        )
        return ()
