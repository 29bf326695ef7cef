"""Keys: one per visitor, safe in a cluster, short whatever the id."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from profiler.profiles.keys import LONGEST_PLAIN_ID, encode_id, key_of, sidecar_of
from profiler.rules.key_pattern import require_spread

PATTERN = "visitor:{<id>}"

#: Texts as a JSON string may hold them: lone surrogates are dead letters long before.
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
#: Ids that look like what other ids are encoded to.
LOOKALIKES = st.sampled_from(
    ["a b", "a%20b", "a%2520b", "a+b", "{a}", "%7Ba%7D", "sha256:0", "sha256%3A0"]
)


@pytest.mark.parametrize(
    ("visitor_id", "key"),
    [
        ("alice", "visitor:{alice}"),
        ("a-b_c.d~9", "visitor:{a-b_c.d~9}"),
        ("a b", "visitor:{a%20b}"),
        ("a/b", "visitor:{a%2Fb}"),
        ("{a}b", "visitor:{%7Ba%7Db}"),
        ("}{", "visitor:{%7D%7B}"),
        ("100%", "visitor:{100%25}"),
        ("<id>", "visitor:{%3Cid%3E}"),
        ("a\0b\n", "visitor:{a%00b%0A}"),
        ("\u00fc\U0001f600", "visitor:{%C3%BC%F0%9F%98%80}"),
    ],
)
def test_ids_are_percent_encoded(visitor_id: str, key: str) -> None:
    assert key_of(PATTERN, visitor_id) == key


def test_an_id_of_more_than_128_bytes_is_hashed() -> None:
    just_short, just_long = "a" * 128, "a" * 129

    assert encode_id(just_short) == just_short
    assert encode_id(just_long) == "sha256:" + hashlib.sha256(just_long.encode()).hexdigest()


def test_the_limit_counts_bytes_of_the_id_itself() -> None:
    """Neither characters nor the encoded bytes, which are three times as many."""
    assert encode_id("\u00fc" * 64) == "%C3%BC" * 64
    assert encode_id("\u00fc" * 64 + "a").startswith("sha256:")


def test_no_id_can_pretend_to_be_a_hashed_one() -> None:
    hashed = encode_id("a" * 129)

    assert encode_id(hashed) != hashed


@given(IDS | LOOKALIKES, IDS | LOOKALIKES)
def test_no_two_ids_share_a_key(first: str, second: str) -> None:
    assert (key_of(PATTERN, first) == key_of(PATTERN, second)) == (first == second)


@given(IDS)
def test_a_key_is_short_ascii_with_one_pair_of_braces(visitor_id: str) -> None:
    key = key_of(PATTERN, visitor_id)

    assert re.fullmatch(r"visitor:\{[A-Za-z0-9_.~%:-]+\}", key)
    assert len(key) <= len(PATTERN) + 3 * LONGEST_PLAIN_ID


@given(IDS)
def test_the_slot_is_that_of_the_tag(visitor_id: str) -> None:
    """So a sidecar key with the same tag lives on the same node."""
    key = key_of(PATTERN, visitor_id)

    assert key_slot(key.encode()) == key_slot(encode_id(visitor_id).encode())
    assert key_slot(key.encode()) == key_slot(f"outputs:{{{encode_id(visitor_id)}}}".encode())


@given(st.permutations([*"{}{}", "<id>", "a", "b"]), st.integers(1, 7))
@pytest.mark.field(
    kind="connections",
    meets="a key pattern whose braces put all visitors into one slot",
    happens="the rules are refused",
)
def test_a_pattern_spreads_visitors_or_is_refused(pieces: list[str], most: int) -> None:
    pattern = "".join(pieces[:most])
    slots = {key_slot(key_of(pattern, f"visitor {number}").encode()) for number in range(9)}
    try:
        require_spread(pattern)
    except ValueError:
        is_odd = "{" in pattern.rpartition("}")[2] or "{" not in pattern
        assert len(slots) == 1 or "{}" in pattern or is_odd
    else:
        assert len(slots) > 1


@given(st.permutations([*"{}{}", "<id>", "a", "b"]), st.integers(1, 7), IDS)
def test_a_sidecar_is_in_the_slot_of_its_visitor(
    pieces: list[str], most: int, visitor_id: str
) -> None:
    pattern = "".join(pieces[:most])
    try:
        require_spread(pattern)
    except ValueError:
        return
    key = key_of(pattern, visitor_id)

    assert key_slot(sidecar_of(key).encode()) == key_slot(key.encode())
    assert sidecar_of(key) not in {key, key_of(pattern, sidecar_of(key))}


@pytest.mark.parametrize(
    ("key", "sidecar"),
    [
        ("visitor:{ada}", "visitor:{ada}:outputs"),
        ("ada", "{ada}:outputs"),
        ("shop:{v:ada}:x{y}", "shop:{v:ada}:x{y}:outputs"),
    ],
)
def test_sidecars_are_called_after_their_visitors(key: str, sidecar: str) -> None:
    assert sidecar_of(key) == sidecar


@given(IDS)
def test_a_pattern_without_braces_gives_bare_keys(visitor_id: str) -> None:
    """As the article's program has them."""
    assert key_of("<id>", visitor_id) == encode_id(visitor_id)
