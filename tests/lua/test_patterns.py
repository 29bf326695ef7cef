"""`matches`: the script finds what a matcher finds that tries everything, and in bounded time."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from profiler.rules.pattern import pieces_of
from profiler.rules.render import quote_lua, templates
from profiler.rules.rendered_condition import matching
from tests.lua.runner import examples
from tests.oracles.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.redis import Store

#: What everything collides with, and all texts of a few such characters.
FEW = ["a", "b", "*", "*", "?", "[ab]", "[!a]", "[ab]+", "[b]+", "[!b]+", "é"]
ALL = ["".join(word) for size in (1, 2, 3, 4) for word in product("abé", repeat=size)]
#: What may be taken for something else.
TOKENS = [
    *("/", "日", "[!/]", "[b-c_]", "[!/]+", "\\*", "\\?", "%", ".", "+", "-", "^", "$", "]"),
    *("[\\]]", "[%^a]", "[a-]", "\\\\", "(", "%a", "\0", "[\0a]", "!", "[+]+", *FEW),
]
TEXTS = st.lists(st.text("ac/é日*?%.+-^$]\\([_!\0", min_size=1, max_size=9), max_size=12)


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store.url) as client:
        yield client


def found_by_the_script(client: redis.Redis, pattern: str, texts: list[str]) -> list[bool]:
    part = templates().get_template("parts/patterns.lua.j2").render()
    script = (
        f"{part}\nlocal found = {{}}\nfor i, x in ipairs(ARGV) do"
        f" found[i] = ({matching('x', pattern, quote_lua)}) and 1 or 0 end\nreturn found"
    )
    return [bool(each) for each in client.eval(script, 0, *(text.encode() for text in texts))]


@examples(300)
@given(pattern=st.lists(st.sampled_from(FEW), min_size=1, max_size=6).map("".join))
def test_the_script_finds_what_trying_everything_finds(client: redis.Redis, pattern: str) -> None:
    assert_same(client, pattern, ALL)


@examples(200)
@given(tokens=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5), texts=TEXTS)
def test_no_character_is_taken_for_another(
    client: redis.Redis, tokens: list[str], texts: list[str]
) -> None:
    pattern = "".join(tokens)
    assert_same(client, pattern, [pattern, pattern.replace("\\", ""), *tokens, *texts])


def assert_same(client: redis.Redis, pattern: str, texts: list[str]) -> None:
    try:
        pieces_of(pattern)
    except ValueError:
        return
    texts = [text for text in texts if text]
    expected = [matches(pattern, text) for text in texts]
    assert found_by_the_script(client, pattern, texts) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("/blog/*", "/blog/", True),
        ("/blog/*", "/blog", False),
        ("*/p/[0-9]+", "/p/1", None),
        ("/p/[0-9]+", "/p/0123", True),
        ("/p/[0-9]+", "/p/", False),
        ("/p/[0-9]+", "/p/1a", False),
        ("/[!/]+/cart*", "/shop/cart?x", True),
        ("/[!/]+/cart*", "/a/b/cart", False),
        ("*.pdf", "a.pdf", True),
        ("*.pdf", "apdf", False),
        ("[ab]+*b", "ab", True),
        ("[!a]+*é", "éé", True),
        ("[!a]+*é", "é", False),
        ("??", "日é", True),
        ("??", "日", False),
        ("a*b*a", "aba", True),
        ("a*b*a", "aab", False),
        ("a*a", "a", False),
    ],
)
def test_what_a_pattern_means(
    client: redis.Redis, pattern: str, text: str, *, is_match: bool | None
) -> None:
    if is_match is None:
        with pytest.raises(ValueError, match="before the first star"):
            pieces_of(pattern)
    else:
        assert found_by_the_script(client, pattern, [text]) == [is_match]


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a*a*b", "[!b]+b*a?a?a?a*c", "a*" * 15 + "b"])
def test_no_text_takes_long(client: redis.Redis, pattern: str) -> None:
    text = "a" * 30_000
    started = time.perf_counter()

    assert found_by_the_script(client, pattern, [text]) == [False]

    assert time.perf_counter() - started < 0.5
