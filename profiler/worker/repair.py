"""Where reading begins, so that Redis has what the group has committed.

What is committed has its outputs, and is never delivered again. Where Redis lost a part of it (see
`profiler.profiles.marks`), the records from the mark to the committed offset are applied once more,
and nothing else: each profile's watermark passes over the events that survived.
"""

from collections.abc import Mapping
from typing import NamedTuple

import structlog

from profiler.errors import LostStateError
from profiler.kafka import CommittedOffset
from profiler.profiles.marks import StreamMarks

_LOG = structlog.get_logger("profiler.worker")

Place = tuple[str, int]


class Beginning(NamedTuple):
    """What to do before new records are read.

    Attributes:
        starts: where to begin, by topic and partition, where that is not the committed offset.
        repaired_until: records before this offset are applied and not delivered; of the same ones.
        marks: what is taken as applied from now on, whatever Redis has.
    """

    starts: dict[Place, int]
    repaired_until: dict[Place, int]
    marks: dict[Place, int]


def beginning(
    committed: Mapping[Place, CommittedOffset],
    marks: Mapping[Place, StreamMarks],
    *,
    token: str,
    window: int,
    accept_lost_state: bool,
) -> Beginning:
    """Compare what is committed with what Redis has.

    Args:
        committed: the group's offsets of the owned partitions.
        marks: of the same partitions.
        token: the text that workers on the same streams commit with their offsets. An offset with
            another one is a person's, or another mode's: begin there, whatever Redis has.
        window: how many records are repaired where a server of a cluster has no mark. It may be
            new to the slot that held the mark.
        accept_lost_state: begin at the committed offsets where no server has a mark.

    Raises:
        LostStateError: Redis has no mark of a partition that was committed by workers, and this is
            not accepted.
    """
    starts: dict[Place, int] = {}
    lost: dict[str, int] = {}
    given: dict[Place, int] = {}
    for place, (offset, metadata) in committed.items():
        lowest, is_partial = marks[place]
        if metadata != token:
            # An older mark would have records applied that the person skipped.
            given[place] = offset
        elif lowest is None:
            lost[f"{place[0]}-{place[1]}"] = given[place] = offset
        elif is_partial:
            starts[place] = max(0, min(lowest, offset - window))
        elif lowest < offset:
            starts[place] = lowest
    if lost and not accept_lost_state:
        raise LostStateError(_lost(lost))
    if lost:
        _LOG.warning("going on without the profiles that redis lost", partitions=lost)
    until = {place: committed[place].offset for place in starts}
    if starts:
        _LOG.warning(
            "redis may lack what it acknowledged: events are applied once more, without outputs",
            records=sum(until.values()) - sum(starts.values()),
            offsets={
                f"{place[0]}-{place[1]}": [start, until[place]] for place, start in starts.items()
            },
        )
    return Beginning(starts, until, given)


def _lost(lost: Mapping[str, int]) -> str:
    places = ", ".join(f"{place} ({offset})" for place, offset in lost.items())
    return (
        f"Redis does not have the profiles that offsets are committed for: {places}."
        " It was emptied, it is another one, or the rules have another key pattern.\n"
        "  - profiler replay                   rebuilds the profiles from the topic\n"
        "  - profiler run --accept-lost-state  goes on without them: every visitor is new\n"
        "  - or set redis.url and the rules' store.key to where the profiles are\n"
        'See "When Redis lost its data" in docs/operations.md.'
    )
