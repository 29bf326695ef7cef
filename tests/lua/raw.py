"""The scripts by bare EVALSHA, for tests of the contract itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from profiler.rules.contract import contract_of
from profiler.rules.model import Rules, load_rules
from profiler.rules.render import render, sha_of

if TYPE_CHECKING:
    import redis

Argument: TypeAlias = str | bytes | int

TTL_MS = 395 * 86_400_000
TTL_TOLERANCE_MS = 5_000


def event(
    offset: Argument = "",
    *,
    ms: Argument = 1_000,
    received: Argument | None = None,
    created: Argument | None = None,
    sent: Argument = "",
    event_id: Argument = "",
    visit: Argument = "A",
    kind: Argument = "Pageview",
    page: Argument = "home",
) -> list[Argument]:
    """The arguments of one event, which is a page view of visit A unless told otherwise.

    `ms` is when it was made and received, as far as these are not given.
    """
    times = [ms if received is None else received, ms if created is None else created, sent]
    return [offset, *times, event_id, visit, kind, page]


def arguments(
    *events: list[Argument],
    visitor: Argument = "v",
    stream: Argument = "",
    floor: Argument = "",
    count: Argument | None = None,
) -> list[Argument]:
    """The whole ARGV of a call; `count` is what it says of the number of its events."""
    said = len(events) if count is None else count
    return [visitor, stream, floor, said, *(argument for each in events for argument in each)]


@dataclass
class Answer:
    """One event's part of a reply: what is known, texts as bytes."""

    flags: set[str]
    profile: dict[str, Any]
    #: What is told of triggers, where the rules have any.
    triggers: list[bytes]


class Script:
    """One script on one server, and the key that the test calls it with."""

    def __init__(self, client: redis.Redis, key: str, rules: Rules | str = "lean") -> None:
        """Load the script of a preset, or of other rules."""
        self.client, self.key = client, key
        self.rules = load_rules(rules) if isinstance(rules, str) else rules
        self.names = [field.name for field in contract_of(self.rules).fields]
        self.text = render(self.rules)
        self.sha = sha_of(self.text)
        #: KEYS[2] of every call, where it is set.
        self.sidecar = ""
        client.script_load(self.text)

    def evalsha(self, *argv: Argument) -> Any:  # noqa: ANN401 - the reply as it is
        """Call with this ARGV."""
        keys = [self.key, self.sidecar] if self.sidecar else [self.key]
        return self.client.evalsha(self.sha, len(keys), *keys, *argv)

    def raw(self, *events: list[Argument], **call: Argument) -> list[list[Any]]:
        """Call with events, and return the reply as it is."""
        reply: list[list[Any]] = self.evalsha(*arguments(*events, **call))
        return reply

    def __call__(self, *events: list[Argument], **call: Argument) -> list[Answer]:
        """Call with events."""
        return [self.answer(*each) for each in self.raw(*events, **call)]

    def answer(self, flags: bytes, *values: Any) -> Answer:  # noqa: ANN401 - as the script has them
        """One event's part of a reply."""
        triggers = values[-1] if self.rules.triggers else []
        shown = values[:-1] if self.rules.triggers else values
        named = zip(self.names, shown, strict=True)
        known = {name: value for name, value in named if value is not None}
        return Answer(set(flags.decode().split()), known, triggers)

    def read(self, visitor: Argument = "v", now: Argument = "") -> dict[str, Any]:
        """The stored profile as the script reads it; empty for an unknown visitor."""
        reply = self.evalsha(visitor, now)
        return {n.decode(): v for n, v in zip(reply[::2], reply[1::2], strict=True)}

    def stored(self) -> dict[bytes, bytes]:
        """The hash as it is stored."""
        stored: Any = self.client.hgetall(self.key)
        return dict(stored)

    def has_full_ttl(self) -> bool:
        """Whether the key's time to live was set by a call just now."""
        left = int(self.client.pttl(self.key))
        return TTL_MS - TTL_TOLERANCE_MS < left <= TTL_MS
