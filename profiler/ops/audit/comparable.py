"""When a difference says nothing: Redis knows, or has forgotten, what the topic cannot tell."""

from collections.abc import Sequence
from typing import NamedTuple

from profiler.ops.audit.compare import Difference, Profile, without_arrival
from profiler.ops.audit.refold import Seen
from profiler.profiles.hashes import Fields
from profiler.rules.contract import STATE_FIELD
from profiler.rules.model import Rules
from profiler.rules.value import EVENT_TIME

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000

#: The mark of a forget: an "f" and the time, see ``lua/forget.lua``.
_FORGET, _FORGET_BYTES = b"f", 8

OTHER_RULES = "written by other rules"
FORGOTTEN = "forgotten meanwhile"
EXPIRED = "expired, at least in between"
OLDER = "older than the topic's first records"
PERHAPS_OLDER = "perhaps older than the topic's first records"
SEVERAL = "its events come by several partitions"


class Beginnings(NamedTuple):
    """Since when the topic tells all.

    Attributes:
        whole_since: ms; None where the topic has its very first records.
        first_at: the earliest record timestamp, ms; None of an empty topic.
    """

    whole_since: int | None
    first_at: int | None


class Found(NamedTuple):
    """What was found of one visitor.

    Attributes:
        seen: what the topic says of the visitor.
        copy: the hash that Redis has.
        writer: the rules that wrote it; None where that is not known.
        anew: the hash that was folded anew.
        stored: the profile that Redis has, as each visit leaves it.
        refolded: likewise what was folded anew.
        differences: between the two.
    """

    seen: Seen
    copy: Fields
    writer: str | None
    anew: Fields
    stored: Sequence[Profile]
    refolded: Sequence[Profile]
    differences: list[Difference]


class Comparable:
    """Tells what can be compared.

    Args:
        rules: of both profiles.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ttl_ms = rules.store.ttl_days * _DAY_MS
        self._skew_ms = rules.limits.skew_minutes * _MINUTE_MS
        #: The field that says when a visitor began, where the rules have one.
        self._began = next(
            (
                rule.name
                for rule in rules.fields
                if (rule.scope, rule.operation, rule.value, rule.when)
                == ("visitor", "first", EVENT_TIME, None)
            ),
            None,
        )

    def judge(
        self, found: Found, beginnings: Beginnings, now_ms: int
    ) -> tuple[str, list[Difference]]:
        """Why the differences say nothing, or an empty text and the differences that count."""
        if found.writer not in {None, self._rules.version}:
            return OTHER_RULES, []
        if _mark_of(found.copy) != _mark_of(found.anew):
            return FORGOTTEN, []
        if reason := self._expired(found, now_ms) or self._older(found, beginnings):
            return reason, []
        if len(found.seen.streams) > 1:
            if self._rules.order != "event_time" or found.seen.is_limited:
                return SEVERAL, []
            return "", without_arrival(found.differences)
        return "", found.differences

    def _expired(self, found: Found, now_ms: int) -> str:
        seen = found.seen
        is_gone = not found.copy and seen.last_at + self._ttl_ms <= now_ms
        return EXPIRED if is_gone or seen.longest_gap >= self._ttl_ms - _DAY_MS else ""

    def _older(self, found: Found, beginnings: Beginnings) -> str:
        if not found.stored:
            return ""
        began, again = self._began_of(found.stored), self._began_of(found.refolded)
        if beginnings.whole_since is not None:
            if began is None:
                return PERHAPS_OLDER
            # An event's time is ahead of the record's by no more.
            return OLDER if began < beginnings.whole_since + self._skew_ms else ""
        if began is None or again is None or beginnings.first_at is None:
            return ""
        # The topic is whole, and yet Redis knows of something before it: another topic fed it too.
        return OLDER if began < min(again, beginnings.first_at - self._skew_ms) else ""

    def _began_of(self, profiles: Sequence[Profile]) -> int | None:
        began = profiles[0].get(self._began) if profiles and self._began else None
        return began if isinstance(began, int) else None


def _mark_of(fields: Fields) -> bytes:
    state = fields.get(STATE_FIELD.encode(), b"")
    return state[:_FORGET_BYTES] if state[:1] == _FORGET else b""
