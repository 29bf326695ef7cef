"""The dead-letter limit: what trips it, what does not, and what it says."""

from collections.abc import Sequence

import pytest

from profiler.config.settings import DeadLetterSettings
from profiler.engine import Rejection
from profiler.errors import DeadLetterLimitError
from profiler.records.types import Record, Rejected
from profiler.worker.dead_letter_limit import DeadLetterLimit

GOOD, BAD = "", "bad_json"


def batch(codes: Sequence[str], first_offset: int = 0) -> tuple[int, list[Rejection]]:
    """A batch of records with these codes; no code is a good record."""
    return len(codes), [
        Rejection(
            place,
            Record("in", 3, first_offset + place, 0, b"key of a person", b"secret", ()),
            Rejected(code, "secret reason"),
        )
        for place, code in enumerate(codes)
        if code
    ]


def limit(consecutive: int = 0, ratio: float = 1, window: int = 100) -> DeadLetterLimit:
    return DeadLetterLimit(
        DeadLetterSettings(max_consecutive=consecutive, max_ratio=ratio, window_records=window)
    )


@pytest.mark.parametrize("sizes", [[10], [9, 1], [1] * 10, [4, 20]])
def test_a_row_of_bad_records_trips_across_batches(sizes: list[int]) -> None:
    limited = limit(consecutive=10)
    *before, last = sizes
    for size in before:
        limited.check(*batch([BAD] * size))
    with pytest.raises(DeadLetterLimitError, match="10 dead letters in a row"):
        limited.check(*batch([BAD] * last))


@pytest.mark.parametrize("codes", [[BAD] * 9 + [GOOD] + [BAD] * 9, [GOOD], [BAD] * 9])
def test_a_good_record_ends_the_row(codes: list[str]) -> None:
    limited = limit(consecutive=10)
    limited.check(*batch(codes))
    with pytest.raises(DeadLetterLimitError):
        limited.check(*batch([BAD] * 10))


def test_the_share_counts_once_the_window_is_full_and_slides() -> None:
    limited = limit(ratio=0.5, window=100)
    limited.check(*batch([BAD] * 50))
    for _ in range(5):
        limited.check(*batch([GOOD] * 50))
        limited.check(*batch([BAD] * 50))  # half of the window, again and again
    with pytest.raises(DeadLetterLimitError, match=r"51 of the last 100 records"):
        limited.check(*batch([BAD] + [GOOD] * 49))


def test_half_a_window_is_no_share() -> None:
    limited = limit(ratio=0.5, window=100)
    limited.check(*batch([BAD] * 99))
    with pytest.raises(DeadLetterLimitError, match="99 of the last 100 records"):
        limited.check(*batch([GOOD]))


def test_the_limits_can_be_switched_off() -> None:
    unlimited = limit(consecutive=0, ratio=1)
    for _ in range(20):
        unlimited.check(*batch([BAD] * 1_000))
    with pytest.raises(DeadLetterLimitError):
        limit(consecutive=1_000).check(*batch([BAD] * 1_000))


def test_a_setting_that_rejects_is_no_alarm() -> None:
    limited = limit(consecutive=10, ratio=0.5)
    limited.check(*batch(["no_visitor_id"] * 200))
    limited.check(*batch([BAD] * 9 + ["no_visitor_id"] + [BAD] * 9))
    with pytest.raises(DeadLetterLimitError):
        limited.check(*batch([BAD]))


def test_after_a_fault_the_counting_starts_anew() -> None:
    limited = limit(consecutive=10, ratio=0.5)
    for _ in range(3):
        limited.check(*batch([BAD] * 9))
        limited.forget()
    with pytest.raises(DeadLetterLimitError):
        limited.check(*batch([BAD] * 10))


@pytest.mark.parametrize(
    ("limited", "setting", "off"),
    [
        (limit(consecutive=100), "max_consecutive", 0),
        (limit(ratio=0.5), "max_ratio", 1),
    ],
)
def test_the_message_says_what_was_seen_and_what_to_set(
    limited: DeadLetterLimit, setting: str, off: int
) -> None:
    codes = ["bad_json"] * 50 + ["bad_shape"] * 30 + ["bad_id"] * 15 + ["too_deep", "EPROFILE"] * 3
    with pytest.raises(DeadLetterLimitError) as error:
        limited.check(*batch(codes, first_offset=1_234))
    message = str(error.value)
    assert "bad_json 50, bad_shape 30, bad_id 1" in message
    assert "and 2 more codes; the first is in-3 at offset 1234)" in message
    assert f"dead_letters.{setting} (PROFILER_DEAD_LETTERS__{setting.upper()}; {off}" in message
    assert "secret" not in message
    assert "person" not in message
