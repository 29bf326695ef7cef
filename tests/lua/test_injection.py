"""A hostile rules file: whatever its texts say, its script loads, compares and executes nothing."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, NamedTuple

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler.errors import ConfigError
from profiler.profiles.keys import key_of
from profiler.rules import render as render_module
from profiler.rules import rendered_rule
from profiler.rules.model import load_rules, parse_rules
from profiler.rules.render import templates
from tests.lua.hostile_rules import (
    CALL,
    NAMES,
    PAYLOADS,
    PLACES,
    PWNED,
    TEXTS,
    Words,
    file_of,
    placed,
    said_by,
    with_texts,
)
from tests.lua.raw import Script, event
from tests.lua.test_quoting import INJECTIONS
from tests.unit.test_render import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from profiler.rules.model import Rules

#: Stands in a rules file until a byte takes its place, as it is.
MARK = "\ue000"
SAME_SERVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def assert_is_data(client: redis.Redis, prefix: str, rules: Rules) -> None:
    """The script counts where exactly the text comes, keeps texts as they are, calls nothing."""
    words = said_by(rules)
    script = Script(client, prefix + key_of(rules.store.key, "v"), rules)
    other = "another"
    for ms, sent, expected in ((1, words.value, 1), (2, words.value + "!", 1), (3, other, 1)):
        values = {words.taken: words.value, words.tested: sent}
        (answer,) = script([*event(ms=ms)[:6], *(values[name] for name in rules.inputs)])
        assert answer.profile["visit_count"] == expected
    latest = other if words.taken == words.tested else words.value
    assert answer.profile[words.field] == words.value.encode()
    assert answer.profile["visitor_last"] == latest.encode()
    assert client.exists(PWNED) == 0
    client.delete(script.key)


@pytest.mark.parametrize("place", PLACES)
def test_every_character_in_every_text_is_data(
    redis_client: redis.Redis, key_prefix: str, place: str
) -> None:
    for number in range(256):
        payload = PAYLOADS[number % len(PAYLOADS)]
        words = with_texts(placed(chr(number), place, payload))
        if chr(number) in "{}":  # a key with one of them alone is refused
            with pytest.raises(ConfigError, match="hash tag"):
                parse_rules(file_of(words), "rules.toml")
            words = words._replace(key="k:")
        rules = parse_rules(file_of(words), "rules.toml")
        assert said_by(rules) == words
        assert_is_data(redis_client, key_prefix, rules)


@pytest.mark.field(
    kind="text and files",
    meets="a rules file whose texts try to be Lua, with any byte at any place",
    happens="it is refused, or the text is compared as it is; nothing of it is executed",
)
@pytest.mark.parametrize("place", PLACES)
def test_every_byte_in_a_file_is_refused_or_data(
    redis_client: redis.Redis, key_prefix: str, tmp_path: Path, place: str
) -> None:
    """Raw bytes, as an editor or an attacker writes them: they may end the string that they are in.

    Only what may stand in a string of TOML comes through: printable ASCII, and a tab.
    """
    path, taken = tmp_path / "rules.toml", set()
    for number in range(256):
        payload = PAYLOADS[number % len(PAYLOADS)]
        words = with_texts(placed(MARK, place, payload))._replace(key="k:")
        path.write_bytes(file_of(words).encode().replace(MARK.encode(), bytes([number])))
        try:
            rules = load_rules(str(path))
        except ConfigError:
            continue
        taken.add(chr(number))
        assert_is_data(redis_client, key_prefix, rules)
    printable = {chr(number) for number in range(32, 127)} | {"\t"}
    assert printable - {'"', "\\"} <= taken <= printable


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_no_name_takes_a_character_that_is_none_of_names(name: str, place: str) -> None:
    """So the script may have names as they are, in its own names and in comments."""
    taken = set()
    for number in range(256):
        said = placed(chr(number), place, getattr(Words(), name))
        try:
            parse_rules(file_of(Words()._replace(**{name: said})), "rules.toml")
        except ConfigError:
            continue
        taken.add(chr(number))
    letters, others = set(string.ascii_lowercase), {*string.digits, "_"}
    if name in {"name", "predicate"}:
        assert taken == (letters if place == "beginning" else letters | others)
    elif name == "field":  # it begins with its scope
        assert taken == (set() if place == "beginning" else letters | others)
    else:  # it must be one that there is
        assert taken == set()


@SAME_SERVER
@given(data=st.data())
def test_whatever_each_text_says_is_data(
    redis_client: redis.Redis, key_prefix: str, data: st.DataObject
) -> None:
    pieces = st.sampled_from([*PAYLOADS, *HOSTILE, *INJECTIONS, CALL, "<", "7", " end "])
    texts = st.lists(pieces | st.text(max_size=8), min_size=1, max_size=4).map("".join)
    fitting = texts.filter(lambda text: 1 <= len(text) <= 250)
    words = Words()._replace(**{place: data.draw(fitting, label=place) for place in TEXTS})
    if {"{", "}"} & set(words.key) or "<id>" in words.key:
        words = words._replace(key="k:")
    rules = parse_rules(file_of(words), "rules.toml")
    assert said_by(rules) == words
    assert_is_data(redis_client, key_prefix, rules)


class Hole(NamedTuple):
    """A filter of the rendering, what is there instead, and a text that gets through then."""

    owner: object
    filter_: str
    instead: Callable[[str], str]
    word: str
    said: str


def as_it_is(text: str) -> str:
    return text


def naively_quoted(text: str) -> str:
    return f'"{text}"'


@pytest.mark.parametrize(
    "hole",
    [
        Hole(render_module, "quote_lua", as_it_is, "value", f'"" ; {CALL} --'),
        Hole(render_module, "quote_lua", naively_quoted, "value", f'" ; {CALL} --'),
        Hole(rendered_rule, "plain_name", as_it_is, "taken", f"x\n{CALL}\n--"),
        Hole(templates().filters, "plain", as_it_is, "taken", f"]]\n{CALL}\n--[["),
    ],
    ids=["no-quotes", "naive-quotes", "comment", "header"],
)
def test_without_a_filter_a_text_is_executed(
    redis_client: redis.Redis, key_prefix: str, monkeypatch: pytest.MonkeyPatch, hole: Hole
) -> None:
    """So the tests above would see it: the server is a real one, and the call is made."""
    rules = parse_rules(file_of(Words()._replace(**{hole.word: hole.said})), "rules.toml")
    assert_is_data(redis_client, key_prefix, rules)
    if isinstance(hole.owner, dict):
        monkeypatch.setitem(hole.owner, hole.filter_, hole.instead)
    else:
        monkeypatch.setattr(hole.owner, hole.filter_, hole.instead)
    try:
        with pytest.raises((AssertionError, redis.ResponseError)):
            assert_is_data(redis_client, key_prefix, rules)
        assert redis_client.exists(PWNED) == 1
    finally:
        redis_client.delete(PWNED)
