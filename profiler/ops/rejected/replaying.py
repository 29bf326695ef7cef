"""Dead letters go back to the topic that they came from: in order, and once.

The order is the source's, by offset. Dead letters of one source are in many partitions of their
topic, so they are sorted, a bounded number at a time: each pass reads the topic again, and takes
the letters with the lowest offsets that are still due.

Once: records and what is recorded of them are one transaction. Who begins a replay takes the
transactional id, which ends whatever another one had open, and reads what is recorded only then.
So of two operators the first one is refused, and what it had committed is known to the second.
"""

from collections.abc import Callable, Iterable, Iterator

from profiler.config.settings import TopicSettings
from profiler.errors import ConfigError, ProducerFencedError
from profiler.kafka import TransactionalProducer
from profiler.ops.rejected.fates import DUE, STILL_REJECTED, Due, Fate
from profiler.ops.rejected.judge import Judge
from profiler.ops.rejected.ledger import Ledger, name_of
from profiler.ops.rejected.letters import (
    REPLAYED_FROM,
    REPLAYED_TIMES,
    Letter,
    home_of,
    original_of,
)
from profiler.records.types import OutputRecord, Record

#: Of one pass.
_MOST_RECORDS, _MOST_BYTES = 10_000, 64 * 1024 * 1024
#: Of one transaction.
_TOGETHER = 500
_INIT_S, _COMMIT_S = 30.0, 30.0


class Replaying:
    """One replay.

    Args:
        letters: reads the chosen dead letters, the same ones at each call.
        fetch: reads the record of a reference; None where it is gone.
        ledger: of what was replayed.
        judge: says what would pass; None takes all.
        topics: of the settings.
        most_times: a record that was replayed so often stays.
        fitted: makes outputs that their topics take.
    """

    def __init__(
        self,
        letters: Callable[[], Iterable[Letter]],
        fetch: Callable[[Record, str], Record | None],
        ledger: Ledger,
        judge: Judge | None,
        topics: TopicSettings,
        *,
        most_times: int,
        fitted: Callable[[list[OutputRecord]], list[OutputRecord]] = list,
    ) -> None:
        self._letters = letters
        self._fetch = fetch
        self._ledger = ledger
        self._judge = judge
        self._topics = topics
        self._most_times = most_times
        self._fitted = fitted

    def fates(self) -> Iterator[Fate]:
        """What would become of each dead letter now; the ledger is loaded before."""
        return map(self._fate, self._letters())

    def run(self, producer: TransactionalProducer, *, limit: int = 0) -> Iterator[list[Due]]:
        """Replay; yields the records of each transaction behind its commit.

        Args:
            producer: of an id that only replays of this topic have; not initialised.
            limit: so many at most; 0 for all.

        Raises:
            ConfigError: another replay has begun meanwhile, or the broker refuses the id.
            TransportError: it is not known whether the last transaction is committed. Another
                replay finds out.
        """
        try:
            producer.init(timeout_s=_INIT_S)
            self._ledger.load()
            left = limit
            while found := self._lowest(left if limit else _MOST_RECORDS):
                for at in range(0, len(found), _TOGETHER):
                    some = found[at : at + _TOGETHER]
                    self._commit(producer, some)
                    yield some
                left -= len(found)
                if limit and left <= 0:
                    return
        except ProducerFencedError as error:
            raise ConfigError(
                "another replay of this topic has begun, and goes on with what was left;"
                " what this one had replayed is recorded"
            ) from error

    def _lowest(self, most: int) -> list[Due]:
        """The due letters with the lowest offsets of the source, in order."""
        most = min(most, _MOST_RECORDS)
        kept: list[Due] = []
        held = 0
        bound: tuple[object, ...] | None = None
        for fate in self.fates():
            due = fate.due
            if due is None or (bound is not None and due.order > bound):
                continue
            kept.append(due)
            held += len(due.record.value or b"")
            if len(kept) >= 2 * most or held >= 2 * _MOST_BYTES:
                kept = _cut(kept, most)
                held = sum(len(due.record.value or b"") for due in kept)
                bound = kept[-1].order
        return _without_copies(_cut(kept, most))

    def _fate(self, letter: Letter) -> Fate:
        home = home_of(letter, self._topics)
        if not home:
            return Fate(letter, "not of this deployment's topics", None, None)
        name = name_of(letter, home)
        if self._ledger.has(name):
            return Fate(letter, "replayed before", None, None)
        if letter.replays >= self._most_times:
            return Fate(letter, "replayed too often", None, None)
        written = original_of(letter, home)
        record = self._fetch(written, letter.sha256) if letter.is_reference else written
        if record is None:
            return Fate(letter, "its record is gone from the topic", None, None)
        rejected = self._judge.verdict(record, letter.code) if self._judge else None
        if rejected is not None:
            return Fate(letter, STILL_REJECTED, rejected, None)
        at = (letter.record.partition, letter.record.offset)
        due = Due(record.offset, record.partition, home, at, letter, record, name)
        return Fate(letter, DUE, None, due)

    def _commit(self, producer: TransactionalProducer, some: list[Due]) -> None:
        outputs = self._fitted([_output(due) for due in some])
        entries = [
            self._ledger.entry(due.letter, due.name, output)
            for due, output in zip(some, outputs, strict=True)
        ]
        producer.send([*outputs, *entries])
        producer.commit(timeout_s=_COMMIT_S)
        for due in some:
            self._ledger.add(due.name)


def _cut(found: list[Due], most: int) -> list[Due]:
    """The lowest ones, in order: so many, and not too many bytes; but one at least."""
    found.sort(key=lambda due: due.order)
    size = 0
    for number, due in enumerate(found):
        size += len(due.record.value or b"")
        if number and (number >= most or size > _MOST_BYTES):
            return found[:number]
    return found


def _without_copies(found: list[Due]) -> list[Due]:
    """One of each name: a crash of an at-least-once worker may have left a dead letter twice."""
    return list({due.name: due for due in found}.values())


def _output(due: Due) -> OutputRecord:
    kept = [header for header in due.record.headers if header[0] not in _MARKS]
    place = f"{due.letter.record.topic}:{due.letter.place}"
    marks = (
        (REPLAYED_FROM, place.encode()),
        (REPLAYED_TIMES, b"%d" % (due.letter.replays + 1)),
    )
    return OutputRecord(
        due.home, due.record.key, due.record.value, (*kept, *marks), due.record.timestamp
    )


_MARKS = (REPLAYED_FROM, REPLAYED_TIMES)
