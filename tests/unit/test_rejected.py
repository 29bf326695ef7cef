"""Dead letters read back, and their replay on the broker in memory.

Over 250 lines: one shop of dead letters, and all that is done with it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pytest

from profiler.config.settings import TopicSettings
from profiler.errors import ConfigError, ProfilerError
from profiler.kafka.memory import MemoryBroker, memory_transactional_producer
from profiler.kafka.protocol import TransactionalProducer
from profiler.ops.rejected import replaying as module
from profiler.ops.rejected.dump import hex_lines
from profiler.ops.rejected.fates import DUE, require_something_new
from profiler.ops.rejected.filters import Filters
from profiler.ops.rejected.ledger import Ledger
from profiler.ops.rejected.letters import Letter, home_of, letter_of, original_of
from profiler.ops.rejected.replaying import Replaying
from profiler.records.dead_letter import dead_letter
from profiler.records.headers import with_source
from profiler.records.types import Headers, OutputRecord, Record, Rejected

TOPICS = TopicSettings(
    processed="in", flattened="flat", persisted="out", rejected="dead", rejected_replays="done"
)
PROCESSED = json.dumps({"query": [{"name": "other_x", "value": 1}]}).encode()


#: What flatten writes, and the second stage forwards.
FORWARDED: Headers = (
    *(("source-topic", b"in"), ("source-partition", b"0"), ("source-offset", b"9")),
)


def record(offset: int, *, partition: int = 0, value: bytes = b"{", **more: object) -> Record:
    """One that was read, and is bad."""
    return Record("in", partition, offset, 1_000 + offset, b"k", value, ())._replace(**more)  # type: ignore[arg-type]


def rejected(
    bad: Record, *, code: str = "bad_json", stage: str = "flatten", max_bytes: int = 1 << 20
) -> OutputRecord:
    """Its dead letter."""
    headers = with_source(
        bad.headers, bad.topic, bad.partition, bad.offset, forward=stage == "profile"
    )
    return dead_letter(
        bad,
        "dead",
        headers,
        stage=stage,
        rejected=Rejected(code, "why"),
        max_bytes=max_bytes,
    )


def read_back(output: OutputRecord, place: int = 0) -> Letter:
    """The dead letter as it is found in its topic."""
    return letter_of(Record("dead", 0, place, output.timestamp, *output[1:4]))


class Shop:
    """A broker in memory with dead letters, and operators who replay them."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        for topic in ("in", "flat", "dead", "done"):
            self.broker.create_topic(topic, partitions=2)

    def reject(self, *letters: OutputRecord) -> None:
        """Have these dead letters."""
        with self.broker.changed:
            for each in letters:
                self.broker.append(each)

    def read(self, topic: str) -> list[Record]:
        """What is committed of a topic."""
        return self.broker.records(topic)

    def operator(
        self,
        *,
        filters: Filters = Filters(),  # noqa: B008 - it cannot be changed
        most_times: int = 3,
        fetch: Callable[[Record, str], Record | None] = lambda _record, _sha: None,
    ) -> tuple[Replaying, Ledger]:
        """One who has read what is recorded now."""
        letters = [letter_of(each) for each in self.read("dead")]
        ledger = Ledger("done", lambda: self.read("done"), lambda: 7)
        meant = [letter for letter in letters if filters.take(letter)]
        ledger.load()
        return (
            Replaying(lambda: meant, fetch, ledger, None, TOPICS, most_times=most_times),
            ledger,
        )

    def replay(self, replaying: Replaying, *, limit: int = 0) -> int:
        """Run one to its end; how many records it replayed."""
        return sum(map(len, replaying.run(self.producer(), limit=limit)))

    def producer(self) -> TransactionalProducer:
        """One more with the id that all replays have."""
        return memory_transactional_producer(self.broker, transactional_id="replay")


@pytest.fixture
def shop() -> Shop:
    return Shop()


def offsets_of(records: Iterable[Record]) -> list[int]:
    return [each.timestamp - 1_000 for each in records]


def test_a_record_goes_back_as_it_was(shop: Shop) -> None:
    bad = record(3, headers=(("trace", b"1"), ("source-topic", b"forged"), ("gone", None)))
    shop.reject(rejected(bad))
    assert shop.replay(shop.operator()[0]) == 1
    [back] = shop.read("in")
    assert (back.key, back.value, back.timestamp) == (bad.key, bad.value, bad.timestamp)
    assert back.headers == (
        *(("trace", b"1"), ("gone", None)),
        *(("replayed-from", b"dead:0:0"), ("replayed-times", b"1")),
    )
    [told] = shop.read("done")
    assert json.loads(told.value or b"") == {
        "dead_letter": "0:0",
        "code": "bad_json",
        "to": "in",
        "times": 1,
        "replayed_at": 7,
    }


