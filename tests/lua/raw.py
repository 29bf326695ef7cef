"""The scripts by bare EVALSHA, for tests of the contract itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

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
    event_id: Argument = "",
    visit: Argument = "A",
    kind: Argument = "Pageview",
    page: Argument = "home",
) -> list[Argument]:
    """The arguments of one event, which is a page view of visit A unless told otherwise."""
    return [offset, ms, ms, event_id, visit, kind, page]


def arguments(
    *events: list[Argument], visitor: Argument = "v", stream: Argument = "", floor: Argument = ""
) -> list[Argument]:
    """The whole ARGV of a call."""
    return [visitor, stream, floor, *(argument for each in events for argument in each)]


@dataclass
class Answer:
    """One event's part of a reply."""

    flags: set[str]
    profile: dict[str, bytes]


class Script:
    """One script on one server, and the key that the test calls it with."""

    def __init__(self, client: redis.Redis, key: str, rules: Rules | str = "standard") -> None:
        """Load the script of a preset, or of other rules."""
        self.client, self.key = client, key
        self.rules = load_rules(rules) if isinstance(rules, str) else rules
        self.text = render(self.rules)
        self.sha = sha_of(self.text)
        client.script_load(self.text)

    def raw(self, *events: list[Argument], **call: Argument) -> list[list[bytes]]:
        """Call with events, and return the reply as it is."""
        reply: list[list[bytes]] = self.client.evalsha(
            self.sha, 1, self.key, *arguments(*events, **call)
        )
        return reply

    def __call__(self, *events: list[Argument], **call: Argument) -> list[Answer]:
        """Call with events."""
        return [
            Answer(
                set(answer[0].decode().split()),
                {n.decode(): v for n, v in zip(answer[1::2], answer[2::2], strict=True)},
            )
            for answer in self.raw(*events, **call)
        ]

    def stored(self) -> dict[bytes, bytes]:
        """The hash as it is stored."""
        stored: Any = self.client.hgetall(self.key)
        return dict(stored)

    def has_full_ttl(self) -> bool:
        """Whether the key's time to live was set by a call just now."""
        left = int(self.client.pttl(self.key))
        return TTL_MS - TTL_TOLERANCE_MS < left <= TTL_MS
