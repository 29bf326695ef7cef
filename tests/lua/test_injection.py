"""A hostile rules file: whatever its texts say, its script loads, compares and executes nothing."""

from __future__ import annotations

import json
import string
import uuid
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
from tests.lua.raw import Script, event
from tests.lua.test_quoting import INJECTIONS
from tests.unit.test_render import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from profiler.rules.model import Rules

#: What no script of ours writes: it is there only if a text of the rules was executed.
PWNED = f"pwned-{uuid.uuid4().hex[:8]}"
CALL = f"redis.call('SET','{PWNED}',1)"
#: Each ends what its text may stand in, calls, and hides what comes behind it.
PAYLOADS = [
    f'"]] ; {CALL} --',
    f'" ; {CALL} --',
    f"' ; {CALL} --",
    f'\\" ; {CALL} --',
    f"x ; {CALL} --",
    f"]] {CALL} --[[",
    f"\n{CALL}\n--",
    f"\r\n{CALL}\r\n--",
    f"]]\n{CALL}\n--[[",
    f"\n--% set x = 1\n{CALL}\n",
]
PLACES = {"beginning": 0.0, "middle": 0.5, "end": 1.0}
NAMES = ("name", "predicate", "field", "bounce", "operation", "scope", "order")
TEXTS = ("taken", "tested", "value", "visitor", "visit", "event_id", "created", "nobody", "key")
#: Stands in a rules file until a byte takes its place, as it is.
MARK = "\ue000"
SAME_SERVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Words(NamedTuple):
    """What a rules file says: `NAMES`, and `TEXTS`, which may be any."""

    name: str = "hostile"
    predicate: str = "held"
    field: str = "visitor_first_page"
    bounce: str = "visit_count"
    operation: str = "first"
    scope: str = "visitor"
    order: str = "event_time"
    taken: str = "page"
    tested: str = "kind"
    value: str = "view"
    visitor: str = "v"
    visit: str = "s"
    event_id: str = "e"
    created: str = "c"
    nobody: str = "n"
    key: str = "k:"


def quoted(text: str) -> str:
    """A string of TOML; it is one of JSON, but for a DEL and what JSON has in pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def file_of(words: Words) -> str:
    """A rules file that says these words."""
    said = {name: quoted(text) for name, text in words._asdict().items()}
    said["key"] = quoted(words.key + "<id>")
    return """
name = {name}
order = {order}
[identity]
visitor = {visitor}
visit = {visit}
event_id = {event_id}
created = {created}
nobody = [{nobody}]
[store]
key = {key}
[predicates]
{predicate} = [{{ field = {tested}, equals = {value} }}]
[visit]
bounce = {bounce}
[[fields]]
name = {field}
scope = {scope}
operation = {operation}
value = {taken}
when = {predicate}
[[fields]]
name = "visitor_last"
scope = "visitor"
operation = "last"
value = {taken}
[[fields]]
name = "visit_count"
scope = "visit"
operation = "count"
when = {predicate}
""".format_map(said)


def said_by(rules: Rules) -> Words:
    """The words of a file that was taken."""
    identity, ((predicate, (test,)),) = rules.identity, rules.predicates.items()
    taken = rules.fields[0]
    return Words(
        name=rules.name,
        predicate=predicate,
        field=taken.name,
        taken=taken.value or "",
        tested=test.field,
        value=test.equals or "",
        visitor=identity.visitor[0],
        visit=identity.visit,
        event_id=identity.event_id or "",
        created=identity.created or "",
        nobody=identity.nobody[0],
        key=rules.store.key.removesuffix("<id>"),
    )


def with_texts(text: str) -> Words:
    """The same at every place of a text."""
    return Words()._replace(**dict.fromkeys(TEXTS, text))


def placed(found: str, place: str, text: str) -> str:
    """A text with something in it, at a place."""
    at = round(PLACES[place] * len(text))
    return text[:at] + found + text[at:]


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
        if chr(number) == "{":  # a key with a { alone is refused
            with pytest.raises(ConfigError, match="hash tag"):
                parse_rules(file_of(words), "rules.toml")
            words = words._replace(key="k:")
        rules = parse_rules(file_of(words), "rules.toml")
        assert said_by(rules) == words
        assert_is_data(redis_client, key_prefix, rules)


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
    if "{" in words.key or "<id>" in words.key:
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
