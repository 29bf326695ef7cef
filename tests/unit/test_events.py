"""What is accepted as an event, and why everything else is refused."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from profiler.errors import InvalidRecordError
from profiler.records.json_objects import Limits, decode_object, encode_object

LIMITS = Limits()
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(INTEGER_MIN, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal(value: bytes, limits: Limits = LIMITS) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        decode_object(value, limits)
    return caught.value


def nested(depth: int, *, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """An object of exactly this depth, itself counted."""
    return b'{"a":' + opening * (depth - 1) + b"0" + closing * (depth - 1) + b"}"


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_any_object_survives_a_round_trip_in_value_type_and_order(
    fields: dict[str, object],
) -> None:
    # repr tells 1 from 1.0 and True, and shows the order.
    assert repr(decode_object(encode_object(fields), LIMITS)) == repr(fields)


@given(fields=st.dictionaries(st.text(), JSON_VALUES, max_size=5), ascii_only=st.booleans())
def test_an_accepted_object_is_what_the_standard_library_reads(
    *, fields: dict[str, object], ascii_only: bool
) -> None:
    text = json.dumps(fields, ensure_ascii=ascii_only, indent=1)
    assert repr(decode_object(text.encode(), LIMITS)) == repr(json.loads(text))


JSON_PIECES = st.sampled_from(
    [*'{}[]":,\\-.eE01', "9" * 22, "null", "NaN", '"a":', "\\ud800", "\x00", "\ufeff"]
)


@given(st.binary() | st.lists(JSON_PIECES).map("".join).map(str.encode))
@example(b"")
@example(b" \n")
def test_any_bytes_give_an_object_or_a_refusal(value: bytes) -> None:
    try:
        outcome = type(decode_object(value, LIMITS)).__name__
    except InvalidRecordError as error:
        outcome = error.code
    assert outcome in {"dict", "bad_utf8", "bad_json", "bad_integer", "not_an_object"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(b"", "bad_json", id="empty"),
        pytest.param(b'{"a":1', "bad_json", id="unfinished"),
        pytest.param(b'{"a":1}{', "bad_json", id="trailing bytes"),
        pytest.param(b'{"a":1,}', "bad_json", id="trailing comma"),
        pytest.param(b"{'a':1}", "bad_json", id="single quotes"),
        pytest.param(b'{"a":NaN}', "bad_json", id="NaN"),
        pytest.param(b'{"a":Infinity}', "bad_json", id="infinity"),
        pytest.param(b'{"a":-Infinity}', "bad_json", id="negative infinity"),
        pytest.param(b'{"a":1e400}', "bad_json", id="1e400"),
        pytest.param(b'{"a":' + b"9" * 400 + b"e1}", "bad_json", id="long number with exponent"),
        pytest.param(b'{"a":' + b"9" * 400 + b".5}", "bad_json", id="long number with fraction"),
        pytest.param(b'{"a":"\\ud800"}', "bad_json", id="lone high surrogate"),
        pytest.param(b'{"a":"\\udc00"}', "bad_json", id="lone low surrogate"),
        pytest.param(b'{"\\ud800":1}', "bad_json", id="lone surrogate in a name"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "bad_json", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), "bad_utf8", id="UTF-16"),
        pytest.param(b'{"a":"\xff"}', "bad_utf8", id="byte that UTF-8 lacks"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "bad_utf8", id="encoded surrogate"),
        pytest.param(b'{"a":"\xc0\xaf"}', "bad_utf8", id="overlong"),
        pytest.param(b"[]", "not_an_object", id="list"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b'"a"', "not_an_object", id="string"),
        pytest.param(b"1", "not_an_object", id="number"),
    ],
)
def test_what_is_not_a_strict_json_object_is_refused_with_its_code(value: bytes, code: str) -> None:
    assert refusal(value).code == code


def test_a_record_of_exactly_the_size_limit_is_accepted() -> None:
    assert decode_object(b'{"a":1}', LIMITS._replace(max_record_bytes=7)) == {"a": 1}


def test_a_larger_record_is_refused_before_it_is_parsed() -> None:
    error = refusal(b"\xff not JSON", LIMITS._replace(max_record_bytes=9))
    assert error.code == "too_large"
    assert "10 bytes" in error.reason
    assert "limit is 9" in error.reason


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"b":', b"}")])
@pytest.mark.parametrize("limit", [2, 64, 254])
def test_depth_at_the_limit_is_accepted_and_written_again(
    opening: bytes, closing: bytes, limit: int
) -> None:
    value = nested(limit, opening=opening, closing=closing)
    limits = LIMITS._replace(max_depth=limit)
    assert encode_object(decode_object(value, limits)) == value


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"b":', b"}")])
@pytest.mark.parametrize("limit", [2, 64, 254])
def test_depth_past_the_limit_is_refused(opening: bytes, closing: bytes, limit: int) -> None:
    value = nested(limit + 1, opening=opening, closing=closing)
    error = refusal(value, LIMITS._replace(max_depth=limit))
    assert error.code == "too_deep"
    assert str(limit) in error.reason


def test_a_deep_value_behind_shallow_ones_is_found() -> None:
    value = b'{"a":[{},[1],{"b":[2,[' + b"[" * 80 + b"]" * 80 + b"]]}]}"
    assert refusal(value).code == "too_deep"


@pytest.mark.parametrize("closed", [True, False])
def test_a_hundred_thousand_levels_are_refused_as_too_deep(*, closed: bool) -> None:
    value = b'{"a":' + b"[" * 100_000 + (b"]" * 100_000 + b"}" if closed else b"")
    assert refusal(value).code == "too_deep"


def test_brackets_inside_strings_are_no_depth() -> None:
    assert decode_object(b'{"a":["' + b"[{" * 500 + b'"]}', LIMITS) == {"a": ["[{" * 500]}


@pytest.mark.parametrize("number", [INTEGER_MIN, -(10**18), 10**18, 2**63, INTEGER_MAX])
def test_an_integer_within_the_bounds_keeps_every_digit(number: int) -> None:
    for value in (b'{"a":%d}' % number, b'{"a":{"b":[%d]}}' % number):
        assert json.loads(encode_object(decode_object(value, LIMITS))) == json.loads(value)


@pytest.mark.parametrize(
    "number",
    [
        str(INTEGER_MIN - 1),
        str(INTEGER_MAX + 1),
        "1" * 21,
        "9" * 300,
        "1" + "0" * 308,
        "1" + "0" * 400,
        "9" * 4_301,
        "-" + "9" * 4_301,
    ],
)
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"b":[0,%s,0]}'])
@pytest.mark.field(
    kind="text and files",
    meets="an integer beyond 64 bits",
    happens="a dead letter, `bad_integer`: readers would round it",
)
def test_an_integer_past_the_bounds_is_refused(number: str, around: str) -> None:
    error = refusal(f'{{"ä":"1",\n "a": {around % number} }}'.encode())
    assert error.code == "bad_integer"
    assert f"{len(number.strip('-'))} digits" in error.reason


NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})([.][0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
TEXTS = st.from_regex(r'"([0-9,:\[-]|\\["\\])*"', fullmatch=True)


@given(
    st.recursive(
        NUMBERS | TEXTS, lambda inner: st.lists(inner).map(lambda own: f"[{','.join(own)}]")
    )
)
def test_an_integer_is_refused_exactly_where_the_standard_library_finds_one(text: str) -> None:
    found: list[int] = []
    json.loads(text, parse_int=lambda digits: found.append(int(digits)))
    value = f'{{"a": {text} }}'.encode()
    if all(INTEGER_MIN <= number <= INTEGER_MAX for number in found):
        assert decode_object(value, LIMITS) == {"a": json.loads(text)}
    else:
        assert refusal(value).code == "bad_integer"


@pytest.mark.parametrize(
    "text",
    [
        '"99999999999999999999999"',
        '["\\"99999999999999999999999", 1.5]',
        '{"99999999999999999999999": 1.5}',
        "99999999999999999999999.0",
        "0.99999999999999999999999",
        "99999999999999999999999e2",
        "1e00000000000000000000002",
    ],
)
def test_digits_in_strings_names_and_floats_are_no_integers(text: str) -> None:
    assert decode_object(f'{{"a":{text}}}'.encode(), LIMITS) == {"a": json.loads(text)}


def test_of_duplicate_names_the_last_wins() -> None:
    assert decode_object(b'{"a":1,"b":2,"a":3}', LIMITS) == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    "value",
    [
        b'{"SECRET":"SECRET',
        b'{"a":SECRET}',
        b'{"a":"SECRET\\ud800"}',
        b'{"SECRET":"SECRET\xff"}',
        b'{"SECRET":77777777777777777777777}',
        b'["SECRET"]',
        b'{"SECRET":' + b"[" * 90 + b'"SECRET"' + b"]" * 90 + b"}",
    ],
)
def test_the_error_never_holds_the_records_data(value: bytes) -> None:
    error = refusal(value)
    assert "SECRET" not in str(error)
    assert "7777" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
