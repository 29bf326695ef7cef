"""The script's calls as the worker sends them, packed for the wire beforehand."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.traffic import BenchRecord
from profiler.events import Limits
from profiler.flatten import decode_processed
from profiler.records import FlatEvent
from profiler.script import ProfileScript

if TYPE_CHECKING:
    from profiler.reply import Outcome

STREAM = "0:tracking_processed:0"


class PackedCalls(NamedTuple):
    """Calls that go out together."""

    packed: list[bytes]
    replies: int


def flat_events(records: Iterable[BenchRecord]) -> list[FlatEvent]:
    """The records as the script's caller gets them, from one partition."""
    return [
        FlatEvent(STREAM, offset, record.timestamp, decode_processed(record.value, Limits()))
        for offset, record in enumerate(records)
    ]


def pack_calls(
    script: ProfileScript,
    connection: Any,  # noqa: ANN401 - redis-py's
    events: Sequence[FlatEvent],
) -> list[PackedCalls]:
    """A batch's calls: in each pipeline a visitor has at most one."""
    outcomes: list[Outcome] = [None] * len(events)
    rounds = script._calls(events, outcomes)  # noqa: SLF001 - exactly what the worker sends
    return [
        PackedCalls(
            connection.pack_commands(
                ("EVALSHA", script.sha, 1, call.key, *call.arguments) for call in calls
            ),
            len(calls),
        )
        for calls in rounds
    ]
