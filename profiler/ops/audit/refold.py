"""Profiles of sampled visitors on a server of our own: folded anew, and copied from Redis.

Three databases, so that keys are the deployment's own. `anew` has what the topic says. `stored` has
copies of what Redis has, which nothing changes any more. `probe` has the same copies: what it
answers to events shows which of them a copy knows already. So nobody but the script looks into a
state.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from profiler.config.settings import Mode, Settings
from profiler.engine.python.decode import Draft, RecordDecoder
from profiler.errors import InvalidRecordError
from profiler.ops.audit.sample import Sample
from profiler.ops.replay.remembering import RememberingScript
from profiler.profiles.forgetting import LIST_KEY
from profiler.profiles.hashes import Fields
from profiler.profiles.ids import Ids
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Record, stream_of

#: Flags that say that a limit of the rules took part.
_LIMITED = frozenset(["truncated", "late"])
#: Flags of an event that a profile knows already.
_KNOWN = frozenset(["replayed", "forgotten"])


class Seen:
    """What is known of a sampled visitor, besides the profile.

    Attributes:
        stored_id: the id that Redis has.
        first_at: the earliest record timestamp, ms.
        last_at: the latest one.
        longest_gap: between two records, in the order in which they were read, ms.
        streams: the partitions that the visitor's events came from.
        is_limited: whether an event met a limit of the rules.
    """

    __slots__ = ("first_at", "is_limited", "last_at", "longest_gap", "stored_id", "streams")

    def __init__(self, stored_id: str, at: int) -> None:
        self.stored_id = stored_id
        self.first_at = self.last_at = at
        self.longest_gap = 0
        self.streams: set[int] = set()
        self.is_limited = False

    def note(self, record: Record) -> None:
        """Take a record of the visitor."""
        self.longest_gap = max(self.longest_gap, record.timestamp - self.last_at)
        self.first_at = min(self.first_at, record.timestamp)
        self.last_at = max(self.last_at, record.timestamp)
        self.streams.add(record.partition)


class _Event(NamedTuple):
    key: str
    record: Record
    event: FlatEvent


class Refold:
    """Folds sampled visitors.

    Args:
        mode: of the live workers.
        settings: theirs.
        sample: who is folded.
        stream: the name of the topic's streams, as the live workers have it.
        script_of: makes the script on a database of our server, by its number.
        remembering_of: likewise one that knows who was forgotten.
        is_rejected: whether a record was answered by a dead letter.
    """

    def __init__(
        self,
        mode: Mode,
        settings: Settings,
        sample: Sample,
        *,
        stream: str,
        script_of: Callable[[int], ProfileScript],
        remembering_of: Callable[[int], RememberingScript],
        is_rejected: Callable[[Record], bool],
    ) -> None:
        self._decoder = RecordDecoder(mode, settings)
        self._sample = sample
        self._stream = stream
        self._remembering_of = remembering_of
        self._is_rejected = is_rejected
        self._anew: RememberingScript | None = None
        self._probe, self._stored = script_of(1), script_of(2)
        rules = self._stored.rules
        self._ids = Ids(rules.identity, max_id_bytes=settings.limits.max_id_bytes)
        #: The sampled visitors by their keys.
        self.seen: dict[str, Seen] = {}

    def begin(self, forgotten: Fields) -> None:
        """Begin a round.

        Args:
            forgotten: the list of who was forgotten, as Redis has it.
        """
        self._anew = self._remembering_of(0)
        self._anew.hashes.write({LIST_KEY: forgotten})
        self._anew.register()

    @property
    def anew(self) -> RememberingScript:
        """What the topic says."""
        assert self._anew is not None, "begun before"  # noqa: S101 - the order of calls
        return self._anew

    @property
    def stored(self) -> ProfileScript:
        """What Redis has."""
        return self._stored

    def fold(self, records: Sequence[Record]) -> None:
        """Fold records that are committed: all that Redis has must know them."""
        found = self._events(records)
        for each in found:
            self.seen[each.key].note(each.record)
        self._apply(found)

    def take(self, copies: Mapping[str, Fields]) -> None:
        """Take copies of what Redis has."""
        self._stored.hashes.write(copies)
        self._probe.hashes.write(copies)

    def fold_known(self, records: Sequence[Record], keys: Mapping[str, object]) -> None:
        """Fold records that are not committed, but only what the copies know already.

        Args:
            records: behind what `fold` was given.
            keys: of the visitors whose copies were taken.
        """
        found = [each for each in self._events(records, is_new=False) if each.key in keys]
        if not found:
            return
        calls = self._probe.calls_of([each.event for each in found])
        self._probe.execute(calls)
        known = [
            each
            for each, outcome in zip(found, calls.outcomes, strict=True)
            if isinstance(outcome, Applied) and outcome.flags & _KNOWN
        ]
        for each in known:
            self.seen[each.key].note(each.record)
        self._apply(known)

    def clear(self) -> None:
        """Know nobody any more; within a round."""
        empty: dict[str, Fields] = {key: {} for key in self.seen}
        self.anew.hashes.write(empty)
        self.take(empty)
        self.seen.clear()

    def _apply(self, found: Sequence[_Event]) -> None:
        if not found:
            return
        calls = self.anew.calls_of([each.event for each in found])
        self.anew.execute(calls)  # which gives marks to forgotten visitors
        for each, outcome in zip(found, calls.outcomes, strict=True):
            if isinstance(outcome, Applied) and outcome.flags & _LIMITED:
                self.seen[each.key].is_limited = True

    def _events(self, records: Sequence[Record], *, is_new: bool = True) -> list[_Event]:
        """The events of sampled visitors, who are known from now on where that is wanted."""
        found = []
        for record in records:
            draft = self._decoder.decode(record)
            if not isinstance(draft, Draft):
                continue
            try:
                visitor_id = self._ids.visitor(draft.flat)
                self._ids.visit(draft.flat)
            except InvalidRecordError:
                continue
            if not visitor_id or not self._sample.takes(visitor_id) or self._is_rejected(record):
                continue
            stored_id, key = self._stored.place_of(visitor_id)
            if key not in self.seen:
                if not is_new:
                    continue
                self.seen[key] = Seen(stored_id, record.timestamp)
            stream = stream_of(self._stream, record.partition)
            event = FlatEvent(stream, record.offset, record.timestamp, draft.flat, draft.encoded)
            found.append(_Event(key, record, event))
        return found
