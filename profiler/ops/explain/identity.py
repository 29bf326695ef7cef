"""Whose an event is and when it happened: what was looked at, what was chosen, and why."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from profiler.errors import InvalidRecordError
from profiler.profiles.arguments import UNUSABLE
from profiler.profiles.ids import Ids
from profiler.rules.identity import Identity
from profiler.rules.model import Rules

_MINUTE_MS, _DAY_MS = 60_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IdentityWords(NamedTuple):
    """A key of the identity, and a field of the event that it names.

    Attributes:
        key: of the rules' table `identity`.
        field: of the flattened event.
        value: what it holds, None where it is absent.
        verdict: what became of it.
    """

    key: str
    field: str
    value: Any
    verdict: str


class TimeWords(NamedTuple):
    """When an event happened.

    Attributes:
        ms: since the epoch, None where nothing says it.
        iso: the same for people.
        why: which of its times it is.
    """

    ms: int | None
    iso: str
    why: str


def identity_words(identity: Identity, fields: Mapping[str, Any]) -> list[IdentityWords]:
    """Each field that the identity names, in the order of its keys."""
    return list(_identity_words(identity, dict(fields)))


def _identity_words(identity: Identity, fields: dict[str, Any]) -> Iterator[IdentityWords]:
    is_found = False
    for name in identity.visitor:
        verdict = "not looked at: one before it counts"
        if not is_found:
            verdict = _of_visitor(identity, name, fields)
            is_found = verdict == "chosen"
        yield IdentityWords("visitor", name, fields.get(name), verdict)
    for key, name in identity:
        if isinstance(name, str) and name:
            value = fields.get(name)
            yield IdentityWords(key, name, value, "absent" if value is None else "read")


def _of_visitor(identity: Identity, name: str, fields: dict[str, Any]) -> str:
    ids = Ids(identity.model_copy(update={"visitor": (name,)}), max_id_bytes=2**31)
    if fields.get(name) in (None, ""):
        return "absent"
    try:
        return "chosen" if ids.visitor(fields) else "stands for nobody"
    except InvalidRecordError as error:
        return error.reason


def time_words(arguments: Mapping[str, Any], ms: int | None, rules: Rules) -> TimeWords:
    """Say which time an event has.

    Args:
        arguments: of the event, as the script takes them, by name.
        ms: what the script made of them.
        rules: with the limits.
    """
    iso = "" if ms is None else f"{_EPOCH + timedelta(milliseconds=ms):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return TimeWords(ms, iso, _why(arguments, ms, rules))


def _why(arguments: Mapping[str, Any], ms: int | None, rules: Rules) -> str:
    received, created, sent = (arguments.get(name) for name in ("received", "created", "sent"))
    if ms is None:
        return "nothing says when it happened: it counts, and moves no first or last"
    if not isinstance(created, int):
        said = "what the event has as created is no time that can be"
        is_said = created == UNUSABLE
        return f"received: {said if is_said else 'the event does not say when it was made'}"
    if ms == created or not isinstance(received, int):
        return "created: the time of its device"
    bounds = {
        received + rules.limits.skew_minutes * _MINUTE_MS: "ahead of received: limits.skew_minutes",
        received - rules.limits.age_days * _DAY_MS: "too far behind received: limits.age_days",
    }
    if ms in bounds:
        return f"created, moved to the bound, since it is {bounds[ms]}"
    minutes = (ms - created) / _MINUTE_MS
    by_sent = ", since sent shows that the clock of its device is wrong" * isinstance(sent, int)
    return f"created, moved by {minutes:+.0f} min{by_sent}"
