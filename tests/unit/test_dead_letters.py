"""Dead letters and their references: what is kept, and that the size is known."""

import hashlib

import pytest

from profiler.records.dead_letter import SMALL_BYTES, dead_letter, is_reference, size_of
from profiler.records.headers import with_source
from profiler.records.types import Headers, OutputRecord, Record, Rejected

REJECTED = Rejected("too_large", "too large for us")
OURS = [
    *("source-topic", "source-partition", "source-offset"),
    *("error-stage", "error-code", "error-reason", "profiler-version"),
    *("value-bytes", "value-sha256"),
]


def letter(
    value: bytes | None, *, key: bytes | None = b"key", headers: Headers = (), max_bytes: int
) -> OutputRecord:
    record = Record("in", 1, 2, 3, key, value, headers)
    headers = with_source(headers, "in", 1, 2, forward=False)
    return dead_letter(
        record, "out", headers, stage="flatten", rejected=REJECTED, max_bytes=max_bytes
    )


@pytest.mark.parametrize("value", [None, b"", b"x" * 100_000])
def test_what_fits_keeps_key_value_and_headers(value: bytes | None) -> None:
    whole = letter(value, headers=(("trace", b"1"),), max_bytes=101_000)
    assert (whole.topic, whole.key, whole.value, whole.timestamp) == ("out", b"key", value, 3)
    assert whole.headers[0] == ("trace", b"1")
    assert not is_reference(whole)
    assert letter(value, max_bytes=size_of(letter(value, max_bytes=101_000))).value == value


def test_what_does_not_fit_is_a_reference() -> None:
    value = b"\xff" * 100_000
    forged = (("trace", b"1"), ("value-sha256", b"forged"))
    reference = letter(value, headers=forged, max_bytes=100_000)
    assert is_reference(reference)
    assert (reference.key, reference.value, reference.timestamp) == (b"key", None, 3)
    assert [name for name, _ in reference.headers] == ["trace", *OURS]
    found = dict(reference.headers)
    assert found["value-bytes"] == b"100000"
    assert found["value-sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert (found["source-topic"], found["source-offset"]) == (b"in", b"2")
    assert (found["error-code"], found["error-reason"]) == (b"too_large", b"too large for us")


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (b"k" * 1_000_000, ()),
        (b"key", (("large", b"x" * 1_000_000),)),
        (b"key", (("n" * 1_000_000, None),)),
        (b"key", tuple((f"h{number}", b"") for number in range(100_000))),
    ],
    ids=["key", "header", "header-name", "headers"],
)
def test_a_reference_is_small_whatever_key_and_headers_are(key: bytes, headers: Headers) -> None:
    reference = letter(b"value", key=key, headers=headers, max_bytes=200_000)
    assert size_of(reference) <= SMALL_BYTES
    assert (reference.key, reference.value) == (None, None)
    assert [name for name, _ in reference.headers] == OURS


def test_header_names_that_are_not_utf8_have_a_size() -> None:
    plain = size_of(OutputRecord("t", None, None, (("ab", None),), 0))
    assert size_of(OutputRecord("t", None, None, (("\udcff\udcfe", None),), 0)) == plain
    assert size_of(OutputRecord("t", None, None, (("ü", None),), 0)) == plain
