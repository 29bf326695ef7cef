"""Where reading begins again after a gap: told in the same words by every adapter."""

import logging

_LOG = logging.getLogger(__name__)


def tell_gap(topic: str, partition: int, *, wanted: int, first: int) -> None:
    """Say that an offset is out of range, and what that cost.

    Args:
        topic: the topic's name.
        partition: its number.
        wanted: the offset that was asked for.
        first: the first one that is there, where reading goes on.
    """
    cost = (
        f"{first - wanted} records before it are gone, unread"
        if wanted < first
        else "the log ends before the offset that was wanted, so it is not the log that was read"
    )
    message = "%s [%d]: offset %d is out of range; reading goes on at %d, the first one there: %s"
    _LOG.warning(message, topic, partition, wanted, first, cost)
