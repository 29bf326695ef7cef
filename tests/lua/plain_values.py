"""What the oracle says of one operation, in the words of the algebra's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profiler.rules.operations import operations
from tests.lua.algebra import known
from tests.oracles.events import Event as PlainEvent
from tests.oracles.events import given_by, touch_of
from tests.oracles.shape import COUNTING, DAY_MS, TIME, Field
from tests.oracles.values import value_of

if TYPE_CHECKING:
    from tests.lua.algebra import Case, Event


def plain_value(case: Case, events: list[Event], now: int | None) -> Any:  # noqa: ANN401 - as the server answers it
    """The public value of these events as of a time, texts as bytes."""
    default = operations()[case.operation].limit or (0, 0)
    operation = case.operation.removesuffix(".window")
    field = Field(
        "visit_it",
        operation,
        {"none": "", "event_time": TIME}.get(case.kind, "x"),
        decimals=case.decimals,
        limit=case.limit or default[0],
        values=(("a", "x"), ("b", "x")) if case.kind == "tuple" else (),
        which=case.which or "",
        age_ms=DAY_MS if case.age else 0,
        window=(3, DAY_MS) if case.window else None,
    )
    taken = [
        event for event in events if event.is_taken and (event.counted or operation not in COUNTING)
    ]
    return known(as_answered(value_of(field, [plain(field, event) for event in taken], now)))


def plain(field: Field, event: Event) -> PlainEvent:
    """An event as the oracle has it."""
    raw = event.text if field.decimals is None else event.number
    time = int(event.ms) if event.ms else None
    text = raw.decode(errors="surrogateescape")
    given = touch_of(field, (text, text), time) if field.values else given_by(field, text, time)
    return PlainEvent(
        visit="A",
        time=time,
        created=int(event.created),
        identity=None,
        gives={} if given is None else {field.name: given},
        was_cut=False,
        has_bad_number=False,
        is_time_corrected=False,
    )


def as_answered(value: Any) -> Any:  # noqa: ANN401 - any value
    """Texts as bytes, in lists too."""
    if isinstance(value, list):
        return [as_answered(each) for each in value]
    return value.encode(errors="surrogateescape") if isinstance(value, str) else value