def test_the_order_is_that_of_the_source_in_passes_of_any_size(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = [5, 1, 9, 0, 7, 3, 8, 2, 6, 4, *range(20, 10, -1)]
    shop.reject(*(rejected(record(at, key=b"a%d" % (at % 5))) for at in mixed))
    monkeypatch.setattr(module, "_MOST_RECORDS", 3)
    monkeypatch.setattr(module, "_TOGETHER", 2)
    replaying, _ = shop.operator()
    done = [due.offset for some in replaying.run(shop.producer()) for due in some]
    assert done == sorted(mixed)
    by_key = {key: [r for r in shop.read("in") if r.key == key] for key in (b"a0", b"a1", b"a4")}
    assert all(offsets_of(found) == sorted(offsets_of(found)) for found in by_key.values())


def test_passes_are_bounded_by_bytes_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.reject(*(rejected(record(at, value=b"x" * 100)) for at in reversed(range(9))))
    monkeypatch.setattr(module, "_MOST_BYTES", 250)
    replaying, _ = shop.operator()
    passes = [[due.offset for due in some] for some in replaying.run(shop.producer())]
    assert passes == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


def test_a_second_run_replays_nothing_twice_and_filters_may_overlap(shop: Shop) -> None:
    shop.reject(*(rejected(record(at), code=f"c{at % 3}") for at in range(9)))
    two = Filters(codes=frozenset(["c0", "c1"]))
    others = Filters(codes=frozenset(["c1", "c2"]))
    assert shop.replay(shop.operator(filters=two)[0]) == 6
    assert shop.replay(shop.operator(filters=others)[0]) == 3
    again, _ = shop.operator()
    assert shop.replay(again) == 0
    assert Counter(fate.words for fate in again.fates()) == {"replayed before": 9}
    assert sorted(offsets_of(shop.read("in"))) == list(range(9))


def test_a_limit_takes_the_lowest_offsets(shop: Shop) -> None:
    shop.reject(*(rejected(record(at)) for at in (4, 2, 0, 3, 1)))
    assert shop.replay(shop.operator()[0], limit=3) == 3
    assert sorted(offsets_of(shop.read("in"))) == [0, 1, 2]


def test_a_dead_letter_that_was_written_twice_is_replayed_once(shop: Shop) -> None:
    shop.reject(rejected(record(1)), rejected(record(2)), rejected(record(1)))
    assert shop.replay(shop.operator()[0]) == 2
    assert sorted(offsets_of(shop.read("in"))) == [1, 2]


def test_a_record_of_a_topic_that_was_made_anew_is_another_one(shop: Shop) -> None:
    shop.reject(rejected(record(1, value=b"{")))
    assert shop.replay(shop.operator()[0]) == 1
    shop.reject(rejected(record(1, value=b"[")))
    assert shop.replay(shop.operator()[0]) == 1
    assert [each.value for each in shop.read("in")] == [b"{", b"["]


def test_a_second_operator_ends_the_first_and_nothing_is_doubled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.reject(*(rejected(record(at)) for at in range(6)))
    monkeypatch.setattr(module, "_TOGETHER", 2)
    first, second = shop.operator()[0], shop.operator()[0]
    under_way = first.run(shop.producer())
    next(under_way)
    assert shop.replay(second) == 4
    with pytest.raises(ConfigError, match="another replay"):
        next(under_way)
    assert sorted(offsets_of(shop.read("in"))) == list(range(6))


def test_a_record_that_is_rejected_again_and_again_stays(shop: Shop) -> None:
    shop.reject(rejected(record(0)))
    for times in (1, 2):
        assert shop.replay(shop.operator(most_times=2)[0]) == 1
        back = shop.read("in")[-1]
        assert dict(back.headers)["replayed-times"] == b"%d" % times
        shop.reject(rejected(back._replace(offset=times, timestamp=1_000 + times)))
    last, _ = shop.operator(most_times=2)
    assert shop.replay(last) == 0
    assert Counter(fate.words for fate in last.fates()) == {
        "replayed before": 2,
        "replayed too often": 1,
    }


def test_a_reference_is_replayed_by_the_record_that_it_stands_for(shop: Shop) -> None:
    whole = record(5, value=b"x" * 200_000, headers=(("trace", b"1"),))
    shop.reject(
        rejected(whole, max_bytes=131_072),
        rejected(record(6, value=b"y" * 200_000), max_bytes=131_072),
    )

    def fetch(wanted: Record, sha256: str) -> Record | None:
        is_it = wanted.offset == 5 and sha256 == hashlib.sha256(whole.value or b"").hexdigest()
        return whole if is_it else None

    replaying, _ = shop.operator(fetch=fetch)
    assert shop.replay(replaying) == 1
    [back] = shop.read("in")
    assert (back.value, back.headers[0]) == (whole.value, ("trace", b"1"))
    assert "its record is gone from the topic" in {fate.words for fate in replaying.fates()}


@pytest.mark.parametrize(
    ("topic", "headers", "stage", "value", "home"),
    [
        ("in", (), "flatten", b"{", "in"),
        ("in", (), "profile", PROCESSED, "in"),
        # Flattened by the profiler's own first stage; the second one forwards the source.
        ("flat", FORWARDED, "profile", b'{"query-other_x": 1}', "flat"),
        ("flat", (), "profile", b"{", "flat"),
        ("elsewhere", (), "flatten", b"{", ""),
    ],
)  # fmt: skip
def test_bytes_go_to_the_topic_that_they_came_from(
    topic: str, headers: Headers, stage: str, value: bytes, home: str
) -> None:
    bad = record(9, topic=topic, headers=headers, value=value)
    letter = read_back(rejected(bad, stage=stage))
    assert home_of(letter, TOPICS) == home
    if home:
        assert original_of(letter, home) == bad._replace(headers=headers)


def test_a_letter_of_release_0_1_is_told_by_its_shape() -> None:
    for value, home in ((b'{"query-x": 1}', "flat"), (PROCESSED, "in")):
        letter = read_back(
            rejected(record(9, topic="flat", headers=FORWARDED, value=value), stage="profile")
        )
        assert letter.read_in == "flat"
        assert home_of(letter._replace(read_in=""), TOPICS) == home


def test_strangers_records_have_no_home() -> None:
    stranger = letter_of(Record("dead", 0, 0, 1, None, None, (("error-code", b"\xff"),)))
    assert (home_of(stranger, TOPICS), stranger.source, stranger.replays) == ("", None, 0)
    forged = rejected(record(1))._replace(
        headers=(*rejected(record(1)).headers, ("error-topic", b"victim"))
    )
    assert home_of(read_back(forged), TOPICS) == ""


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        (Filters(), [0, 1, 2, 3]),
        (Filters(codes=frozenset(["c1"])), [1, 3]),
        (Filters(stages=frozenset(["profile"])), []),
        (Filters(topic="in"), [0, 1, 2, 3]),
        (Filters(topic="flat"), []),
        (Filters(partition=1), [2, 3]),
        (Filters(first=1, last=2), [1, 2]),
        (Filters(since_ms=1_001, until_ms=1_003), [1, 2]),
        (Filters(headers=frozenset([("trace", b"2")])), [2]),
        (Filters(codes=frozenset(["c1"]), partition=0), [1]),
    ],
)
def test_filters(filters: Filters, taken: Sequence[int]) -> None:
    letters = [
        read_back(
            rejected(
                record(at, partition=at // 2, headers=(("trace", b"%d" % at),)), code=f"c{at % 2}"
            )
        )
        for at in range(4)
    ]
    found = [letter.source.offset for letter in letters if letter.source and filters.take(letter)]
    assert found == taken


def test_a_replay_of_nothing_is_refused_with_the_reason() -> None:
    again = "would be rejected again"
    require_something_new(Counter({(DUE, "a"): 1, (again, "b"): 5}))
    with pytest.raises(ProfilerError, match="no dead letter is meant"):
        require_something_new(Counter())
    with pytest.raises(ProfilerError, match=r"of 7 dead letters 7 would be rejected again.*--all"):
        require_something_new(Counter({(again, "a"): 5, (again, "b"): 2}))
    with pytest.raises(ProfilerError, match=r"2 replayed before$"):
        require_something_new(Counter({("replayed before", "a"): 2}))


def test_bytes_are_shown_by_number_and_drive_no_terminal() -> None:
    lines = list(hex_lines(b"\x1b]0;own\x07\r\nABC~\x7f\xff"))
    assert lines == [
        "00000000  1b 5d 30 3b 6f 77 6e 07 0d 0a 41 42 43 7e 7f ff  .]0;own...ABC~..",
    ]
    assert list(hex_lines(b"A" * 17))[1].split() == ["00000010", "41", "A"]
    assert list(hex_lines(b"")) == []
