"""The consumer of the broker in memory."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from profiler.errors import TransportError
from profiler.kafka.beginnings import tell_gap
from profiler.kafka.memory.broker import MemoryBroker
from profiler.kafka.memory.group import Member, Membership, Place
from profiler.kafka.protocol import CommittedOffset, Polled
from profiler.records.types import Record


class MemoryConsumer:
    """A `profiler.kafka.protocol.Consumer`, which rebalances as the `range` assignor does.

    It reads what is committed: no record of an open or aborted transaction. A partition whose
    offset an open transaction is about to commit has no position until that ended.

    Its heartbeats never fail: a member is given up when it does not poll for
    `max_poll_interval_ms`, or by `MemoryBroker.expel`. Topics that do not exist yet are read
    from when they do.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        topics: Sequence[str],
        group: str,
        auto_offset_reset: Literal["earliest", "latest"] = "earliest",
        max_poll_interval_ms: int = 300_000,
        call_timeout_s: float = 30,
    ) -> None:
        """Connect; the group is joined by the first poll.

        Blocks until the broker answers, for `call_timeout_s` at most, as `rewind` does.

        Raises:
            TransportError: it does not.
        """
        self._broker = broker
        self._topics = frozenset(topics)
        self._group_name = group
        self._name = uuid.uuid4().hex
        self._max_poll_interval_s = max_poll_interval_ms / 1_000
        self._call_timeout_s = call_timeout_s
        self._changes = 0
        self._gaps = 0
        self._paused = False
        #: The group's generation in which we own our partitions; None while we join.
        self._owned_in: int | None = None
        self._positions: dict[Place, int] = {}
        self._first_offsets: dict[Place, int] = {}
        self._turn = 0
        with broker.changed:
            broker.wait_until_back("connect", timeout_s=call_timeout_s)
            self._group = broker.groups[group]
            if auto_offset_reset == "latest":
                self._begin_at_ends()

    @property
    def assignment(self) -> frozenset[Place]:
        """See `Consumer.assignment`. Empty from the start of a rebalance to its end."""
        return frozenset(self._positions)

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._changes

    @property
    def gaps(self) -> int:
        """See `Consumer.gaps`."""
        return self._gaps

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`. Returns as soon as the generation changed, with no records."""
        with self._broker.changed:
            records = self._poll(time.monotonic() + timeout_ms / 1_000, max_records)
            metadata = Membership(self._group_name, -1, "")
            if self._owned_in is not None and self._me() is not None:
                metadata = Membership(self._group_name, self._owned_in, self._name)
            return Polled(records, self._changes, metadata)

    def commit(
        self,
        offsets: Mapping[Place, int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = 30,
    ) -> None:
        """See `Consumer.commit`."""
        broker = self._broker
        with broker.changed:
            if generation != self._changes or not offsets.keys() <= self._positions.keys():
                raise TransportError("commit: the assignment changed since the batch was polled")
            broker.wait_until_back("commit", timeout_s=timeout_s)
            broker.share_out(self._group)
            self._group.check_commit(self._name, -1 if self._owned_in is None else self._owned_in)
            self._group.store(offsets, metadata)

    def rewind(self) -> dict[Place, CommittedOffset]:
        """See `Consumer.rewind`."""
        with self._broker.changed:
            self._broker.wait_until_back("rewind", timeout_s=self._call_timeout_s)
            self._broker.wait_until_stable(
                self._group, self._positions, timeout_s=self._call_timeout_s
            )
            self._positions = {place: self._start_of(place) for place in self._positions}
            committed, metadata = self._group.committed, self._group.metadata
            return {
                place: CommittedOffset(committed[place], metadata.get(place, ""))
                for place in self._positions
                if place in committed
            }

    def seek(self, starts: Mapping[Place, int]) -> None:
        """See `Consumer.seek`."""
        with self._broker.changed:
            if not starts.keys() <= self._positions.keys():
                raise TransportError("seek: a partition is not ours")
            self._positions.update(starts)

    def begin_anew(self) -> None:
        """See `Consumer.begin_anew`."""
        with self._broker.changed:
            self._broker.wait_until_back("begin anew", timeout_s=self._call_timeout_s)
            self._positions = {
                place: self._broker.partition(place).start for place in self._positions
            }
            self._first_offsets = dict(self._positions)
            self.commit(self._positions, generation=self._changes)

    def pause(self) -> None:
        """See `Consumer.pause`."""
        self._paused = True

    def resume(self) -> None:
        """See `Consumer.resume`."""
        self._paused = False

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`."""
        self.pause()
        self.poll(timeout_ms=timeout_ms, max_records=1)

    def lag(self) -> int:
        """See `Consumer.lag`."""
        with self._broker.changed:
            return sum(
                max(0, self._broker.partition(place).end - position)
                for place, position in self._positions.items()
            )

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`. A broker that is away is not told."""
        del timeout_s
        with self._broker.changed:
            if not self._broker.is_away:
                self._group.leave(self._name)
                self._broker.changed.notify_all()
            self._positions = {}

    def _poll(self, deadline: float, max_records: int) -> list[Record]:
        broker, before = self._broker, self._changes
        if not broker.is_away:
            self._group.give_up_stuck()  # ourselves too
        while True:
            if not broker.is_away:
                self._take_part()
                if self._changes != before and self._owned_in is not None:
                    return []
                records = [] if self._paused else self._read(max_records)
                if records:
                    return records
            now = time.monotonic()
            if now >= deadline:
                return []
            wakes = [deadline]
            if not broker.is_away and (at := self._group.next_given_up_at()) is not None:
                wakes.append(at)
            broker.changed.wait(max(0.0, min(wakes) - now))

    def _me(self) -> Member | None:
        return self._group.members.get(self._name)

    def _take_part(self) -> None:
        """Do our part of a rebalance, where one is under way."""
        group = self._group
        if (me := self._me()) is not None:
            me.polled_at = time.monotonic()
        group.give_up_stuck()
        if me is None or (group.rebalancing and not me.joined):
            if self._owned_in is not None:
                self._changes += 1
                self._owned_in, self._positions = None, {}
            group.join(self._name, self._topics, self._max_poll_interval_s)
            self._broker.changed.notify_all()
            me = group.members[self._name]
        self._broker.share_out(group)
        if (
            not group.rebalancing
            and self._owned_in != group.generation
            and group.is_stable(me.owned)
        ):
            self._changes += 1
            self._owned_in = group.generation
            self._positions = {place: self._start_of(place) for place in me.owned}

    def _start_of(self, place: Place) -> int:
        committed = self._group.committed.get(place)
        if committed is not None:
            return committed
        if (first := self._first_offsets.get(place)) is not None:
            return first
        return self._broker.partition(place).start

    def _begin_at_ends(self) -> None:
        committed = self._group.committed
        for name in self._topics - {topic for topic, _ in committed}:
            if (topic := self._broker.topics.get(name)) is not None:
                ends = enumerate(partition.end for partition in topic.partitions)
                self._group.store({(name, number): end for number, end in ends})

    def _read(self, max_records: int) -> list[Record]:
        records: list[Record] = []
        for place in self._places_in_turn():
            if len(records) == max_records:
                break
            partition, position = self._broker.partition(place), self._positions[place]
            if not partition.start <= position <= partition.end:
                tell_gap(*place, wanted=position, first=partition.start)
                self._gaps += 1
                position = self._positions[place] = partition.start
            found, self._positions[place] = partition.read(position, max_records - len(records))
            if found:
                self._first_offsets.setdefault(place, position)
                records += found
        return records

    def _places_in_turn(self) -> Iterable[Place]:
        """Ours, each poll beginning with another one, so that none waits for ever."""
        places = sorted(self._positions)
        self._turn += 1
        at = self._turn % len(places) if places else 0
        return places[at:] + places[:at]
