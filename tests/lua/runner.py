"""The real script on a shared server, and the events that the tests of the presets feed it."""

from __future__ import annotations

import os
import uuid
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from hypothesis import settings

from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.records.types import OUTPUT_PREFIX, FlatEvent, Rejected
from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR
from tests.oracles.door import RECEIVED
from tests.oracles.events import EVENT_ID, EVENT_TIME, SENT
from tests.oracles.measure import script_under

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from profiler.profiles.reply import Outcome
    from profiler.rules.model import Rules

Fields = dict[str, Any]
#: A profile without prefix and rules version; a dead letter's code; None without a visitor.
Answer = Fields | str | None

T0 = 1_700_000_000_000
IN_CI = os.environ.get("CI", "").lower() == "true"

TIGHT = {"visits": 2, "event_ids": 3, "streams": 2, "value_bytes": 16}


def examples(count: int) -> settings:
    """So many examples, and in CI the same ones every time; a shared server keeps no deadline."""
    return settings(max_examples=count, deadline=None, derandomize=IN_CI)


class Runner:
    """The script of one set of rules, under keys that no other runner uses, or under another's."""

    def __init__(self, url: str, rules: Rules, prefix: str = "") -> None:
        self.prefix = prefix or f"test-{uuid.uuid4().hex[:12]}:"
        self.client = connect(url)
        self.script = script_under(self.client, self.prefix, rules)
        self.rules = self.script.rules

    def clear(self) -> None:
        """Forget all visitors."""
        keys = list(self.client.scan_iter(match=f"{self.prefix}*", count=1000))
        if keys:
            self.client.unlink(*keys)

    def close(self) -> None:
        """Forget all visitors and end the connection."""
        self.clear()
        self.client.close()

    def outcomes(self, events: Sequence[FlatEvent], sizes: Sequence[int] = ()) -> list[Outcome]:
        """Fold the events in batches of these sizes, the last one repeated; () is one batch."""
        outcomes: list[Outcome] = []
        rest = sizes[-1] if sizes else len(events)
        for size in chain(sizes, repeat(rest)):
            batch = events[len(outcomes) : len(outcomes) + size]
            if not batch:
                break
            outcomes += self.script.apply(batch)
        return outcomes

    def answers(self, events: Sequence[FlatEvent], sizes: Sequence[int] = ()) -> list[Answer]:
        """Fold the events as `outcomes` does, and make the outcomes comparable."""
        return [answer_of(outcome) for outcome in self.outcomes(events, sizes)]

    def profiles(self, events: Sequence[FlatEvent], sizes: Sequence[int] = ()) -> list[Fields]:
        """Fold events that all have a visitor and good ids."""
        answers = self.answers(events, sizes)
        profiles = [answer for answer in answers if isinstance(answer, dict)]
        assert len(profiles) == len(events)
        return profiles

    def key(self, visitor: str) -> str:
        """Return where the visitor is stored."""
        return key_of(self.rules.store.key, visitor)

    def stored(self, visitor: str = "v") -> Fields:
        """Return the current profile by a read: texts and integers, as far as they are known.

        The plain names of the hash must show the same, as far as these are ids and pages.
        """
        reply = self.client.evalsha(self.script.sha, 1, self.key(visitor), visitor, "")
        profile = {_text(n): _text(v) for n, v in zip(reply[::2], reply[1::2], strict=True)}
        shown = {n: v for n, v in profile.items() if n.endswith(("_id", "_page"))}
        is_plain = self.rules.plain or self.rules.order == "arrival"
        assert self.shown(visitor) == (shown if is_plain else {})
        return profile

    def shown(self, visitor: str = "v") -> dict[str, str]:
        """Return the hash's plain names, as HGETALL shows them."""
        stored = self.client.hgetall(self.key(visitor))
        pairs = [(_text(name), _text(value)) for name, value in stored.items()]
        return {name: value for name, value in pairs if not name.startswith("~")}


def _text(raw: Any) -> Any:  # noqa: ANN401 - integers stay
    """Decode; the state's packed bytes are passed over by name."""
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def answer_of(outcome: Outcome) -> Answer:
    """Make an outcome comparable to what an oracle says."""
    if isinstance(outcome, Rejected):
        return outcome.code
    if outcome is None:
        return None
    public = {name.removeprefix(OUTPUT_PREFIX): v for name, v in outcome.profile.items()}
    public.pop("rules_version", None)
    return public


def flat_of(**fields: object) -> Fields:
    """Make a flattened event; a field left out is missing."""
    names = {
        "visitor": VISITOR,
        "visit": VISIT,
        "type": EVENT_TYPE,
        "page": PAGE,
        "id": EVENT_ID,
        "time": EVENT_TIME,
        "sent": SENT,
        "received": RECEIVED,
    }
    return {names[name]: value for name, value in fields.items()}


def view(at: int, visit: str, page: str, event_id: str) -> FlatEvent:
    """Make a page view of the visitor v at T0 + `at`, which arrives at once, in no stream."""
    flat = flat_of(
        visitor="v", visit=visit, type="Pageview", page=page, id=event_id, time=str(T0 + at)
    )
    return FlatEvent("", 0, T0 + at, flat)


def ping(at: int, visit: str, event_id: str) -> FlatEvent:
    """Make an event that is no page view, although it names a page."""
    event = view(at, visit, "pinged", event_id)
    return event._replace(fields=event.fields | {EVENT_TYPE: "Page ping"})


def without(event: FlatEvent, *names: str) -> FlatEvent:
    """Leave out some of the event's fields."""
    return event._replace(fields={k: v for k, v in event.fields.items() if k not in names})


def in_stream(events: Sequence[FlatEvent], stream: str, offsets: Iterable[int]) -> list[FlatEvent]:
    """Give events a stream and offsets."""
    placed = zip(events, offsets, strict=True)
    return [event._replace(stream=stream, offset=offset) for event, offset in placed]
