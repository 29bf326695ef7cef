"""Events come in: from the bytes of a record to a JSON object, strictly, and back to bytes.

Strict means that whatever is accepted can be written again without a change of value: no NaN, no
infinities, no lone surrogates, no integers that a parser would silently round.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import orjson

from profiler.config.settings import LimitSettings
from profiler.errors import InvalidRecordError

_INTEGER_MIN = -(2**63)
_INTEGER_MAX = 2**64 - 1
#: Length of both bounds as text; JSON knows no leading zeros, so longer means out of bounds.
_INTEGER_CHARS = 20
_INTEGER = re.compile(r"-?[0-9]++(?![.eE])")

#: The shortest integer out of bounds has 19 digits.
_LONG_RUN = b"0" * 19
#: In valid JSON: a string, to step over it, or an integer of so many digits (the group).
_STRING_OR_LONG_INTEGER = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"|(?<![0-9.eE+-])(-?[0-9]{19,}+)(?![.eE])'
)
_DIGITS_TO_ZERO = bytes(ord("0" if chr(byte).isdecimal() else " ") for byte in range(256))

#: Values of these types can be neither too deep nor a rounded integer.
_PLAIN_TYPES = frozenset({str, int, bool, type(None)})


class Limits(NamedTuple):
    """What one record may cost.

    Depth counts the objects and lists around a value, with itself when it is one, from the top of
    the record as it was read: ``{}`` has depth 1, ``{"a": [0]}`` depth 2. A value of
    ``tracking_processed`` that is an object or a list is therefore at depth 4 already. Members
    that flattening drops are held neither to it nor to the bounds of integers.
    """

    #: Bytes of the record's value, before it is parsed.
    max_record_bytes: int = 786_432
    #: At most 254, the deepest that orjson writes.
    max_depth: int = 64
    #: Names in the flattened object.
    max_fields: int = 2_000


def limits_of(settings: LimitSettings) -> Limits:
    """The limits that are configured; a tuple, since they are looked at for every record."""
    return Limits(settings.max_record_bytes, settings.max_depth, settings.max_fields)


def decode_object(value: bytes, limits: Limits) -> dict[str, Any]:
    """Parse one record's value as a JSON object and check all of it against the limits.

    Args:
        value: the bytes as read from the topic, UTF-8 JSON.
        limits: see `Limits`; the number of fields is not checked here.

    Returns:
        The object; of duplicate names the last wins.

    Raises:
        InvalidRecordError: with the code ``too_large``, ``bad_utf8``, ``bad_json``,
            ``not_an_object``, ``too_deep`` or ``bad_integer``.
    """
    parsed = parse_object(value, limits)
    check_values(parsed.values(), value, limits, holder_depth=1)
    return parsed


def encode_object(fields: dict[str, Any]) -> bytes:
    """Write a JSON object as compact UTF-8.

    Args:
        fields: an object as `decode_object` returns it, plus any further JSON values.

    Returns:
        Bytes that decode to an equal object; names keep their order.
    """
    return orjson.dumps(fields)


def extend_object(encoded: bytes, more: bytes) -> bytes:
    """Add the fields of one encoded object to another, without decoding either.

    Args:
        encoded: as `encode_object` returns it.
        more: another one, compact too, under names that the first does not have.

    Returns:
        The encoded object with all fields.
    """
    if b"{}" in (encoded, more):
        return more if encoded == b"{}" else encoded
    return encoded[:-1] + b"," + more[1:]


def parse_object(value: bytes, limits: Limits) -> dict[str, Any]:
    """Parse without looking at the values: `check_values` must follow for the kept ones.

    Args:
        value: the bytes as read from the topic.
        limits: only the size applies here.

    Returns:
        The object, in which integers out of bounds are still floats.

    Raises:
        InvalidRecordError: with the code ``too_large``, ``bad_utf8``, ``bad_json``,
            ``not_an_object``; ``too_deep`` and ``bad_integer`` where the parser itself gives up.
    """
    if len(value) > limits.max_record_bytes:
        raise InvalidRecordError(
            "too_large",
            f"the value has {len(value)} bytes, the limit is {limits.max_record_bytes}",
        )
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # The parser's error holds the whole record, which must not follow into a log.
        raise _parse_error(value, error.msg, error.pos, limits) from None
    if not isinstance(parsed, dict):
        raise InvalidRecordError("not_an_object", "the value is JSON but not an object")
    return parsed


def check_values(
    values: Collection[Any], value: bytes, limits: Limits, *, holder_depth: int
) -> None:
    """Check parsed values for their depth and for integers that lost digits.

    Args:
        values: the values to check.
        value: the bytes that they were parsed from.
        limits: only the depth applies here.
        holder_depth: depth of the object or list that holds the values.

    Raises:
        InvalidRecordError: with the code ``too_deep`` or ``bad_integer``.
    """
    if {*map(type, values)} <= _PLAIN_TYPES:
        return
    _check_depth(values, holder_depth, limits.max_depth)
    # Searching the bytes by a regular expression takes several times as long as parsing them.
    if _LONG_RUN in value.translate(_DIGITS_TO_ZERO):
        _check_integers(values, value)


def _check_depth(values: Collection[Any], depth: int, max_depth: int) -> None:
    """Walk level by level, since recursion would have a limit of its own."""
    level = [item for item in values if isinstance(item, dict | list)]
    while level:
        depth += 1
        if depth > max_depth:
            raise _too_deep(max_depth)
        level = [item for item in _members(level) if isinstance(item, dict | list)]


def _check_integers(values: Collection[Any], value: bytes) -> None:
    """Look at the text of the integers that the parser made floats, without a word.

    Args:
        values: the kept ones; the fate of a record does not hang on what is dropped.
        value: the valid JSON that they are from.
    """
    rounded = {}
    for token in _STRING_OR_LONG_INTEGER.finditer(value):
        text = token[1]
        # The length goes first: `int` refuses more than 4,300 digits by an error of its own.
        if text and not (len(text) <= _INTEGER_CHARS and _INTEGER_MIN <= int(text) <= _INTEGER_MAX):
            rounded[float(text)] = text.decode()
    level = list(values) if rounded else []
    while level:
        for item in level:
            if isinstance(item, float) and item in rounded:
                raise _bad_integer(rounded[item])
        level = _members(level)


def _members(level: Iterable[Any]) -> list[Any]:
    """The values inside the objects and lists among these."""
    return [
        item
        for node in level
        if isinstance(node, dict | list)
        for item in (node.values() if isinstance(node, dict) else node)
    ]


def _parse_error(value: bytes, message: str, position: int, limits: Limits) -> InvalidRecordError:
    """Tell why orjson refused the value; its messages are constants without any data."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return InvalidRecordError(
            "bad_utf8", f"the value is not UTF-8 at byte {error.start} of {len(value)}"
        )
    # The wording changed between releases; a miss would only make it `bad_json`.
    if "depth" in message or "recursion" in message.lower():
        return _too_deep(limits.max_depth)
    # An integer beyond the range of a float is refused as an infinity.
    if "infinity" in message and (token := _INTEGER.match(text, position)):
        return _bad_integer(token[0])
    return InvalidRecordError(
        "bad_json",
        f"the value is not JSON at character {position} of {len(text)}: {message}",
    )


def _bad_integer(text: str) -> InvalidRecordError:
    digits = len(text.removeprefix("-"))
    return InvalidRecordError(
        "bad_integer", f"an integer of {digits} digits is outside -2^63 to 2^64-1"
    )


def _too_deep(max_depth: int) -> InvalidRecordError:
    return InvalidRecordError(
        "too_deep", f"the value is nested more deeply than {max_depth} levels"
    )
