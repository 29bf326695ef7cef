"""What fills the live page's windows: a reader of the output topics, in a thread of its own."""

from collections.abc import Callable
from contextlib import closing
from threading import Event
from time import monotonic

import structlog

from profiler.config.settings import Settings
from profiler.errors import ProfilerError
from profiler.kafka.topic_reader import TopicReader
from profiler.service.live.state import LiveState

_LOG = structlog.get_logger("profiler.live")

#: At most so many records are decoded in a turn: some tenth of a core, whatever the topics bring.
#: What is beyond that is left out and counted.
TURN_S, TURN_RECORDS = 0.25, 500
_POLL_MS = 50
_RETRY_S = 5.0


def following(
    settings: Settings, state: LiveState, *, has_triggers: bool
) -> Callable[[Event], None]:
    """What fills the windows until an event is set, from the topics' ends on.

    Where Kafka is away, the state says so, and it is tried again.

    Args:
        settings: how to reach the cluster; names of topics.
        state: the windows.
        has_triggers: whether the rules have any, so that there is a topic of them.
    """
    topics = settings.topics
    names = [topics.persisted, topics.rejected, *[topics.triggers] * has_triggers]

    def follow(over: Event) -> None:
        while not over.is_set():
            try:
                with closing(TopicReader(settings.kafka, names, begin="end")) as reader:
                    state.tell_trouble("")
                    while not over.is_set():
                        _turn(reader, state, over)
            except ProfilerError as error:
                _LOG.info("the live page reads nothing", error=str(error))
                state.tell_trouble(str(error))
            except Exception:  # noqa: BLE001 - told; a page that stands still in silence is worse
                _LOG.exception("the live page failed")
                state.tell_trouble("the live page failed; the service's log says how")
            over.wait(_RETRY_S)

    return follow


def _turn(reader: TopicReader, state: LiveState, over: Event) -> None:
    """Read what there is, for a quarter of a second or up to the limit."""
    ends, left = monotonic() + TURN_S, TURN_RECORDS
    while left > 0 and monotonic() < ends and not over.is_set():
        records = reader.poll(timeout_ms=_POLL_MS, max_records=left)
        left -= len(records)
        state.add(records)
    if left <= 0:
        over.wait(max(0.0, ends - monotonic()))
        if skipped := reader.skip_if_behind(by=TURN_RECORDS):
            state.skip(skipped)
