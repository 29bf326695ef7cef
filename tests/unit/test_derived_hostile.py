"""Whatever an event holds: nothing raises, nothing grows, nothing takes long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.rules.derived.address import MAX_CHARS, read_address
from profiler.rules.derived.channel import UNASSIGNED, ChannelRule, Channels
from profiler.rules.derived.inputs import PAGES, DerivedInputs
from profiler.rules.derived.names import NAMED
from profiler.rules.derived.sources import Sources
from profiler.rules.derived.table import Derived

TABLE = Derived.model_validate(
    {
        "url": "u",
        "referrer": "r",
        "user_agent": "a",
        "internal": ["shop.example"],
        "channels": [{"name": "Own", "campaign": ["*a*b*c*d*e*f*g*h"]}],
    }
)
INPUTS = DerivedInputs(TABLE, [*NAMED, "derived.query.q"])
VALUES = [*NAMED, "derived.query.q"]

#: Pieces that parsers stumble over, and any character: lone halves of one too.
PIECE = st.sampled_from(
    [
        *("http://", "HTTPS://", "//", "\\\\", "android-app://", "javascript:", "@", ":", ":443"),
        *("/", "?", "#", "&", "=", "%", "%41", "%zz", "%ff", "+", ".", "..", "[", "]", "[::1]"),
        *("www.google.com", "utm_source", "UTM_MEDIUM", "utm_campaign", "gclid", "q", "xn--", "-"),
        *("ü", "ß", "İ", "ﷺ", "。", "\ud800", "\udfff", "\x00", "\n", "\t", " ", "\u202e", "🔥"),
        *("google", "cpc", "shop", "Googlebot/2.1", "Spider", "a" * 300),
    ]
)
CHARACTERS = st.text(st.characters(codec=None, categories=None, exclude_categories=[]), max_size=80)
TEXT = st.lists(PIECE | CHARACTERS, max_size=12).map("".join)


@given(TEXT, TEXT, TEXT)
def test_no_text_raises(url: str, referrer: str, agent: str) -> None:
    values = INPUTS.of({"u": url, "r": referrer, "a": agent})

    assert len(values) == len(VALUES)
    assert all(type(value) is str for value in values)
    host = values[VALUES.index("derived.host")]
    assert host == "" or re.fullmatch(r"[a-z0-9._-]{1,253}|\[[0-9a-f:.]+\]", host)


@given(TEXT)
def test_a_host_is_the_same_when_it_is_read_again(text: str) -> None:
    host = read_address(text).host
    assert read_address(f"https://{host}/").host == host


@pytest.mark.parametrize("half", [chr(0xD800), chr(0xDFFF)])
def test_half_a_character_makes_no_host(half: str) -> None:
    assert read_address(f"https://shop{half}.example/").host == ""


@pytest.mark.parametrize("value", [None, 7, 7.5, True, [], {"a": 1}])
def test_what_is_no_text_is_absent(value: object) -> None:
    absent = INPUTS.of({})
    assert INPUTS.of({"u": value, "r": value, "a": value}) == absent
    assert set(absent) == {""}


#: Texts over which a careless pattern or loop takes seconds.
LONG = 200_000
SLOW = (
    *("a" * LONG, "." * LONG, "@" * LONG, "/" * LONG, "\\" * LONG, "%" * LONG, "[" * LONG),
    *(f"http://{'a.' * LONG}", f"http://{'a@' * LONG}", f"http://{'-' * LONG}.", "http://" * LONG),
    *(f"http://{'ü' * LONG}", f"http://{'ﷺ' * 250}", f"http://{'ü.' * 120}", f"//{'。' * LONG}"),
    *(f"/?{'&' * LONG}", f"/?{'=' * LONG}", f"/?{'q=%41&' * LONG}", f"/?q={'%41' * LONG}"),
    *(f"/?utm_source={'a.' * LONG}", f"/?utm_campaign={'abcdefg' * LONG}"),
    *(
        f"/?utm_campaign={'shop' * LONG}&utm_medium={'cp' * LONG}",
        "Spider" * LONG,
        "Current" * LONG,
    ),
)


@pytest.mark.parametrize("text", SLOW, ids=range(len(SLOW)))
def test_no_text_takes_long(text: str) -> None:
    INPUTS.of({})  # the tables are read once
    begin = time.process_time()
    values = INPUTS.of({"u": text, "r": text, "a": text})
    assert time.process_time() - begin < 0.05
    assert max(map(len, values)) <= MAX_CHARS


#: Wildcards of the shell, broken ones too.
WILD = st.lists(st.sampled_from([*"*?[]!^-\\(){}|+.$abz&~", "[!", "[]", "a-z"]), max_size=40)


@given(WILD.map("".join).filter(lambda pattern: pattern.count("*") <= 8), TEXT)
def test_any_pattern_of_a_channel_works(pattern: str, text: str) -> None:
    rule = ChannelRule(name="own", source=(pattern,))
    assert Channels([rule], Sources([])).of(text, "", "") in {"own", UNASSIGNED}


def test_no_pattern_takes_long() -> None:
    rule = ChannelRule(name="own", source=("*a" * 8 + "b",), medium=("*?[!b]*a*a*a*a*a*a*c",))
    channels = Channels([rule], Sources([]))
    begin = time.process_time()
    assert channels.of("a" * LONG + "b", "a" * LONG, "") == UNASSIGNED
    assert time.process_time() - begin < 0.05


def test_what_is_remembered_is_bounded() -> None:
    inputs = DerivedInputs(TABLE, VALUES)
    for number in range(PAGES + 10):
        inputs.of({"u": f"/{number}", "r": "", "a": f"agent {number}"})
    inputs.of({"u": "/" + "a" * 5_000, "r": "", "a": "b" * 5_000})

    pages, agents = inputs.remembered()

    assert pages.currsize == pages.maxsize == PAGES
    assert agents.currsize == agents.maxsize
    assert pages.misses == PAGES + 10  # a long one is not remembered
