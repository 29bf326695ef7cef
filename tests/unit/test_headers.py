"""What the headers of outputs and dead letters say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler import __version__
from profiler.errors import InvalidRecordError
from profiler.records.headers import (
    MAX_REASON_BYTES,
    check_names,
    rejection,
    source_of,
    with_source,
    with_timestamp,
)
from profiler.records.types import Headers

SOURCE = (
    ("source-topic", b"tracking_processed"),
    ("source-partition", b"3"),
    ("source-offset", b"42"),
)
OTHERS: Headers = (("traceparent", b"00-1"), ("empty", None), ("traceparent", b"00-2"))

HEADERS = st.lists(
    st.tuples(
        st.sampled_from([name for name, _ in SOURCE]) | st.text(max_size=3),
        st.none() | st.sampled_from([b"7", b""]) | st.binary(max_size=3),
    ),
    max_size=6,
).map(tuple)


def read_here(headers: Headers, *, forward: bool) -> Headers:
    return with_source(headers, "tracking_processed", 3, 42, forward=forward)


@pytest.mark.parametrize("forward", [True, False])
def test_a_record_without_a_source_gets_one_behind_its_own_headers(*, forward: bool) -> None:
    assert read_here((), forward=forward) == SOURCE
    assert read_here(OTHERS, forward=forward) == OTHERS + SOURCE


def test_a_timestamp_of_the_source_is_ours_alone() -> None:
    """The first stage drops one from outside; the second one keeps the first one's."""
    forged = (("source-timestamp", b"7"), *OTHERS)
    assert read_here(forged, forward=False) == OTHERS + SOURCE
    ours = with_timestamp(with_timestamp(SOURCE, 8), 9)
    assert ours == (*SOURCE, ("source-timestamp", b"9"))
    assert read_here(ours, forward=True) == ours


@pytest.mark.parametrize("offset", [0, 42, 2**63 - 1])
def test_a_source_can_be_read_again(offset: int) -> None:
    headers = with_source(OTHERS, "tracking_processed", 3, offset, forward=False)
    assert source_of(headers) == ("tracking_processed", 3, offset)


def test_a_source_whose_topic_is_no_utf8_can_be_read() -> None:
    """No topic has such a name, and whoever compares it must not fail at it."""
    _, partition, offset = SOURCE
    headers = (("source-topic", b"t\xff"), partition, offset)
    assert source_of(headers) == ("t\ufffd", int(partition[1] or b""), int(offset[1] or b""))


@pytest.mark.parametrize(
    "headers",
    [(), OTHERS, SOURCE[:2], (*SOURCE, SOURCE[0]), (*SOURCE[:2], ("source-offset", b"9" * 5_000))],
)
def test_no_or_a_broken_source_is_none(headers: Headers) -> None:
    assert source_of(headers) is None


def test_offsets_and_partitions_are_ascii_decimal() -> None:
    assert with_source((), "t", 0, 2**63 - 1, forward=False) == (
        ("source-topic", b"t"),
        ("source-partition", b"0"),
        ("source-offset", b"9223372036854775807"),
    )


FOREIGN: Headers = (
    ("source-offset", b"9"),
    ("kept", b"1"),
    ("source-topic", b"elsewhere"),
    ("source-partition", b"0"),
)


def test_a_source_named_by_a_producer_is_replaced() -> None:
    assert read_here(FOREIGN, forward=False) == (("kept", b"1"), *SOURCE)


def test_forwarding_keeps_a_complete_source_as_it_is() -> None:
    assert read_here(FOREIGN, forward=True) == FOREIGN


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(FOREIGN[1:], id="one is missing"),
        pytest.param((*FOREIGN, ("source-offset", b"10")), id="one is there twice"),
        pytest.param((*FOREIGN[1:], ("source-offset", None)), id="no offset"),
        pytest.param((*FOREIGN[1:], ("source-offset", b"-1")), id="offset is no number"),
        pytest.param((*FOREIGN[:3], ("source-partition", b"")), id="partition is empty"),
        pytest.param((*FOREIGN[1:], ("source-offset", b"9" * 20)), id="offset is beyond 64 bits"),
        pytest.param((FOREIGN[0], *FOREIGN[3:], ("source-topic", b"")), id="topic is empty"),
    ],
)
def test_forwarding_replaces_an_incomplete_source(broken: Headers) -> None:
    kept = tuple(header for header in broken if header[0] == "kept")
    assert read_here(broken, forward=True) == kept + SOURCE


@given(headers=HEADERS, forward=st.booleans())
def test_each_source_header_leaves_exactly_once(*, headers: Headers, forward: bool) -> None:
    names = [name for name, _ in read_here(headers, forward=forward)]
    assert [names.count(name) for name, _ in SOURCE] == [1, 1, 1]


def test_a_rejection_adds_its_four_headers_and_keeps_the_rest() -> None:
    headers = rejection(OTHERS + SOURCE, stage="flatten", code="bad_json", reason="kein JSON: ä")
    assert headers == (
        *OTHERS,
        *SOURCE,
        ("error-stage", b"flatten"),
        ("error-code", b"bad_json"),
        ("error-reason", "kein JSON: ä".encode()),
        ("profiler-version", __version__.encode()),
    )


def test_a_rejection_names_the_topic_that_was_read_only_where_it_is_not_the_source() -> None:
    """Only we may say it: a replay would send the record there."""
    forged = (("error-topic", b"elsewhere"), *SOURCE)
    here = SOURCE[0][1].decode()
    topics = [
        dict(rejection(forged, stage="s", code="c", reason="r", topic=topic)).get("error-topic")
        for topic in ("", here, "flattened")
    ]
    assert topics == [None, None, b"flattened"]


def test_an_earlier_rejection_is_replaced() -> None:
    first = rejection(OTHERS, stage="flatten", code="bad_json", reason="one")
    second = rejection(first, stage="profile", code="bad_id", reason="two")
    assert second == rejection(OTHERS, stage="profile", code="bad_id", reason="two")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        pytest.param("a" * 512, b"a" * 512, id="at the limit"),
        pytest.param("a" * 513, b"a" * 512, id="past the limit"),
        pytest.param("ab" + "ä" * 300, b"ab" + "ä".encode() * 255, id="cut between characters"),
        pytest.param("a" + "ä" * 300, b"a" + "ä".encode() * 255, id="not through a character"),
        pytest.param("😀" * 200, "😀".encode() * 128, id="four-byte characters"),
        pytest.param("a\ud800b", b"a?b", id="a lone surrogate"),
    ],
)
def test_a_reason_is_cut_at_a_characters_end(reason: str, expected: bytes) -> None:
    headers = dict(rejection((), stage="flatten", code="bad_json", reason=reason))
    assert headers["error-reason"] == expected


@given(st.text(min_size=150).map(lambda text: text * 4))
def test_a_reason_is_always_short_valid_utf8_and_a_prefix(reason: str) -> None:
    cut = dict(rejection((), stage="s", code="c", reason=reason))["error-reason"]
    assert cut is not None
    assert MAX_REASON_BYTES - 3 <= len(cut) <= MAX_REASON_BYTES
    assert reason.startswith(cut.decode())


@pytest.mark.parametrize("name", ["", "plain", "ü", "\U0001f600", "\x00"])
def test_names_that_are_utf8_pass(name: str) -> None:
    check_names((("first", None), (name, b"\xff")))
    with pytest.raises(InvalidRecordError, match="bad_header: the name of header 3 is not UTF-8"):
        check_names((("first", None), (name, b"\xff"), ("person \udcff", b"")))
