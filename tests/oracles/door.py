"""What the door hands to the fold: the oracle of times and ids, in words of its own.

The folds of `tests.oracles` begin where the script does. An event on its way to them has its own
times in ms or is said to have none that can be used, and has an id. Nothing is shared with the code
under test: numbers are compared with the spans of their units, and dates are the library's.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracles.article import is_nobody, text_of
from tests.oracles.events import EVENT_ID, EVENT_TIME, MAX_TIME_DIGITS, SENT

UNUSABLE = "?"
RECEIVED = "kafka_raw-timestamp"
EARLIEST_MS = 94_694_400_000  # 1973
#: From 3 March 1973 to the year 5138, in each unit: its factor to ms.
SPANS = {1e17: 1e-6, 1e14: 1e-3, 1e11: 1, 0: 1_000}


def admitted(flat: dict[str, Any], record_ms: int) -> tuple[dict[str, Any], int]:
    """Return the event as the fold takes it, and when it was received.

    Its record's time is plausible, and no time is ahead of the reader's clock.
    """
    event = dict(flat)
    for name, unusable in ((EVENT_TIME, UNUSABLE), (SENT, "")):
        own = ms_at(event.pop(name, None), unusable)
        if own:
            event[name] = own
    received = ms_at(flat.get(RECEIVED), "")
    received_ms = int(received) if received and int(received) >= EARLIEST_MS else record_ms
    identity = text_of(flat, EVENT_ID)
    if identity is None or is_nobody(identity):
        text = json.dumps(flat, separators=(",", ":"), ensure_ascii=False)
        if event.get(EVENT_TIME, UNUSABLE) == UNUSABLE:
            text += str(received_ms)
        event[EVENT_ID] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return event, received_ms


def ms_at(value: object, unusable: str) -> str:
    """Return a field's time in ms as digits; what is no time by its type is absent."""
    if isinstance(value, int | float | str) and not isinstance(value, bool) and value != "":
        found = ms_of(value)
        return found if found.isdigit() and len(found) <= MAX_TIME_DIGITS else unusable
    return ""


def ms_of(value: float | str) -> str:
    """Return a time in ms as digits, or `UNUSABLE`."""
    try:
        number = float(value) if str(value).isascii() else None
    except ValueError:
        number = None
    if number is not None and 0 <= number < 1e20:
        factor = next(factor for least, factor in SPANS.items() if number >= least)
        return str(int(number * factor))
    if number is not None or not isinstance(value, str) or "W" in value:  # weeks are no dates here
        return UNUSABLE
    leaps = ":60" in value
    try:
        moment = datetime.fromisoformat(value.replace(":60", ":59"))
    except ValueError:
        return UNUSABLE
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=leaps)
    return str(since // timedelta(milliseconds=1))
