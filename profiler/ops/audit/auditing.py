"""One audit: read the topic, copy what Redis has, compare, look again, and repair.

The point at which two profiles are compared is the stored one's own watermark. What is committed
before the copy is taken, the copy must know. Of what is read behind that, a second copy is asked
which events it knows, and these alone are folded anew too. So the live workers may go on.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from profiler.errors import StoredStateError
from profiler.kafka.admin.tail import Span, Spans
from profiler.ops.audit.comparable import OTHER_RULES, Beginnings, Comparable, Found
from profiler.ops.audit.compare import UNREADABLE, Difference, differences
from profiler.ops.audit.refold import Refold
from profiler.profiles.forgetting import LIST_KEY
from profiler.profiles.hashes import Fields
from profiler.profiles.inspect import Writer, writer_of
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record, Rejected
from profiler.rules.contract import STATE_FIELD, contract_of

Result = Literal["clean", "mismatch", "not_comparable", "repaired"]
RESULTS: tuple[Result, ...] = ("clean", "mismatch", "not_comparable", "repaired")

_TOGETHER = 500
_PAUSE_S = 1.0
#: So many looks more than asked for, at visitors who were repaired, or moved just then.
_REPAIR_TRIES = 10
_DAY_MS = 86_400_000


class Verdict(NamedTuple):
    """What was found of one visitor.

    Attributes:
        key: in Redis.
        result: in a word.
        reason: why nothing can be said; else empty.
        differences: where there are some.
    """

    key: str
    result: Result
    reason: str
    differences: list[Difference]


class Kafka(NamedTuple):
    """What an audit asks Kafka.

    Attributes:
        committed: by partition, from the first record that is there to what the workers have
            committed.
        ends: likewise to the end of the topic.
        read: the committed records of parts of the topic.
    """

    committed: Callable[[], Mapping[int, Span]]
    ends: Callable[[], Mapping[int, Span]]
    read: Callable[[Spans], Iterator[Record]]


class Auditing:
    """Audits again and again; each audit reads what has come since the one before.

    Args:
        kafka: see `Kafka`.
        live: the workers' script on the workers' Redis.
        refold: folds, on a server of our own.
        refresh: called whenever it is known what is committed, before that is read.
        since_ms: visitors who began before are not comparable; None for all.
    """

    def __init__(
        self,
        kafka: Kafka,
        live: ProfileScript,
        refold: Refold,
        refresh: Callable[[], None],
        *,
        since_ms: int | None = None,
    ) -> None:
        self._kafka = kafka
        self._live = live
        self._reader = Writer(live.rules.order, live.rules.version)
        self._refold = refold
        self._refresh = refresh
        self._comparable = Comparable(live.rules)
        self._fields = contract_of(live.rules).fields
        self._since_ms = since_ms
        #: The list of who was forgotten, at the last round.
        self._forgotten: Fields = {}
        self._read_to: dict[int, int] = {}
        self._first_at: dict[int, int] = {}
        self._is_cut: set[int] = set()

    def audit(self, *, repair: bool, tries: int) -> list[Verdict]:
        """Compare all sampled visitors that the topic has.

        Args:
            repair: put the refolded profile in the place of one that differs, unless it moved.
            tries: a difference must be found so often, a second apart.

        Raises:
            StoreUnavailableError: Redis or our own server cannot be reached.
            TransportError: no broker answers.
            ConfigError: a right is missing.
        """
        self._begin()
        verdicts: dict[str, Verdict] = {}
        #: What was wrong with the repaired visitors.
        repaired: dict[str, list[Difference]] = {}
        self._catch_up()
        pending = list(self._refold.seen)
        for number in range(1, 1 + (tries + _REPAIR_TRIES if repair else tries)):
            if number > 1:
                time.sleep(_PAUSE_S)
                self._catch_up()
            copies = self._copied(pending)
            verdicts |= {key: self._verdict(key, copies[key]) for key in pending}
            pending = [key for key in pending if verdicts[key].result == "mismatch"]
            if repair and number >= tries:
                repaired |= {
                    key: verdicts[key].differences
                    for key in pending
                    if self._repair(key, copies[key])
                }
            if not pending:
                break
        return [
            each._replace(result="repaired", differences=repaired[each.key])
            if each.key in repaired and each.result == "clean"
            else each
            for each in verdicts.values()
        ]

    def _begin(self) -> None:
        """Begin a round; anew where somebody was forgotten, or no longer is, since the last one.

        What was folded of a visitor does not know the mark, and cannot be told apart any more.
        """
        [found] = self._live.hashes.read([LIST_KEY])
        forgotten: Fields = {} if isinstance(found, Rejected) else found
        self._refold.begin(forgotten)
        if forgotten != self._forgotten:
            self._refold.clear()
            self._forgotten, self._read_to, self._first_at, self._is_cut = forgotten, {}, {}, set()

    def _catch_up(self) -> None:
        """Fold what is committed by now."""
        committed = self._kafka.committed()
        self._refresh()
        spans = {
            at: Span(max(first, self._read_to.get(at, first)), end)
            for at, (first, end) in committed.items()
        }
        self._is_cut |= {
            at for at, span in committed.items() if span.first and at not in self._read_to
        }
        for some in _together(self._kafka.read(spans)):
            for record in some:
                self._first_at.setdefault(record.partition, record.timestamp)
            self._refold.fold(some)
        self._read_to |= {at: span.end for at, span in committed.items()}

    def _copied(self, keys: Sequence[str]) -> dict[str, Fields | Rejected]:
        """Copies of what Redis has now, and the refolded profiles at the same point."""
        copies: dict[str, Fields | Rejected] = {}
        for at in range(0, len(keys), _TOGETHER):
            named = keys[at : at + _TOGETHER]
            copies |= dict(zip(named, self._live.hashes.read(named), strict=True))
        readable = {key: copy for key, copy in copies.items() if not isinstance(copy, Rejected)}
        self._refold.take(readable)
        spans = {
            at: Span(self._read_to.get(at, first), end)
            for at, (first, end) in self._kafka.ends().items()
        }
        for some in _together(self._kafka.read(spans)):
            self._refold.fold_known(some, readable)
        return copies

    def _verdict(self, key: str, copy: Fields | Rejected) -> Verdict:
        if isinstance(copy, Rejected):
            return Verdict(key, "mismatch", "", [Difference(UNREADABLE, None, copy.reason, "")])
        seen, now_ms = self._refold.seen[key], time.time_ns() // 1_000_000
        stored_id = seen.stored_id
        refolded = self._refold.anew.read_visits(key, stored_id, now_ms)
        [anew] = self._refold.anew.hashes.read([key])
        assert not isinstance(anew, Rejected), "ours"  # noqa: S101 - the script wrote it
        writer: str | None = None
        try:
            writer = writer_of(key, copy.get(STATE_FIELD.encode()), self._reader)
            stored = self._refold.stored.read_visits(key, stored_id, now_ms)
            found = list(differences(stored, refolded, self._fields))
        except StoredStateError as error:
            if error.is_foreign:
                return Verdict(key, "not_comparable", OTHER_RULES, [])
            stored, found = [], [Difference(UNREADABLE, None, str(error), "")]
        if not found:
            return Verdict(key, "clean", "", [])
        both = Found(seen, copy, writer, anew, stored, refolded, found)
        reason, found = self._comparable.judge(both, self._beginnings, now_ms)
        if reason:
            return Verdict(key, "not_comparable", reason, [])
        return Verdict(key, "mismatch" if found else "clean", "", found)

    @property
    def _beginnings(self) -> Beginnings:
        cut = [self._first_at[at] for at in self._is_cut if at in self._first_at]
        if self._since_ms is not None:
            cut.append(self._since_ms)
        return Beginnings(max(cut, default=None), min(self._first_at.values(), default=None))

    def _repair(self, key: str, copy: Fields | Rejected) -> bool:
        """Put the refolded profile where the copy still stands."""
        [anew] = self._refold.anew.hashes.read([key])
        if isinstance(copy, Rejected) or isinstance(anew, Rejected) or not anew:
            return False
        ttl_ms = self._live.rules.store.ttl_days * _DAY_MS
        return self._live.hashes.swap(key, copy, anew, ttl_ms=ttl_ms)


def counted(verdicts: Sequence[Verdict]) -> Counter[str]:
    """How many visitors have each result."""
    return Counter(verdict.result for verdict in verdicts)


def _together(records: Iterator[Record]) -> Iterator[list[Record]]:
    while some := list(islice(records, _TOGETHER)):
        yield some
