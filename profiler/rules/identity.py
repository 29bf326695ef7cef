"""The rules file's table `identity`: where an event says whose it is, and who is nobody."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from profiler.rules.derived.names import derived_input, is_derived

#: What trackers, databases and libraries write in the place of an id that they do not have.
NOBODY = (
    "undefined",
    "null",
    "nan",
    "(null)",
    "00000000",
    "00000000-0000-0000-0000-000000000000",
)


def _known(name: str) -> str:
    if is_derived(name):
        derived_input(name)
    return name


def _own(name: str) -> str:
    if is_derived(name):
        raise ValueError(f"{name} is derived from fields of the event: name such a field here")
    return name


_Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]

#: What a predicate or a value reads: a field of the event, or an input that is derived from some.
FieldOfEvent = Annotated[_Text, AfterValidator(_known)]

#: A field that the event has itself.
OwnField = Annotated[_Text, AfterValidator(_own)]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a field is named twice")
    return names


#: One name, or several: the first name that is present counts.
FieldsOfEvent = Annotated[
    tuple[OwnField, ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=_Text | Annotated[tuple[_Text, ...], Field(max_length=8)],
    ),
    AfterValidator(_each_once),
]


class Table(BaseModel):
    """A part of a rules file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Table):
    """Where a flattened event says whose it is; a name left out is never present.

    An event's times are the ones at which its device made it and sent it, and at which it was
    received (left out: the record's timestamp); `created` was called `event_time` in 0.1.
    `nobody` are texts that are no id, in any case; one of zeros alone means so many or more.
    Where `visit` is left out (empty), visits are found by time (`gap` of the table `visit`).
    """

    visitor: FieldsOfEvent
    visit: OwnField = ""
    event_id: OwnField | None = None
    created: OwnField | None = Field(
        default=None, validation_alias=AliasChoices("created", "event_time")
    )
    sent: OwnField | None = None
    received: OwnField | None = None
    nobody: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=256)], ...],
        Field(max_length=256),
    ] = NOBODY

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As a rules file has them: one visitor field as a text, no `nobody` by default."""
        written: dict[str, Any] = write(self)
        if len(self.visitor) == 1:
            written["visitor"] = self.visitor[0]
        if not self.visit:
            del written["visit"]
        if self.nobody == NOBODY:
            del written["nobody"]
        return written
