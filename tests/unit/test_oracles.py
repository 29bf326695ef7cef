"""The oracles against expectations written by hand from the design, before any run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.article import ArticleProgram, BadId
from tests.oracles.compare import article_against_standard, markdown
from tests.oracles.standard import StandardFold

T0 = 1_800_000_000_000
# The first hex digits of the SHA-1 order these event ids at one time: c (84..), a (86..), b (e9..).
C_BEFORE_A_BEFORE_B = ("c", "a", "b")
ARABIC_DIGITS = {ord("0") + digit: 0x0660 + digit for digit in range(10)}


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


@pytest.fixture
def feed() -> Feed:
    return Feed()


def flags(profile: dict[str, Any]) -> set[str]:
    return {name for name, value in profile.items() if value is True and name != "visit_bounce"}


def part(profile: dict[str, Any], *names: str) -> list[Any]:
    return [profile[name] for name in names]


# --- article -------------------------------------------------------------------------------------


def article_profiles(*events: dict[str, Any]) -> list[dict[str, Any]]:
    program = ArticleProgram()
    outputs = [program.apply(event) for event in events]
    return [
        {k.removeprefix("profile_"): v for k, v in output.items() if k.startswith("profile_")}
        for output in outputs
    ]


def test_article_gives_a_first_page_view_all_six_fields() -> None:
    event = view("A", "home")
    assert ArticleProgram().apply(event) == event | {
        "profile_visitor_id": "v",
        "profile_visit_id": "A",
        "profile_visitor_first_page": "home",
        "profile_visit_first_page": "home",
        "profile_visitor_last_page": "home",
        "profile_visit_last_page": "home",
    }


def test_article_flips_its_one_visit_when_visits_interleave() -> None:
    profiles = article_profiles(
        view("A", "a1"), view("A", "a2"), view("B", "b1"), view("A", "a3"), view("B", "b2")
    )
    assert [part(p, "visit_id", "visit_first_page", "visit_last_page") for p in profiles] == [
        ["A", "a1", "a1"],
        ["A", "a1", "a2"],
        ["B", "b1", "b1"],
        ["A", "a3", "a3"],
        ["B", "b2", "b2"],
    ]
    assert part(profiles[-1], "visitor_first_page", "visitor_last_page") == ["a1", "b2"]


def test_article_never_learns_the_first_page_of_a_visitor_that_begins_with_a_ping() -> None:
    assert article_profiles(ping("A"), view("A", "a1")) == [
        {"visitor_id": "v", "visit_id": "A"},
        {"visitor_id": "v", "visit_id": "A", "visitor_last_page": "a1", "visit_last_page": "a1"},
    ]


def test_article_shows_the_previous_visits_pages_in_a_visit_that_begins_with_a_ping() -> None:
    last = article_profiles(view("A", "a1"), ping("B"), view("B", "b1"))[-1]
    assert part(last, "visit_id", "visit_first_page", "visit_last_page") == ["B", "a1", "b1"]


@pytest.mark.parametrize("visit", [{}, {"visit": None}, {"visit": ""}])
def test_article_changes_no_visit_field_without_a_visit_id(visit: dict[str, Any]) -> None:
    profiles = article_profiles(view(None, "x", **visit), view("A", "a1"), view(None, "y", **visit))
    assert profiles == [
        {"visitor_id": "v", "visitor_first_page": "x", "visitor_last_page": "x"},
        {
            "visitor_id": "v",
            "visit_id": "A",
            "visitor_first_page": "x",
            "visitor_last_page": "a1",
            "visit_first_page": "a1",
            "visit_last_page": "a1",
        },
        {
            "visitor_id": "v",
            "visit_id": "A",
            "visitor_first_page": "x",
            "visitor_last_page": "y",
            "visit_first_page": "a1",
            "visit_last_page": "a1",
        },
    ]


NO_PAGES: list[object] = [None, "", True, 1.5, ["x"], {}]


@pytest.mark.parametrize("page", [{}, *({"page": page} for page in NO_PAGES)])
def test_article_takes_a_page_view_without_a_page_for_none(page: dict[str, Any]) -> None:
    assert article_profiles(view("A", None, **page)) == [{"visitor_id": "v", "visit_id": "A"}]


@pytest.mark.parametrize("visitor", [None, ""])
def test_article_passes_an_anonymous_event_without_a_profile(visitor: str | None) -> None:
    event = view("A", "a1", visitor=visitor)
    assert ArticleProgram().apply(event | {"profile_visitor_id": "forged"}) == event


def test_article_leaves_forged_profile_names_out() -> None:
    output = ArticleProgram().apply(ping("A") | {"profile_vip": "yes", "profile_visit_id": "Z"})
    assert output == ping("A") | {"profile_visitor_id": "v", "profile_visit_id": "A"}


def test_article_counts_integers_as_their_decimal_text() -> None:
    first, second = article_profiles(
        flat_event(visitor=7, visit=0, type="Pageview", page=404), ping("0", visitor="7")
    )
    assert part(first, "visitor_id", "visit_id", "visit_first_page") == ["7", "0", "404"]
    assert second == first


@pytest.mark.parametrize("bad", [True, 1.0, ["x"], {}])
@pytest.mark.parametrize("name", ["visitor", "visit"])
def test_both_refuse_an_id_of_another_type(name: str, bad: object) -> None:
    event = flat_event(**({"visitor": "v", "visit": "A"} | {name: bad}))
    with pytest.raises(BadId):
        ArticleProgram().apply(event)
    with pytest.raises(BadId):
        StandardFold().apply(event, record_ms=T0)


# --- standard ------------------------------------------------------------------------------------


def test_standard_shows_everything_about_a_first_page_view(feed: Feed) -> None:
    assert feed(view("A", "home"), 5) == {
        "visitor_id": "v",
        "visitor_first_page": "home",
        "visitor_last_page": "home",
        "visitor_first_seen": T0 + 5,
        "visitor_last_seen": T0 + 5,
        "visitor_visits": 1,
        "visitor_pageviews": 1,
        "visitor_events": 1,
        "visit_id": "A",
        "visit_number": 1,
        "visit_first_page": "home",
        "visit_last_page": "home",
        "visit_start": T0 + 5,
        "visit_end": T0 + 5,
        "visit_pageviews": 1,
        "visit_events": 1,
        "visit_bounce": True,
        "new_visitor": True,
        "new_visit": True,
        "repeated": False,
        "corrected": False,
        "late": False,
        "replayed": False,
        "truncated": False,
    }


def test_standard_gives_each_event_its_own_visit_when_visits_interleave(feed: Feed) -> None:
    profiles = [
        feed(view("A", "a1"), 0),
        feed(view("A", "a2"), 1),
        feed(view("B", "b1"), 2),
        feed(view("A", "a3"), 3),
        feed(view("B", "b2"), 4),
    ]
    names = ("visit_id", "visit_number", "visit_first_page", "visit_last_page", "visit_pageviews")
    assert [part(p, *names) for p in profiles] == [
        ["A", 1, "a1", "a1", 1],
        ["A", 1, "a1", "a2", 2],
        ["B", 2, "b1", "b1", 1],
        ["A", 1, "a1", "a3", 3],
        ["B", 2, "b1", "b2", 2],
    ]
    assert [p["visit_bounce"] for p in profiles] == [True, False, True, False, False]
    assert [p["visitor_visits"] for p in profiles] == [1, 1, 2, 2, 2]
    assert [flags(p) for p in profiles] == [
        {"new_visitor", "new_visit"},
        set(),
        {"new_visit"},
        set(),
        set(),
    ]
    assert part(profiles[-1], "visit_start", "visit_end") == [T0 + 2, T0 + 4]
    assert part(profiles[-1], "visitor_first_page", "visitor_last_page") == ["a1", "b2"]
    assert feed.fold.latest("v") == {
        "visitor_id": "v",
        "visitor_first_page": "a1",
        "visitor_last_page": "b2",
        "visitor_first_seen": str(T0),
        "visitor_last_seen": str(T0 + 4),
        "visitor_visits": "2",
        "visitor_pageviews": "5",
        "visitor_events": "5",
        "visit_id": "B",
        "visit_number": "2",
        "visit_first_page": "b1",
        "visit_last_page": "b2",
        "visit_start": str(T0 + 2),
        "visit_end": str(T0 + 4),
        "visit_pageviews": "2",
        "visit_events": "2",
        "visit_bounce": "0",
    }


def test_standard_learns_the_entry_page_from_the_first_page_view(feed: Feed) -> None:
    feed(view("A", "a1"), 0)
    before = feed(ping("B"), 1)
    after = feed(view("B", "b1"), 2)
    names = ("visit_first_page", "visit_last_page", "visit_pageviews", "visit_bounce")
    assert part(before, *names) == [None, None, 0, True]
    assert part(after, *names) == ["b1", "b1", 1, True]
    assert flags(after) == set()
    assert after["visit_start"] == T0 + 1


def test_standard_keeps_unknown_fields_out_of_the_hash(feed: Feed) -> None:
    feed(ping("A"), 0)
    stored = feed.fold.latest("v")
    assert "visit_first_page" not in stored
    assert "visitor_last_page" not in stored
    assert (stored["visit_pageviews"], stored["visit_bounce"]) == ("0", "1")
    assert feed.fold.final_profile() == {"v": stored}
    assert feed.fold.latest("nobody") == {}


def test_standard_counts_a_repeat_once_and_merges_its_time(feed: Feed) -> None:
    feed(view("A", "a1", id="a"), 10)
    feed(view("A", "a2", id="b"), 20)
    repeat = feed(view("A", "a1", id="a"), 30)
    assert flags(repeat) == {"repeated"}
    assert part(repeat, "visitor_events", "visitor_pageviews", "visit_events") == [2, 2, 2]
    assert part(repeat, "visit_first_page", "visit_last_page") == ["a1", "a1"]
    assert part(repeat, "visit_start", "visit_end") == [T0 + 10, T0 + 30]


def test_standard_counts_one_event_id_in_two_visits_twice(feed: Feed) -> None:
    feed(view("A", "a1", id="a"), 0)
    other = feed(view("B", "b1", id="a"), 1)
    assert flags(other) == {"new_visit"}
    assert other["visitor_events"] == 2


def test_standard_corrects_entry_pages_when_an_older_event_comes(feed: Feed) -> None:
    feed(view("A", "second"), 10)
    older = feed(view("A", "first"), 5)
    assert flags(older) == {"corrected"}
    names = ("visit_first_page", "visit_last_page", "visitor_first_page", "visitor_last_page")
    assert part(older, *names) == ["first", "second", "first", "second"]
    assert part(older, "visit_start", "visit_end") == [T0 + 5, T0 + 10]
    same_page = feed(view("A", "first"), 1)
    assert flags(same_page) == set()


def test_standard_corrects_the_visitors_entry_page_by_an_older_visit(feed: Feed) -> None:
    feed(view("B", "b1"), 10)
    older = feed(view("A", "a1"), 5)
    assert flags(older) == {"corrected", "new_visit"}
    assert part(older, "visit_number", "visitor_first_page") == [2, "a1"]
    assert feed.fold.latest("v")["visit_id"] == "B"


@pytest.mark.parametrize("arrival", ["abc", "bca", "cab", "acb", "bac", "cba"])
def test_standard_breaks_ties_by_the_hash_of_the_event_id(feed: Feed, arrival: str) -> None:
    for event_id in arrival:
        last = feed(view("A", f"page {event_id}", id=event_id), 0)
    first, _, final = C_BEFORE_A_BEFORE_B
    assert part(last, "visit_first_page", "visit_last_page") == [f"page {first}", f"page {final}"]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (T0 - 7, T0 - 7),
        (str(T0 + 3_600_000), T0 + 3_600_000),
        (str(T0 + 3_600_001), T0),
        (str(T0 - 2_592_000_000), T0 - 2_592_000_000),
        (str(T0 - 2_592_000_001), T0),
        ("0" * 2 + str(T0 - 7), T0 - 7),  # 15 digits
        ("0" * 3 + str(T0 - 7), T0),  # 16 digits
        ("", T0),
        (f"-{T0}", T0),
        (f"{T0 - 7} ", T0),
        (str(T0 - 7).translate(ARABIC_DIGITS), T0),
        (float(T0 - 7), T0),
        (None, T0),
    ],
)
def test_standard_believes_an_event_time_within_bounds(given: object, used: int) -> None:
    profile = StandardFold().apply(view("A", "a1", id="a", time=given), record_ms=T0)
    assert profile is not None
    assert part(profile, "visit_start", "visitor_last_seen") == [used, used]


def test_standard_knows_no_visit_without_a_visit_id(feed: Feed) -> None:
    feed(view("A", "a1"), 0)
    alone = feed(view(None, "x", id="a"), 1)
    repeat = feed(view(None, "x", id="a"), 1)
    assert [alone[name] for name in alone if name.startswith("visit_")] == [None] * 9
    assert part(alone, "visitor_visits", "visitor_events", "visitor_last_page") == [1, 2, "x"]
    assert flags(alone) == set()
    assert flags(repeat) == {"repeated"}
    assert repeat["visitor_events"] == 2
    assert feed.fold.latest("v")["visit_id"] == "A"


def test_standard_has_no_profile_for_an_anonymous_event() -> None:
    fold = StandardFold()
    assert fold.apply(view("A", "a1", visitor=None), record_ms=T0) is None
    assert fold.visitors == {}


def eight_visits(feed: Feed) -> None:
    """Open V1 to V8 at 10, 20, ... 80."""
    for number in range(1, 9):
        feed(view(f"V{number}", f"page {number}"), 10 * number)


def test_standard_evicts_the_visit_whose_latest_event_is_oldest(feed: Feed) -> None:
    eight_visits(feed)
    feed(ping("V1"), 85)
    ninth = feed(view("V9", "page 9"), 90)  # V2 goes: V1 has a newer event
    assert flags(ninth) == {"new_visit", "truncated"}
    assert part(ninth, "visit_number", "visitor_visits", "visitor_events") == [9, 9, 10]
    assert flags(feed(ping("V1"), 91)) == set()

    back = feed(view("V2", "again"), 95)  # V3 goes
    assert flags(back) == {"new_visit", "truncated"}
    assert part(back, "visit_number", "visitor_visits", "visit_events") == [10, 10, 1]
    assert part(back, "visit_first_page", "visit_start") == ["again", T0 + 95]
    assert part(back, "visitor_first_page", "visitor_first_seen") == ["page 1", T0 + 10]


def test_standard_moves_only_minimums_for_a_late_event(feed: Feed) -> None:
    eight_visits(feed)
    late = feed(view("V0", "page 0"), 5)
    assert flags(late) == {"late", "corrected"}
    assert part(late, "visitor_first_page", "visitor_first_seen") == ["page 0", T0 + 5]
    assert part(late, "visitor_last_page", "visitor_last_seen") == ["page 8", T0 + 80]
    assert part(late, "visitor_visits", "visitor_pageviews", "visitor_events") == [8, 8, 8]
    assert {n: late[n] for n in late if n.startswith("visit_") and late[n] is not None} == {
        "visit_id": "V0"
    }
    assert flags(feed(view("V0", "page 0"), 6)) == {"late"}
    assert feed(ping("V1"), 7)["visit_start"] == T0 + 7  # a kept visit is never late


def test_standard_decides_lateness_by_visit_id_at_equal_times(feed: Feed) -> None:
    eight_visits(feed)
    assert flags(feed(ping("V0"), 10)) == {"late"}
    assert flags(feed(ping("V1x"), 10)) == {"new_visit", "truncated"}


def test_standard_remembers_64_events_of_a_visit(feed: Feed) -> None:
    for number in range(64):
        assert "truncated" not in flags(feed(ping("A", id=f"e{number}"), number))
    assert flags(feed(ping("A", id="e0"), 64)) == {"repeated"}
    assert flags(feed(ping("A", id="e64"), 65)) == {"truncated"}  # e0 is forgotten
    assert flags(feed(ping("A", id="e1"), 66)) == {"repeated"}
    again = feed(ping("A", id="e0"), 67)
    assert flags(again) == {"truncated"}
    assert part(again, "visit_events", "visitor_events") == [66, 66]


def test_standard_cuts_a_page_between_characters(feed: Feed) -> None:
    fits = feed(view("A", "é" * 2048), 0)
    assert "truncated" not in flags(fits)
    too_long = feed(view("B", "x" + "é" * 2048), 1)
    assert "truncated" in flags(too_long)
    assert too_long["visit_first_page"] == "x" + "é" * 2047


def test_standard_applies_nothing_at_or_below_the_watermark(feed: Feed) -> None:
    feed(view("A", "a1"), 10, stream="s", offset=7)
    for offset in (7, 3):
        replayed = feed(view("A", "older"), 5, stream="s", offset=offset)
        assert flags(replayed) == {"replayed"}
        assert part(replayed, "visit_first_page", "visit_start") == ["a1", T0 + 10]
        assert part(replayed, "visitor_events", "visit_events") == [1, 1]
    unknown = feed(view("B", "b1"), 20, stream="s", offset=7)
    assert part(unknown, "visit_id", "visit_number", "visit_bounce") == ["B", None, None]
    assert flags(feed(ping("A"), 11, stream="other", offset=0)) == set()
    assert flags(feed(ping("A"), 12, stream="s", offset=8)) == set()
    assert flags(feed(ping("A"), 13)) == set()  # no stream, no watermark


def test_standard_forgets_the_stream_that_stood_still_the_longest(feed: Feed) -> None:
    for number in range(64):
        feed(ping("A"), number, stream=f"s{number}", offset=5)
    feed(ping("A"), 64, stream="s0", offset=6)
    feed(ping("A"), 65, stream="s64", offset=5)  # s1 is forgotten
    assert flags(feed(ping("A"), 66, stream="s0", offset=6)) == {"replayed"}
    assert "replayed" not in flags(feed(ping("A"), 67, stream="s1", offset=5))


# --- compare -------------------------------------------------------------------------------------


def record(key: str | None, flat: dict[str, Any], at: int) -> dict[str, Any]:
    query = [{"name": n.removeprefix("query-"), "value": v} for n, v in flat.items()]
    return {
        "key": key,
        "value": {"kafka_raw": [{"name": "timestamp", "value": T0 + at}], "query": query},
    }


def test_compare_counts_crashes_visits_and_wrong_entry_pages() -> None:
    anonymous = flat_event(type="Pageview", page="x", id="0")
    figures = article_against_standard(
        [
            record(None, anonymous, 0),
            record("v", view("A", "a1", id="1"), 1),
            record("v", view("A", "a2", id="2"), 2),
            record("v", view("B", "b1", id="3"), 3),
            record("v", view("A", "a3", id="4"), 4),  # entry page a3 instead of a1
            record("v", view("A", "a3", id="4"), 5),  # the same again
            record("v", ping("B", id="5"), 6),  # a3 instead of b1
            record("v", view("C", None, id="6"), 7),  # a crash, which leaves C stored
            record("v", ping("C", id="7"), 8),  # a3 instead of none
            record("w", ping("D", visitor="w", id="8"), 9),
            record("w", view("D", "d1", visitor="w", id="9"), 10),  # none instead of d1
            record("x", ping(None, visitor="x", id="10"), 11),
            record("x", ping("E", visitor="x", id="11"), 12),  # crashes for ever after
        ]
    )
    assert figures == {
        "records": 13,
        "crashes": 4,
        "crashes: null key": 1,
        "crashes: no visitor id": 0,
        "crashes: no visit id": 1,
        "crashes: no visit id stored": 1,
        "crashes: page view without a page": 1,
        "visits there were": 5,
        "visits the program sees": 6,
        "wrong entry page": 5,
        "of these, before any page view": 1,
        "visitors": 3,
        "visitors without first page": 1,
        "repeats": 1,
        "repeats within a visit": 1,
        "corrected entry pages": 0,
    }
    assert "| crashes | 4 | 30.8% |" in markdown(figures)
