"""The oracle of `article` against expectations written by hand from the design, before any run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles.article import ArticleProgram, BadId
from tests.oracles.standard import StandardFold
from tests.unit.oracle_events import T0, flat_event, part, ping, view


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
