"""Flattened events for the tests of the oracles, and a fold fed with them."""

from __future__ import annotations

from typing import Any

from tests.oracles.standard import StandardFold

T0 = 1_800_000_000_000


def flat_event(**fields: object) -> dict[str, Any]:
    names = {
        "visitor": "domain_userid",
        "visit": "domain_sessionid",
        "type": "eventtype",
        "page": "page_title",
        "id": "event_id",
        "time": "dvce_created_tstamp",
    }
    return {f"query-other_{names[name]}": value for name, value in fields.items()}


def view(visit: str | None, page: str | None, /, **fields: object) -> dict[str, Any]:
    event: dict[str, object] = {"visitor": "v", "type": "Pageview"}
    event |= {} if visit is None else {"visit": visit}
    event |= {} if page is None else {"page": page}
    return flat_event(**(event | fields))


def ping(visit: str | None, /, **fields: object) -> dict[str, Any]:
    return view(visit, None, **({"type": "Page ping"} | fields))


class Feed:
    """A `standard` fold fed at relative times; the record arrives when the event happened."""

    def __init__(self) -> None:
        self.fold = StandardFold()
        self.fed = 0

    def __call__(self, event: dict[str, Any], at: int, **call: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on
        """Apply one event that happened and arrived at T0 + `at`."""
        self.fed += 1
        event = flat_event(time=str(T0 + at), id=f"event {self.fed}") | event
        profile = self.fold.apply(event, record_ms=T0 + at, **call)
        assert profile is not None
        return profile


def flags(profile: dict[str, Any]) -> set[str]:
    return {name for name, value in profile.items() if value is True and name != "visit_bounce"}


def part(profile: dict[str, Any], *names: str) -> list[Any]:
    return [profile[name] for name in names]
