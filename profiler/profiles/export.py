"""All that is stored of one visitor, as data for that person: fields, visits, times, the key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from profiler.profiles.inspect import StoredProfile
from profiler.rules.contract import contract_of
from profiler.rules.model import Rules
from profiler.rules.value import EVENT_TIME

#: A JSON object: `key`, `rules_version`, `expires_at`, `stored_outputs`, `visitor` and `visits`.
Export = dict[str, Any]

#: What of a rule over the event's time is such a time itself.
_TIMES = ("first", "last", "min", "max")


def exported(
    stored: StoredProfile, profiles: Sequence[dict[str, Any]], outputs: int, rules: Rules
) -> Export:
    """Put together what was read.

    Args:
        stored: the profile as its latest visit left it.
        profiles: the same for each kept visit, in any order.
        outputs: how many outputs are stored for a redelivery.
        rules: they were read by.
    """
    scopes = {field.name: field.scope for field in contract_of(rules).fields}
    times = {
        name
        for rule in rules.fields
        if rule.value == EVENT_TIME and rule.operation in _TIMES
        for name in rule.names
    }

    def part(profile: dict[str, Any], scope: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in profile.items():
            if scopes[name] == scope:
                found[name] = value
                if name in times and type(value) is int:
                    found[f"{name}_iso"] = iso_of(value)
        return found

    visits = [part(profile, "visit") for profile in profiles]
    visits = [visit for visit in visits if visit.get("visit_id")]
    numbered = sorted(visits, key=lambda visit: visit.get("visit_number") or 0)
    return {
        "key": stored.key,
        "rules_version": stored.rules_version,
        "read_by_rules": rules.version,
        "expires_at": stored.expires_at,
        "expires_at_iso": None if stored.expires_at is None else iso_of(stored.expires_at),
        "stored_outputs": outputs,
        "visitor": part(stored.profile, "visitor"),
        "visits": numbered,
    }


def iso_of(ms: int) -> str | None:
    """A time in ms as ISO 8601 in UTC, e.g. ``2026-05-10T12:00:00.000Z``; None beyond year 9999."""
    try:
        moment = datetime.fromtimestamp(ms / 1_000, UTC)
    except (OverflowError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
