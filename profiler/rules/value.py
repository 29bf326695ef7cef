"""What a rule takes of an event: a field, the first present of several, a constant, a default."""

from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from profiler.rules.identity import FieldOfEvent

#: The value of a rule that takes the event's time (ms) instead of a field of the event.
EVENT_TIME = "event_time"

#: The same for its day, a text like ``2023-11-14``, in UTC.
EVENT_DAY = "event_day"

#: Digits of a number that is neither ignored nor flagged, and what units must stay below.
_MOST_DIGITS, _TOO_LARGE = 15, 2**53

#: A text that rules give: a list keeps so many bytes of one.
_MOST_BYTES = 255

_MOST_FIELDS = 8


class Choice(NamedTuple):
    """What is taken: the first present of these fields, and else this text, or number as text."""

    fields: tuple[str, ...]
    otherwise: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is one field as it is."""
        return len(self.fields) == 1 and not self.otherwise and self.fields[0] != EVENT_DAY


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a field is named twice")
    if len(names) > 1 and {EVENT_TIME, EVENT_DAY} & set(names):
        raise ValueError(f"{EVENT_TIME} and {EVENT_DAY} stand alone")
    return names


_Several = Annotated[
    tuple[FieldOfEvent, ...],
    Field(min_length=1, max_length=_MOST_FIELDS),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    AfterValidator(_each_once),
]


def _schema(_: object, handler: Any) -> core_schema.CoreSchema:  # noqa: ANN401 - pydantic's
    """A finding about one of several fields names it by its place."""
    return core_schema.no_info_after_validator_function(
        lambda names: names[0] if len(names) == 1 else names, handler.generate_schema(_Several)
    )


#: One name as a text, or several: the first name that is present counts.
Value = Annotated[
    str | tuple[str, ...],
    GetPydanticSchema(_schema),
    PlainSerializer(lambda value: value if isinstance(value, str) else list(value)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "maxItems": _MOST_FIELDS},
            ]
        }
    ),
]


def _text_or_number(given: object) -> str | int | float:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("expected a text or a number")  # noqa: TRY004 - pydantic's
    if given == "":
        raise ValueError("an empty value counts as absent")
    if isinstance(given, str) and len(given.encode()) > _MOST_BYTES:
        raise ValueError(f"a text of rules has at most {_MOST_BYTES} bytes")
    return given


#: What a rule gives by itself: a text, or a number.
Scalar = Annotated[
    Any,
    BeforeValidator(_text_or_number),
    WithJsonSchema({"type": ["string", "number"]}),
]


def units(number: str, decimals: int) -> int:
    """A number as whole units of its last decimal."""
    return int(Decimal(number).scaleb(decimals))


def number_text(number: float, decimals: int) -> str:
    """A number of the rules as an event has it.

    Raises:
        ValueError: an event with this number would be flagged, since it is too long.
    """
    exact = Decimal(str(number))
    scaled = exact.scaleb(decimals) if exact.is_finite() else exact
    if not exact.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(f"a number of this rule has at most {decimals} decimals")
    text = f"{exact:f}".rstrip("0").rstrip(".") if "." in f"{exact:f}" else f"{exact:f}"
    if len(text.strip("-").replace(".", "")) > _MOST_DIGITS or abs(scaled) >= _TOO_LARGE:
        raise ValueError("the number is too large")
    return text
