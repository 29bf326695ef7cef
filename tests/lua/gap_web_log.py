"""The web site's access log with visits by a gap: what the script says, and what sorting says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracles.gap_visits import Taken, visits_of

if TYPE_CHECKING:
    from profiler.records.types import FlatEvent
    from tests.lua.runner import Fields, Runner

#: What depends on arrival by nature.
EXEMPT = {"visit_id", "visit_number", "new_visitor", "new_visit", "corrected", "repeated"}

#: The oracle's names, by those of the rules.
COMPARED = {
    "visitor_visits": "visits",
    "visitor_requests": "visitor_events",
    "visit_start": "start",
    "visit_end": "end",
    "visit_first_path": "first",
    "visit_last_path": "last",
    "visit_requests": "events",
    "visit_bytes": "sum",
    "visit_paths": "unique",
    "visit_bounce": "bounce",
}


def folded(runner: Runner, arrivals: list[FlatEvent]) -> list[Fields]:
    """Fold all, then send one of each visit again: what its profile is at the end, in order.

    No visitor has more than is kept.
    """
    runner.clear()
    told = runner.profiles(arrivals, [500])
    assert not any(each["late"] or each["truncated"] for each in told)
    last = {(each["visitor_id"], each["visit_id"]): n for n, each in enumerate(told)}
    again = [arrivals[place] for place in last.values()]
    shown = runner.profiles(again, [500])
    assert all(each["repeated"] for each in shown)
    visits: dict[tuple[str, int], Fields] = {}
    for each in shown:
        own = {name: value for name, value in each.items() if name not in EXEMPT}
        # A visit that vanished is shown as the one that it became.
        assert visits.setdefault((own["visitor_id"], own["visit_start"]), own) == own
    return [visits[key] for key in sorted(visits)]


def sorted_and_split(requests: list[FlatEvent]) -> list[Fields]:
    """The same by the oracle, with its fields' names."""
    taken = [taken_of(request.fields) for request in requests]
    visits = {(visitor, v["start"]): v for (visitor, _), v in visits_of(taken).items()}
    return [visits[key] for key in sorted(visits)]


def taken_of(fields: dict[str, Any]) -> Taken:
    """A request; no two are the same, since each has the number of its line."""
    line, visitor = fields["log-line"], fields["log-visitor"]
    return Taken(visitor, fields["log-time_ms"], fields["log-path"], fields["log-bytes"], line)


def compared(visits: list[Fields]) -> list[Fields]:
    """What the oracle knows of the script's visits."""
    return [{name: visit[ours] for ours, name in COMPARED.items()} for visit in visits]
