"""Which streams the offsets belong to: their names in the profiles, and how many there may be."""

import base64
import hashlib
from collections.abc import Callable

import structlog

from profiler.config.settings import Settings
from profiler.errors import ConfigError
from profiler.kafka import Consumer, TopicIdentity
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules

_LOG = structlog.get_logger("profiler.worker")

#: Of a SHA-1: 8 characters. Two of a thousand topics share a name with a chance of 2 in 10^9.
_NAME_BYTES = 6


class Streams:
    """Names the streams of the input topic; used by the thread that polls.

    A stream is a topic's id and a partition. A topic that was deleted and made anew has another
    id, and so has a topic of another cluster: their offsets begin anew, and so do their streams.

    Args:
        topic: the input topic.
        look_up: asks the cluster what the topic is; blocks for some round trips, and raises
            `TransportError`.
        settings: the epoch, which takes the id's place, and the limit of streams.
        script: has a limit of its own; None where nothing is profiled.
    """

    def __init__(
        self,
        topic: str,
        look_up: Callable[[], TopicIdentity],
        settings: Settings,
        script: ProfileScript | None,
    ) -> None:
        self._topic = topic
        self._look_up = look_up
        self._epoch = settings.stream_epoch
        self._settings = settings
        self._rules = None if script is None else script.rules
        self._known: TopicIdentity | None = None
        self._seen: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The name of all streams of the topic, but for the partition; looked up before."""
        if self._epoch:
            return f"{self._epoch}:{self._topic}"
        assert self._known is not None, "looked up before"  # noqa: S101 - the order of the calls
        what = self._known.topic_id or f"{self._known.cluster_id}/{self._topic}"
        digest = hashlib.sha1(what.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest[:_NAME_BYTES]).decode()

    @property
    def are_profiled(self) -> bool:
        """Whether profiles count in these streams."""
        return self._rules is not None

    @property
    def token(self) -> str:
        """What is committed with every offset, so that a worker's is known from a person's.

        It names the streams: after the topic was made anew, an old offset says nothing of them.
        Empty where nothing is profiled.
        """
        return "" if self._rules is None else f"profiled {self.name}"

    def look(self) -> bool:
        """Ask the cluster what the topic is; say it, where that is new.

        Returns:
            Whether it is another topic than before, though its name is the same.

        Raises:
            ConfigError: it has more partitions than there may be streams.
            TransportError: the cluster cannot tell now.
        """
        found, before = self._look_up(), self._known
        if self._rules is not None:
            check_partitions(self._topic, found.partitions, self._settings, self._rules)
        if before is not None and bool(before.topic_id) != bool(found.topic_id):
            return False  # brokers are being exchanged, and only some of them know ids
        self._known = found
        is_another = before is not None and _what(found) != _what(before)
        if before is None or is_another:
            told = {
                "topic": self._topic,
                "topic_id": found.topic_id or None,
                "cluster_id": found.cluster_id or None,
                "partitions": found.partitions,
                "streams": self.name,
            }
            if is_another:
                _LOG.warning("the topic was made anew: its streams begin anew", **told)
            else:
                _LOG.info("streams", **told)
        if before is None and not found.topic_id:
            _LOG.debug("the broker knows no topic ids: cluster id and topic name stand for them")
        return is_another

    def is_another_topic(self, consumer: Consumer) -> bool:
        """Look again after a rebalance and after a gap in the offsets; see `look`."""
        seen = consumer.generation, consumer.gaps
        if seen == self._seen or not consumer.assignment:
            return False
        is_another = self.look()
        self._seen = seen
        return is_another


def _what(topic: TopicIdentity) -> str:
    """What tells topics of one name apart."""
    return topic.topic_id or topic.cluster_id


def check_partitions(topic: str, partitions: int, settings: Settings, rules: Rules) -> None:
    """Refuse a topic with more partitions than there may be streams.

    Raises:
        ConfigError: it has; the message names the limit, and what to set.
    """
    limits = {
        "limits.streams": settings.limits.streams,
        f"streams in [limits] of the rules {rules.name}": rules.limits.streams,
    }
    for what, limit in limits.items():
        if partitions > limit:
            raise ConfigError(
                f"topic {topic} has {partitions} partitions, but {what} is {limit}: a profile that"
                " is fed by more streams would count events twice;"
                f" set it to {partitions} at least"
            )
