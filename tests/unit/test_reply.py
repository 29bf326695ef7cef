"""The script's replies become flags and JSON, by the declared order, whatever their content.

Over 250 lines: a part is a table of wrong answers.
"""

import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.errors import ScriptContractError
from profiler.profiles.reply import Applied, Outcome, ReplyDecoder
from profiler.rules.contract import METADATA_FLAGS, Contract, PublicField, contract_of
from profiler.rules.model import Rules, load_rules, parse_rules

#: Fields of every type, and of every flag.
NUMBERS = parse_rules(
    """
name = "numbers"
order = "event_time"
visit.bounce = "visit_events"
[identity]
visitor = "u"
visit = "s"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
[[fields]]
name = "visitor_revenue"
scope = "visitor"
operation = "sum"
value = "price"
decimals = 2
[[fields]]
name = "visitor_items"
scope = "visitor"
operation = "sum"
value = "items"
decimals = 0
[[fields]]
name = "visitor_page"
scope = "visitor"
operation = "last"
value = "page"
[[fields]]
name = "visitor_pages"
scope = "visitor"
operation = "last_n"
value = "page"
[[fields]]
name = "visitor_counts"
scope = "visitor"
operation = "counts"
value = "page"
""",
    "numbers.toml",
)
STANDARD = load_rules("lean")
ARTICLE = load_rules("article")

#: Shared by all examples, so that values and shapes of earlier ones are met again.
DECODERS = {rules.name: ReplyDecoder(rules) for rules in (NUMBERS, STANDARD, ARTICLE)}

TEXTS = st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | st.just(b'%b"\\%')
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{0,3}[1-9])?", fullmatch=True)


def applied(decoder: ReplyDecoder, answer: Any) -> Applied:  # noqa: ANN401 - also a broken one
    outcomes: list[Outcome] = [None]
    decoder.decode([0], [answer], outcomes)
    (outcome,) = outcomes
    assert isinstance(outcome, Applied)
    return outcome


def answer_of(rules: Rules, flags: bytes = b"", **known: object) -> list[object]:
    """An answer in which no other value is known."""
    return [flags, *(known.get(field.name) for field in contract_of(rules).fields)]


def value_of(field: PublicField, draw: st.DrawFn) -> tuple[bytes | int | list[Any], object]:
    """A value as the script gives it, and as the output shows it."""
    if field.type == "integer":
        number = draw(st.integers(min_value=-(2**63), max_value=2**63 - 1))
        return number, number
    if field.type == "boolean":
        flag = draw(st.booleans())
        return int(flag), flag
    if field.type == "decimal":
        written = draw(DECIMALS)
        return written.encode(), orjson.loads(written)
    if field.type == "list":
        texts = draw(st.lists(TEXTS, max_size=3))
        return texts, [text.decode("utf-8", "replace") for text in texts]
    if field.type == "counts":
        counts = draw(st.dictionaries(st.text(max_size=9), st.integers(0, 2**53), max_size=3))
        return [part for text, n in counts.items() for part in (text.encode(), n)], counts
    text = draw(TEXTS)
    return text, text.decode("utf-8", "replace")


def metadata_of(contract: Contract, flags: set[str]) -> dict[str, object]:
    """What an output says besides the fields."""
    if contract.order == "arrival":
        return {}
    told = {name: flag in flags for flag, name in METADATA_FLAGS.items() if flag in contract.flags}
    return {**told, "rules_version": contract.rules_version}


@st.composite
def answers(draw: st.DrawFn) -> tuple[Rules, list[object], set[str], dict[str, object]]:
    """An answer of some rules, with its flags and the profile that it means."""
    rules = draw(st.sampled_from([NUMBERS, STANDARD, ARTICLE]))
    contract = contract_of(rules)
    flags = draw(st.lists(st.sampled_from(sorted(contract.flags)), unique=True))
    answer: list[object] = ["".join(f" {flag}" for flag in flags).encode()]
    profile: dict[str, object] = {}
    for field in contract.fields:
        raw, shown = value_of(field, draw) if draw(st.booleans()) else (None, None)
        answer.append(raw)
        if raw is not None or rules.order == "event_time":
            profile[field.name] = shown
    profile = {} if "forgotten" in flags else profile | metadata_of(contract, set(flags))
    return rules, answer, set(flags), {f"profile_{name}": v for name, v in profile.items()}


@given(answers())
def test_an_answer_is_decoded_by_the_order_of_the_fields(
    example: tuple[Rules, list[object], set[str], dict[str, object]],
) -> None:
    rules, answer, flags, profile = example
    outcome = applied(DECODERS[rules.name], answer)
    assert outcome.flags == flags
    assert outcome.profile == profile
    assert list(outcome.profile) == list(profile)


def test_article_shows_only_what_is_known() -> None:
    decoder = ReplyDecoder(ARTICLE)
    assert (
        applied(decoder, answer_of(ARTICLE, visit_id=b"7")).encoded == b'{"profile_visit_id":"7"}'
    )
    assert applied(decoder, answer_of(ARTICLE)).encoded == b"{}"


@pytest.mark.parametrize("written", ["0", "-3", "19.99", "12345678901234.5", "900719925474.0991"])
def test_a_decimal_leaves_as_it_is_written(written: str) -> None:
    """A double would lose digits of the last one."""
    raw = written.encode()
    outcome = applied(DECODERS["numbers"], answer_of(NUMBERS, visitor_revenue=raw))
    assert b'"profile_visitor_revenue":%b,' % raw in outcome.encoded


