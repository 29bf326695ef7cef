"""Events are flattened: sections of named values become one object of ``section-name`` fields."""

from collections.abc import Iterator
from typing import Any

from profiler.errors import InvalidRecordError
from profiler.records.json_objects import Limits, check_values, decode_object, parse_object

#: The record, the list of a section and the element stand around every processed value.
_PROCESSED_DEPTH = 3


def decode_processed(value: bytes, limits: Limits) -> dict[str, Any]:
    """Decode and flatten one record of ``tracking_processed``.

    Args:
        value: UTF-8 JSON ``{section: [{"name": n, "value": v}, ...], ...}``.
        limits: see `Limits`; the depth is the record's before it is flattened.

    Returns:
        The flattened object, whose encoding `decode_flattened` accepts under the same depth and
        number of fields.

    Raises:
        InvalidRecordError: with a code of `profiler.records.json_objects.decode_object` or of
            `flatten`.
    """
    return decode_sections(value, limits)[0]


def decode_sections(value: bytes, limits: Limits) -> tuple[dict[str, Any], list[str]]:
    """The same, and the names of the sections, with which all names of the object begin."""
    processed = parse_object(value, limits)
    flat = flatten(processed, limits)
    check_values(flat.values(), value, limits, holder_depth=_PROCESSED_DEPTH)
    return flat, [*processed]


def decode_flattened(value: bytes, limits: Limits) -> dict[str, Any]:
    """Decode one record of ``tracking_flattened``.

    Args:
        value: UTF-8 JSON ``{"section-n": v, ...}``; any names are accepted.
        limits: see `Limits`.

    Returns:
        The object as it is.

    Raises:
        InvalidRecordError: with a code of `profiler.records.json_objects.decode_object`, or
            ``too_many_fields``.
    """
    flat = decode_object(value, limits)
    _check_count(flat, limits)
    return flat


def flatten(processed: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Join each section and name by a hyphen.

    Args:
        processed: a parsed object ``{section: [{"name": n, "value": v}, ...], ...}``. The values
            may be any JSON; further members of an element are dropped.
        limits: only the number of fields applies here.

    Returns:
        ``{"section-n": v, ...}``, the values not copied. Where two elements give one name, the
        last wins.

    Raises:
        InvalidRecordError: with the code ``bad_shape`` or ``too_many_fields``.
    """
    flat: dict[str, Any] = {}
    for section, elements in processed.items():
        if not isinstance(elements, list):
            raise _shape_error(processed)
        prefix = section + "-"
        try:
            for element in elements:
                flat[prefix + element["name"]] = element["value"]
        except (KeyError, TypeError):
            raise _shape_error(processed) from None
    _check_count(flat, limits)
    return flat


def _check_count(flat: dict[str, Any], limits: Limits) -> None:
    if len(flat) > limits.max_fields:
        raise InvalidRecordError(
            "too_many_fields",
            f"the record has {len(flat)} fields, the limit is {limits.max_fields}",
        )


def _shape_error(processed: dict[str, Any]) -> InvalidRecordError:
    return InvalidRecordError("bad_shape", next(_faults(processed)))


def _faults(processed: dict[str, Any]) -> Iterator[str]:
    """Name each fault by its place: names of sections are the record's data."""
    for number, elements in enumerate(processed.values(), 1):
        if not isinstance(elements, list):
            yield f"section {number} is {_kind(elements)}, not a list"
            continue
        for position, element in enumerate(elements, 1):
            if problem := _element_problem(element):
                yield f"element {position} of section {number} {problem}"


def _element_problem(element: object) -> str | None:
    if not isinstance(element, dict):
        return f"is {_kind(element)}, not an object"
    if "name" not in element:
        return "has no name"
    if not isinstance(element["name"], str):
        return f"has a name that is {_kind(element['name'])}, not a string"
    return None if "value" in element else "has no value"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
