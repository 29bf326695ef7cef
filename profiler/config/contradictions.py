"""Settings that are right one by one, and cannot be right together: the one place that knows them.

Not here: settings of one connection that need or exclude each other (TLS, logins), which are their
section's own.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from profiler.config.settings import OUTPUT_RESERVE_BYTES, Settings


class _Pair(NamedTuple):
    """Two settings, and what must be true of them."""

    one: str
    other: str
    fits: Callable[[Any, Any], bool]
    #: What stands between the two in the message.
    must: str
    #: Why, or what to do.
    why: str


_PAIRS = (
    _Pair(
        "kafka.delivery_timeout_ms",
        "kafka.transaction_timeout_ms",
        lambda delivery, transaction: delivery < transaction,
        "must be below",
        "else the broker aborts transactions whose records are still on their way",
    ),
    _Pair(
        "kafka.heartbeat_interval_ms",
        "kafka.session_timeout_ms",
        lambda heartbeat, session: 3 * heartbeat <= session,
        "must be at most a third of",
        "else one lost heartbeat may cost the worker its partitions",
    ),
    _Pair(
        "kafka.session_timeout_ms",
        "kafka.max_poll_interval_ms",
        lambda session, poll: session <= poll,
        "must not be above",
        "librdkafka refuses it",
    ),
    _Pair(
        "batch.poll_timeout_ms",
        "kafka.max_poll_interval_ms",
        lambda timeout, poll: timeout < poll,
        "must be below",
        "else a worker that waits for records counts as stuck",
    ),
    _Pair(
        "kafka.assignor",
        "kafka.client",
        lambda assignor, client: (assignor, client) != ("cooperative-sticky", "kafka-python"),
        "does not go with",
        "only librdkafka has it",
    ),
    _Pair(
        "limits.max_record_bytes",
        "kafka.max_request_bytes",
        lambda record, request: record + OUTPUT_RESERVE_BYTES <= request,
        f"and {OUTPUT_RESERVE_BYTES} more, for key, headers and profile, must fit in",
        "raise the one or lower the other",
    ),
    _Pair(
        "limits.max_record_bytes",
        "dead_letters.max_bytes",
        lambda record, letter: record <= letter,
        "must not be above",
        "else records within the limit are lost when they are rejected",
    ),
    _Pair(
        "limits.max_id_bytes",
        "limits.max_record_bytes",
        lambda id_, record: id_ <= record,
        "must not be above",
        "no record has room for such an id",
    ),
)

#: Names in these sections must differ from each other.
_NAMES = {
    "topics": "a worker would read what it writes, or readers would find two kinds of records",
    "groups": "one mode's offsets would be taken for another's",
}

#: What only programs that talk to Kafka need.
_OF_KAFKA = ("kafka.", "dead_letters.")


def contradictions(
    settings: Settings, origins: Mapping[str, str], *, without_kafka: bool = False
) -> Iterator[str]:
    """Say which settings contradict each other: both names, values and origins, and why.

    Args:
        settings: each valid by itself.
        origins: for each setting (by path) where its value is from.
        without_kafka: leave out what does not matter to a program that never talks to Kafka.
    """

    def said(path: str) -> str:
        return f"{path} = {json.dumps(_value(settings, path))} ({origins[path]})"

    for section, why in _NAMES.items():
        paths = [f"{section}.{name}" for name in type(getattr(settings, section)).model_fields]
        for one, other in combinations(paths, 2):
            if _value(settings, one) == _value(settings, other):
                yield f"{said(one)} and {said(other)} must differ: {why}"
    for pair in _PAIRS:
        paths = [pair.one, pair.other]
        if without_kafka and any(path.startswith(_OF_KAFKA) for path in paths):
            continue
        if not pair.fits(*(_value(settings, path) for path in paths)):
            yield f"{said(pair.one)} {pair.must} {said(pair.other)}: {pair.why}"


def _value(settings: Settings, path: str) -> object:
    section, _, key = path.partition(".")
    return getattr(getattr(settings, section), key)
