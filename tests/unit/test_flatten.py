"""How sections of named values become one flat object."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.errors import InvalidRecordError
from profiler.records.flatten import decode_flattened, decode_processed, flatten
from profiler.records.json_objects import Limits, encode_object

LIMITS = Limits()

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
SECTIONS = st.dictionaries(
    st.text(), st.lists(st.tuples(st.text(), JSON_VALUES), max_size=4), max_size=4
)


def processed(sections: dict[str, list[tuple[str, Any]]]) -> dict[str, Any]:
    return {
        section: [{"name": name, "value": value} for name, value in pairs]
        for section, pairs in sections.items()
    }


def refusal(value: object, limits: Limits = LIMITS) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        decode_processed(json.dumps(value).encode(), limits)
    return caught.value


@given(SECTIONS)
def test_every_value_arrives_under_its_section_and_name(
    sections: dict[str, list[tuple[str, Any]]],
) -> None:
    expected = {
        f"{section}-{name}": value for section, pairs in sections.items() for name, value in pairs
    }
    value = json.dumps(processed(sections)).encode()
    assert repr(decode_processed(value, LIMITS)) == repr(expected)


@given(SECTIONS)
def test_what_was_flattened_is_accepted_by_the_next_stage(
    sections: dict[str, list[tuple[str, Any]]],
) -> None:
    flat = decode_processed(json.dumps(processed(sections)).encode(), LIMITS)
    assert repr(decode_flattened(encode_object(flat), LIMITS)) == repr(flat)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_any_object_is_flattened_or_refused(record: dict[str, Any]) -> None:
    try:
        outcome = type(flatten(record, LIMITS)).__name__
    except InvalidRecordError as error:
        outcome = error.code
    assert outcome in {"dict", "bad_shape"}


@given(st.sampled_from([decode_processed, decode_flattened]), st.binary())
def test_any_bytes_give_an_object_or_a_refusal(
    decode: Callable[[bytes, Limits], dict[str, Any]], value: bytes
) -> None:
    with contextlib.suppress(InvalidRecordError):
        assert isinstance(decode(value, LIMITS), dict)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"a": None}, "section 1 is null, not a list"),
        ({"a": [], "b": {}}, "section 2 is an object, not a list"),
        ({"a": ""}, "section 1 is a string, not a list"),
        ({"a": 1.5}, "section 1 is a number, not a list"),
        ({"a": True}, "section 1 is a boolean, not a list"),
        ({"a": [None]}, "element 1 of section 1 is null, not an object"),
        (
            {"a": [{"name": "n", "value": 1}, []]},
            "element 2 of section 1 is a list, not an object",
        ),
        ({"a": ["name"]}, "element 1 of section 1 is a string, not an object"),
        ({"a": [{}]}, "element 1 of section 1 has no name"),
        ({"a": [{"value": 1}]}, "element 1 of section 1 has no name"),
        (
            {"a": [{"name": None, "value": 1}]},
            "element 1 of section 1 has a name that is null, not a string",
        ),
        (
            {"a": [{"name": 7, "value": 1}]},
            "element 1 of section 1 has a name that is a number, not a string",
        ),
        ({"a": [{"name": "n"}]}, "element 1 of section 1 has no value"),
    ],
)
def test_a_wrong_shape_is_refused_by_naming_its_place(record: object, reason: str) -> None:
    error = refusal(record)
    assert (error.code, error.reason) == ("bad_shape", reason)


def test_of_duplicate_names_the_last_wins_also_across_sections() -> None:
    record = processed({"a": [("n", 1), ("n", 2)], "a-b": [("c", 3)], "a ": [], "x": []})
    record["x"] = [{"name": "n", "value": 0}]
    assert flatten(record, LIMITS) == {"a-n": 2, "a-b-c": 3, "x-n": 0}
    collision = processed({"a": [("b-c", 1)], "a-b": [("c", 2)]})
    assert flatten(collision, LIMITS) == {"a-b-c": 2}


def test_a_value_may_be_null_and_a_name_empty() -> None:
    assert flatten(processed({"a": [("n", None), ("", 0)]}), LIMITS) == {"a-n": None, "a-": 0}


def test_further_members_of_an_element_are_dropped() -> None:
    record = {"a": [{"name": "n", "value": 1, "type": "int", "more": [1]}]}
    assert flatten(record, LIMITS) == {"a-n": 1}


def test_empty_sections_and_an_empty_record_give_an_empty_object() -> None:
    assert flatten({}, LIMITS) == flatten({"a": []}, LIMITS) == {}


def test_the_number_of_fields_is_limited_on_both_inputs() -> None:
    limits = LIMITS._replace(max_fields=3)
    three = processed({"a": [("1", 0), ("2", 0)], "b": [("1", 0)]})
    flat = decode_processed(encode_object(three), limits)
    assert decode_flattened(encode_object(flat), limits) == flat

    three["b"].append({"name": "2", "value": 0})
    error = refusal(three, limits)
    assert (error.code, error.reason) == (
        "too_many_fields",
        "the record has 4 fields, the limit is 3",
    )
    with pytest.raises(InvalidRecordError, match="too_many_fields"):
        decode_flattened(encode_object({**flat, "b-2": 0}), limits)


def test_depth_is_counted_from_the_top_of_the_processed_record() -> None:
    def record(depth: int) -> dict[str, Any]:
        value: Any = 0
        for _ in range(depth - 3):
            value = [value]
        return processed({"a": [("n", value)]})

    flat = decode_processed(encode_object(record(64)), LIMITS)
    assert decode_flattened(encode_object(flat), LIMITS) == flat
    assert refusal(record(65)).code == "too_deep"
    limits = LIMITS._replace(max_depth=3)
    assert decode_processed(encode_object(record(3)), limits) == {"a-n": 0}
    assert refusal(record(4), limits).code == "too_deep"


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, 10**400])
def test_an_integer_past_the_bounds_is_refused_on_both_inputs(number: int) -> None:
    assert refusal(processed({"a": [("n", number)]})).code == "bad_integer"
    assert refusal(processed({"a": [("n", [number])]})).code == "bad_integer"
    with pytest.raises(InvalidRecordError, match="bad_integer"):
        decode_flattened(b'{"a-n":%d}' % number, LIMITS)


@pytest.mark.parametrize("number", [b"1.5", b"99999999999999999999.5"])
def test_a_deep_dropped_member_does_no_harm(number: bytes) -> None:
    extra = b"[" * 1_000 + b"]" * 1_000
    value = b'{"a":[{"name":"n","value":%s,"extra":%s}]}' % (number, extra)
    assert decode_processed(value, LIMITS) == {"a-n": float(number)}
