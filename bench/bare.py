"""What the script is compared with: HSET and HGETALL of the same profiles, without a script."""

from collections.abc import Sequence
from typing import Any

from profiler.profiles.keys import key_of
from profiler.profiles.reply import Applied, Outcome
from profiler.records.types import OUTPUT_PREFIX, FlatEvent
from profiler.rules.model import Rules

BARE_COMMANDS = ("hset", "hgetall")
_KEY = "bare:{<id>}"


def send_bare(
    client: Any,  # noqa: ANN401 - redis-py's
    rules: Rules,
    events: Sequence[FlatEvent],
    outcomes: Sequence[Outcome],
) -> None:
    """Store and read what came of each event, in one pipeline; events without a profile pass."""
    visitor = rules.identity.visitor[0]
    pipe = client.pipeline(transaction=False)
    for event, outcome in zip(events, outcomes, strict=True):
        if isinstance(outcome, Applied):
            key = key_of(_KEY, event.fields[visitor])
            pipe.hset(key, mapping=_fields(outcome))
            pipe.hgetall(key)
    pipe.execute()


def _fields(outcome: Applied) -> dict[str, str]:
    """The fields of the profile, as text, without what only describes the event."""
    return {
        name.removeprefix(OUTPUT_PREFIX): str(value)
        for name, value in outcome.profile.items()
        if name.startswith((OUTPUT_PREFIX + "visit_", OUTPUT_PREFIX + "visitor_"))
        and value is not None
    }
