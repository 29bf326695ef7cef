"""The sample of an audit, two profiles side by side, and when a difference says nothing."""

import hashlib

import pytest

from profiler.ops.audit.comparable import OLDER, Beginnings, Comparable, Found
from profiler.ops.audit.compare import Difference, Profile, differences
from profiler.ops.audit.refold import Seen
from profiler.ops.audit.sample import Sample, sample_of
from profiler.rules.contract import contract_of
from profiler.rules.model import load_rules

DAY_MS = 86_400_000
NOW = 1_800_000_000_000
RULES = load_rules("lean")
FIELDS = contract_of(RULES).fields


def test_a_sample_is_as_large_as_it_says_and_part_of_a_larger_one() -> None:
    ids = [f"visitor {number}" for number in range(20_000)]
    taken = [{each for each in ids if Sample(n, 100).takes(each)} for n in (1, 5, 100)]
    assert taken[0] < taken[1] < taken[2] == set(ids)
    assert len(taken[0]) == pytest.approx(200, rel=0.25)
    assert len(taken[1]) == pytest.approx(1_000, rel=0.15)


def test_the_function_is_the_stated_one() -> None:
    """Other programs may choose the same visitors."""
    for visitor in ("ada", "é", ""):
        digest = hashlib.sha256(b"profiler-audit:" + visitor.encode()).hexdigest()
        assert Sample(1, 2).takes(visitor) == (digest[0] in "01234567")


def test_rates() -> None:
    assert sample_of("1/10000") == Sample(1, 10_000)
    assert str(sample_of("3/4")) == "3/4"
    for wrong in ("", "1", "0/1", "1/0", "2/1", "1/-2", "1 / 2", "a/b"):
        with pytest.raises(ValueError, match="so many of so many"):
            sample_of(wrong)


def profile(visit: str = "A", **changes: object) -> Profile:
    return {"visitor_events": 3, "visit_id": visit, "visit_events": 2, "visit_number": 1} | changes


def test_differences_by_field_and_visit() -> None:
    two = [profile(), profile("B", visit_number=2)]
    assert list(differences(two, two[::-1], FIELDS)) == []
    assert list(differences([], [], FIELDS)) == []
    assert list(differences([], two, FIELDS)) == [Difference("(profile)", None, "missing", "there")]
    assert list(differences(two, two[:1], FIELDS)) == [Difference("visit_id", "B", "B", None)]
    other = [profile(visitor_events=4, visit_events=1), profile("B", visitor_events=4)]
    assert list(differences(two, other, FIELDS)) == [
        Difference("visitor_events", None, 3, 4),
        Difference("visit_events", "A", 2, 1),
        Difference("visit_number", "B", 2, 1),
    ]


def found(
    *,
    first_seen: int = NOW - DAY_MS,
    again: int = NOW - DAY_MS,
    copy: bytes = b"state",
    anew: bytes = b"state",
    writer: str | None = RULES.version,
    streams: int = 1,
    gap_ms: int = 0,
    last_at: int = NOW,
    is_limited: bool = False,
) -> Found:
    seen = Seen("ada", last_at)
    seen.streams = set(range(streams))
    seen.longest_gap, seen.is_limited = gap_ms, is_limited
    stored = [profile(visitor_first_seen=first_seen)] if copy else []
    refolded = [profile(visitor_first_seen=again, visitor_events=9, visit_number=7)]
    return Found(
        seen,
        {b"~": copy} if copy else {},
        writer,
        {b"~": anew},
        stored,
        refolded,
        list(differences(stored, refolded, FIELDS)),
    )


WHOLE = Beginnings(None, NOW - 30 * DAY_MS)
CUT = Beginnings(NOW - 2 * DAY_MS, NOW - 2 * DAY_MS)
HOUR_MS = 3_600_000
TTL_MS = RULES.store.ttl_days * DAY_MS


@pytest.mark.parametrize(
    ("what", "beginnings", "reason"),
    [
        (found(), WHOLE, ""),
        (found(), CUT, ""),
        (found(writer="…-0a0b0c0d"), WHOLE, "written by other rules"),
        (found(copy=b"f1234567rest"), WHOLE, "forgotten meanwhile"),
        (found(copy=b"f1234567rest", anew=b"f1234567other"), WHOLE, ""),
        (found(gap_ms=TTL_MS - DAY_MS), WHOLE, "expired, at least in between"),
        (found(gap_ms=TTL_MS - DAY_MS - 1), WHOLE, ""),
        (found(copy=b"", last_at=NOW - TTL_MS), WHOLE, "expired, at least in between"),
        (found(copy=b"", last_at=NOW - TTL_MS + 1), WHOLE, ""),
        (found(first_seen=NOW - 2 * DAY_MS + HOUR_MS - 1), CUT, OLDER),
        (found(first_seen=NOW - 2 * DAY_MS + HOUR_MS), CUT, ""),
        # The topic is whole, and Redis knows more: another topic came before it.
        (found(first_seen=NOW - 31 * DAY_MS), WHOLE, OLDER),
        (found(first_seen=NOW - 29 * DAY_MS), WHOLE, ""),
        (found(streams=2, is_limited=True), WHOLE, "its events come by several partitions"),
    ],
)  # fmt: skip
def test_what_can_be_compared(what: Found, beginnings: Beginnings, reason: str) -> None:
    told, left = Comparable(RULES).judge(what, beginnings, NOW)
    assert told == reason
    assert bool(left) == (not reason)


def test_what_depends_on_arrival_is_no_difference_between_partitions() -> None:
    one = Comparable(RULES).judge(found(), WHOLE, NOW)[1]
    two = Comparable(RULES).judge(found(streams=2), WHOLE, NOW)[1]
    assert {each.field for each in one} - {each.field for each in two} == {"visit_number"}
    article = Comparable(load_rules("article"))
    assert article.judge(found(streams=2, writer=None), WHOLE, NOW)[0].startswith("its events")


def test_without_a_field_that_says_it_an_old_topic_tells_nothing() -> None:
    article = Comparable(load_rules("article"))
    assert article.judge(found(writer=None), CUT, NOW)[0].startswith("perhaps older")
    assert article.judge(found(writer=None), WHOLE, NOW)[0] == ""
