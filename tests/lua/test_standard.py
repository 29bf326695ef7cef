"""Each flaw of the article's program beside its cure (DESIGN.md, section 3).

What `standard` answers is written by hand. Beside it stands what the article's program makes of
the same events, also by hand, so that every row shows that there is something to cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from profiler.profiles.reply import Applied
from tests.lua.runner import T0, in_stream, ping, view, without
from tests.oracles.article import PAGE, PROFILE_PREFIX, VISIT, VISITOR, ArticleProgram
from tests.oracles.compare import PrintedProgram, crash_of
from tests.oracles.events import EVENT_ID, EVENT_TIME

if TYPE_CHECKING:
    from profiler.records.types import FlatEvent
    from tests.lua.runner import Runner

HOUR = 3_600_000


class Row(NamedTuple):
    """A stream, and what both programs give each of its events ("-": not known yet)."""

    names: str
    #: How many the article's program stores, how many `standard` counts.
    visits: tuple[int, int]
    #: Event; values by the article's program; flags and values by `standard`.
    events: list[tuple[FlatEvent, str, str, str]]


FIRST = "new_visitor new_visit"
AGAIN = in_stream([view(0, "A", "a1", "1"), view(1, "B", "b1", "2")] * 2, "0:t:0", [7, 8, 7, 8])

ROWS = {
    "a visit that begins without a page view shows the previous visit's pages": Row(
        "visit_first_page visit_last_page",
        (2, 2),
        [
            (view(0, "A", "home", "1"), "home home", FIRST, "home home"),
            (ping(1, "B", "2"), "home home", "new_visit", "- -"),
            (view(2, "B", "blog", "3"), "home blog", "", "blog blog"),
            (ping(3, "B", "4"), "home blog", "", "blog blog"),
        ],
    ),
    "a visitor that begins without a page view never gets a first page": Row(
        "visitor_first_page",
        (1, 1),
        [
            (ping(0, "A", "1"), "-", FIRST, "-"),
            (view(1, "A", "home", "2"), "-", "", "home"),
            (view(2, "A", "blog", "3"), "-", "", "home"),
        ],
    ),
    "interleaved visits count four times and take later pages for entry pages": Row(
        "visit_id visit_first_page visit_last_page visit_pageviews",
        (4, 2),
        [
            (view(0, "A", "a1", "1"), "A a1 a1 -", FIRST, "A a1 a1 1"),
            (view(1, "A", "a2", "2"), "A a1 a2 -", "", "A a1 a2 2"),
            (view(2, "B", "b1", "3"), "B b1 b1 -", "new_visit", "B b1 b1 1"),
            (view(3, "A", "a3", "4"), "A a3 a3 -", "", "A a1 a3 3"),
            (view(4, "B", "b2", "5"), "B b2 b2 -", "", "B b1 b2 2"),
        ],
    ),
    "pings of interleaved visits show the other visit's pages": Row(
        "visit_id visit_first_page visit_last_page",
        (4, 2),
        [
            (view(0, "A", "a1", "1"), "A a1 a1", FIRST, "A a1 a1"),
            (view(1, "B", "b1", "2"), "B b1 b1", "new_visit", "B b1 b1"),
            (ping(2, "A", "3"), "A b1 b1", "", "A a1 a1"),
            (ping(3, "B", "4"), "B b1 b1", "", "B b1 b1"),
        ],
    ),
    "late page views overwrite the newer one": Row(
        "visit_first_page visit_last_page visitor_first_page visitor_last_page",
        (1, 1),
        [
            (view(10, "A", "2nd", "1"), "2nd 2nd 2nd 2nd", FIRST, "2nd 2nd 2nd 2nd"),
            (view(5, "A", "1st", "2"), "2nd 1st 2nd 1st", "corrected", "1st 2nd 1st 2nd"),
            (view(7, "A", "mid", "3"), "2nd mid 2nd mid", "", "1st 2nd 1st 2nd"),
        ],
    ),
    "at one time, arrival decides (in the order of the pages)": Row(
        "visit_first_page visit_last_page",
        (1, 1),
        [
            (view(0, "A", "of-a", "a"), "of-a of-a", FIRST, "of-a of-a"),
            (view(0, "A", "of-b", "b"), "of-a of-b", "", "of-a of-b"),
        ],
    ),
    "at one time, arrival decides (against the order of the pages)": Row(
        "visit_first_page visit_last_page",
        (1, 1),
        [
            (view(0, "A", "of-b", "b"), "of-b of-b", FIRST, "of-b of-b"),
            (view(0, "A", "of-a", "a"), "of-b of-a", "corrected", "of-a of-b"),
        ],
    ),
    "an event that the tracker sends again opens its visit again": Row(
        "visit_first_page visit_last_page visitor_events",
        (4, 2),
        [
            (view(0, "A", "a1", "1"), "a1 a1 -", FIRST, "a1 a1 1"),
            (view(1, "B", "b1", "2"), "b1 b1 -", "new_visit", "b1 b1 2"),
            (view(0, "A", "a1", "1"), "a1 a1 -", "repeated", "a1 a1 2"),
            (ping(2, "B", "3"), "a1 a1 -", "", "b1 b1 3"),
        ],
    ),
    "records that are delivered again open their visits again": Row(
        "visit_first_page visit_last_page visitor_events",
        (5, 2),
        [
            (AGAIN[0], "a1 a1 -", FIRST, "a1 a1 1"),
            (AGAIN[1], "b1 b1 -", "new_visit", "b1 b1 2"),
            (AGAIN[2], "a1 a1 -", "replayed", "a1 a1 2"),
            (AGAIN[3], "b1 b1 -", "replayed", "b1 b1 2"),
            (in_stream([ping(2, "A", "3")], "0:t:0", [9])[0], "b1 b1 -", "", "a1 a1 3"),
        ],
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_article_has_the_flaw(row: Row) -> None:
    program, printed = ArticleProgram(), PrintedProgram()
    for event, shown, _, _ in row.events:
        output = program.apply(event.fields)
        printed.apply("v", event.fields)
        assert values(output, row) == shown
    assert printed.visits_seen == row.visits[0]


@pytest.mark.parametrize("size", [1, 500], ids=["a call per event", "one call"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_standard_cures_it(standard: Runner, row: Row, size: int) -> None:
    events = [event for event, *_ in row.events]
    outcomes = standard.outcomes(events, [size])
    for outcome, (_, _, flags, shown) in zip(outcomes, row.events, strict=True):
        assert isinstance(outcome, Applied)
        assert outcome.flags == set(flags.split())
        assert values(outcome.profile, row) == shown
    assert standard.stored()["visitor_visits"] == row.visits[1]


def values(output: dict[str, Any], row: Row) -> str:
    shown = [output.get(PROFILE_PREFIX + name) for name in row.names.split()]
    return " ".join("-" if value is None else str(value) for value in shown)


@pytest.mark.parametrize(
    ("missing", "crash", "shown"),
    [
        ([VISITOR], "crashes: no visitor id", None),
        # Only visitor fields change, and the page view is the visitor's.
        (
            [VISIT],
            "crashes: no visit id",
            {"visitor_events": 2, "visitor_pageviews": 2, "visitor_last_page": "a2"}
            | {"visitor_visits": 1, "visit_id": None, "visit_first_page": None},
        ),
        # A page view that counts, and moves no page.
        (
            [PAGE],
            "crashes: page view without a page",
            {"visitor_events": 2, "visitor_pageviews": 2, "visitor_last_page": "a1"}
            | {"visit_events": 2, "visit_pageviews": 2, "visit_last_page": "a1"},
        ),
        # No flaw of the article's program, which asks for neither.
        ([EVENT_ID, EVENT_TIME], None, {"visit_events": 2, "visit_last_page": "a2"}),
    ],
    ids=["visitor id", "visit id", "page", "event id and time"],
)
def test_standard_survives_a_missing_field(
    standard: Runner, missing: list[str], crash: str | None, shown: dict[str, Any] | None
) -> None:
    first, second = view(0, "A", "a1", "1"), without(view(1, "A", "a2", "2"), *missing)
    program = PrintedProgram()
    assert crash_of(program, "v", first.fields) is None
    assert crash_of(program, "v", second.fields) == crash

    before, answer = standard.answers([first, second])
    assert isinstance(before, dict)
    if shown is None:
        assert answer is None
        assert standard.stored()["visitor_events"] == 1
    else:
        assert isinstance(answer, dict)
        assert {name: answer[name] for name in shown} == shown


@pytest.mark.parametrize(
    ("clock_ahead", "flags"),
    [(HOUR, set()), (HOUR + 1, {"time_corrected"})],
    ids=["an hour ahead", "more than an hour ahead"],
)
def test_standard_believes_a_clock_within_the_allowed_skew(
    standard: Runner, clock_ahead: int, flags: set[str]
) -> None:
    ahead = view(clock_ahead, "A", "ahead", "2")._replace(timestamp=T0)
    outcomes = standard.outcomes([view(0, "A", "home", "1"), ahead, view(2, "A", "later", "3")])
    assert isinstance(outcomes[1], Applied)
    assert outcomes[1].flags == flags
    stored = standard.stored()
    assert (stored["visit_last_page"], stored["visit_end"]) == ("ahead", T0 + HOUR)
