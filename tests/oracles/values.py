"""What a field of the oracle makes of the events that move it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.oracles.events import LARGEST
from tests.oracles.many import OF_MANY, Value, decimal, mean_of
from tests.oracles.shape import DAY_MS, TIME
from tests.oracles.windows import in_window, of_buckets, took_last

if TYPE_CHECKING:
    from tests.oracles.events import Event
    from tests.oracles.shape import Field


def value_of(each: Field, events: list[Event], now: int | None = None) -> Value:
    """Compute a field from the events that move it, as of now."""
    if each.window:
        return windowed(each, events, now)
    giving = [event for event in events if each.name in event.gives]
    if each.age_ms and now is not None:
        giving = [event for event in giving if now - (event.time or 0) <= each.age_ms]
    values = [event.gives[each.name] for event in giving]
    if each.operation == "active_days":
        days: set[int] = {time // DAY_MS for time in values}
        today = max([*days, 0 if now is None else now // DAY_MS], default=0)
        return sum(day > today - each.limit for day in days)
    if each.operation == "count":
        return len(values)
    if fold := OF_MANY.get(each.operation):
        return fold(each, giving)
    if each.decimals is not None:
        number = number_of(each, events)[0]
        return number if each.decimals == 0 or number is None else decimal(number, each.decimals)
    return chosen(each, giving, now) if giving else None


def windowed(each: Field, events: list[Event], now: int | None) -> Value:
    """Compute a field from those of the events that are in its window."""
    kept = in_window(each, of_buckets(each, events), now)
    return value_of(replace(each, window=None), kept)


def chosen(each: Field, giving: list[Event], now: int | None) -> Value:
    """Compute what one of these events gives: the first or the last."""
    values = [event.gives[each.name] for event in giving]
    if each.operation == "time_since":
        return max(0, now - max(values)) if now is not None else 0
    choose = min if "first" in {each.operation, each.which} else max
    if each.operation == "touch":
        event = choose(giving, key=lambda event: event.touch_place(event.gives[each.name]))
        time = event.touch_place(event.gives[each.name])[0]
        is_seen = now is None or not each.lookback_ms or now - time <= each.lookback_ms
        return [text or None for text in event.gives[each.name]] if is_seen else None
    if each.value == TIME:
        return int(choose(values))
    return str(
        choose(giving, key=lambda event: event.place(event.gives[each.name])).gives[each.name]
    )


def number_of(each: Field, events: list[Event]) -> tuple[int | None, bool]:
    """Compute a number, and whether it could take the last event's; too large it stays as it is."""
    if each.window:
        return None, took_last(each, events)
    if each.operation == "mean":
        return None, mean_of(each, [event for event in events if each.name in event.gives])[1]
    result, took = (0 if each.operation == "sum" else None), True
    for event in events:
        if each.name not in event.gives:
            continue
        given = event.gives[each.name]
        if each.operation == "sum":
            new = (result or 0) + given
        elif result is None:
            new = given
        else:
            new = min(result, given) if each.operation == "min" else max(result, given)
        took = abs(new) <= LARGEST
        result = new if took else result
    return result, took
