"""What is no pattern is refused, with a reason."""

import pytest

from profiler.rules.pattern import pieces_of


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("**", "a pattern of stars alone"),
        ("a" * 257, "at most 256 characters"),
        ("a*" * 17, "at most 16 stars"),
        ("?" * 33, "at most 32 of"),
        ("a\\", "ends with a"),
        ("[ab", "a [ without a ]"),
        ("[]", "a class of no character"),
        ("[!]", "a class of no character"),
        ("[^a]", "write [!"),
        ("[é]", "ASCII characters only"),
        ("[a-Z]", "no range"),
        ("[z-a]", "no range"),
        ("[0-a]", "no range"),
        ("*[0-9]+", "before the first star only"),
        ("[0-9]+[1a]", "must not be in its class"),
        ("[0-9]+?", "must not be in its class"),
        ("[!/]+é", "must not be in its class"),
        ("[!/]+[!a]", "must not be in its class"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("[", "\\[")):
        pieces_of(pattern)


def test_a_plus_stands_for_itself_behind_all_but_a_class() -> None:
    assert pieces_of("a+b\\]+") == [b"^a%+b%]%+$"]
    assert pieces_of("[a]++") == [b"^[a]+%+$"]