def test_a_flag_that_the_rules_do_not_know_does_not_leave() -> None:
    shown = applied(DECODERS["lean"], answer_of(STANDARD, b" truncated no_visit")).profile
    assert shown["profile_truncated"] is True
    assert not {"profile_bad_number", "profile_no_visit", "profile_no_time"} & shown.keys()
    told = applied(DECODERS["numbers"], answer_of(NUMBERS, b" bad_number no_time")).profile
    assert told["profile_bad_number"] is True
    assert told["profile_time_corrected"] is False


BROKEN: list[tuple[object, str]] = [
    (answer_of(NUMBERS, b" sold"), "unknown flags"),
    (answer_of(NUMBERS, b" late sold"), "unknown flags"),
    (answer_of(NUMBERS, b"late"), "flags are not written"),
    (answer_of(NUMBERS, b" late late"), "flags are not written"),
    *((answer_of(NUMBERS, flags), "are not written") for flags in (b" late ", b"  late", b" ")),
    (answer_of(NUMBERS)[:-1], "11 parts, and 12"),
    ([*answer_of(NUMBERS), None], "13 parts, and 12"),
    ([], "0 parts"),
    *((answer_of(NUMBERS, visitor_pages=value), "no array of flags") for value in (5, b"p", [1])),
    *(
        (answer_of(NUMBERS, visitor_counts=value), "no array of flags")
        for value in (5, b"p", [1, 1], [b"p", b"1"], [b"p"])
    ),
    *((answer_of(NUMBERS, visitor_page=value), "no array of flags") for value in (5, [b"p"])),
    *(
        (answer_of(NUMBERS, visit_number=value), "no array of flags")
        for value in (b"1", b"many", 1.5, [1])
    ),
    *((answer_of(NUMBERS, visit_bounce=value), "no array of flags") for value in (2, -1, b"1")),
    *(
        (answer_of(NUMBERS, visitor_revenue=value), "no array of flags")
        for value in (5, 1.5, *b" 01 +1 1. .5 1.00001 1e3 1,5 NaN -".split(b" "), b" 1", b"1\n")
    ),
    ([None, *answer_of(NUMBERS)[1:]], "no array of flags"),
    ([1, *answer_of(NUMBERS)[1:]], "no array of flags"),
    (None, "no array of flags"),
    (7, "no array of flags"),
    (b"late", "4 parts"),
    (b"twelve chars", "no array of flags"),
]


@pytest.mark.parametrize(("answer", "reason"), BROKEN, ids=lambda part: repr(part)[:60])
@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_an_answer_that_breaks_the_contract_is_refused(
    answer: object, reason: str, *, known: bool
) -> None:
    decoder = ReplyDecoder(NUMBERS)
    if known:  # answers of that shape were seen
        ones: dict[str, Any] = {"string": b"p", "integer": 1, "boolean": 1, "decimal": b"1"}
        ones |= {"list": [b"p"], "counts": [b"p", 1]}
        fields = {field.name: ones[field.type] for field in contract_of(NUMBERS).fields}
        applied(decoder, answer_of(NUMBERS, **fields))
    with pytest.raises(ScriptContractError, match=reason) as caught:
        applied(decoder, answer)
    assert "many" not in str(caught.value)


@pytest.mark.parametrize("reply", [[], [answer_of(NUMBERS)] * 2])
def test_each_event_has_one_answer(reply: list[object]) -> None:
    with pytest.raises(ScriptContractError, match=f"1 events brought {len(reply)} answers"):
        DECODERS["numbers"].decode([0], reply, [None])


def test_a_read_is_decoded_by_name() -> None:
    reply = [b"visitor_page", b"p\xff", b"visit_number", 3, b"visit_bounce", 1]
    read = DECODERS["numbers"].stored([*reply, b"visitor_revenue", b"-19.99"])
    assert read == {
        "visitor_page": "p\ufffd",
        "visit_number": 3,
        "visit_bounce": True,
        "visitor_revenue": -19.99,
    }
    assert DECODERS["numbers"].stored([]) is None


@pytest.mark.parametrize(
    "reply",
    [
        [b"visit_number"],
        [b"visit_number", b"3"],
        [b"visit_number", None],
        [b"visitor_page", 3],
        [b"visit_colour", b"red"],
        [b"visit_number", 3, b"visit_number", 3],
        [[b""]],
        [None, None],
    ],
)
def test_a_read_that_breaks_the_contract_is_refused(reply: list[object]) -> None:
    with pytest.raises(ScriptContractError, match="no array of names and values"):
        ReplyDecoder(NUMBERS).stored(reply)


def test_earlier_values_are_kept_and_what_is_kept_is_bounded() -> None:
    decoder = ReplyDecoder(STANDARD)
    tracemalloc.start()
    try:
        for number in range(10_000):
            short, long = b"%d" % number, b"p" * 5_000 + b"%d" % number
            answer = answer_of(
                STANDARD, visit_first_page=short, visit_last_page=long, visit_start=number
            )
            shown = applied(decoder, answer).profile
            assert shown["profile_visit_first_page"] == short.decode()
            assert shown["profile_visit_last_page"] == long.decode()
            assert shown["profile_visit_start"] == number
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Some 1,800 short values of each type are kept at the end; if none were, each event would
    # encode its own.
    assert 400_000 < kept_bytes < 2_000_000
