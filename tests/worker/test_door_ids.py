"""Ids at the door: nobody, the first of several, and what stands for an event without an id."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from profiler.config.settings import Mode
from profiler.engine import EngineClass
from profiler.profiles.ids import Nobody
from profiler.rules.identity import NOBODY
from profiler.rules.model import Rules, load_rules
from tests.conftest import MakeStore
from tests.worker.door import NOW, Door, Json, door, page_view

__all__ = ["door"]

NOBODIES = [
    *("undefined", "null", "NaN", "(null)", "00000000", 40 * "0"),
    *("UNDEFINED", "NULL", "nan", "Null", "00000000-0000-0000-0000-000000000000"),
]
SOMEBODY = [
    *("0", 0, "0000000", "None", "nobody", "nul", "null ", " null", "(null", "00000001"),
    *("0000000a", "00000000-0000-0000-0000-000000000001", "undefined-1"),
]


@pytest.fixture
def door_of(private_store: MakeStore, engine: EngineClass) -> Iterator[Callable[..., Door]]:
    """A door of the standard rules with another identity."""
    with ExitStack() as stack:

        def make(**identity: object) -> Door:
            rules = load_rules("lean")
            written = rules.model_dump(exclude_none=True)
            changed = Rules.model_validate(
                written | {"identity": rules.identity.model_dump(exclude_none=True) | identity}
            )
            made = Door(private_store("redis7").url, changed, engine)
            return stack.enter_context(closing(made))

        yield make


@pytest.mark.parametrize("text", NOBODIES)
@pytest.mark.field(
    kind="identity",
    meets="an id that stands for nobody (`undefined`, `null`, zeros)",
    happens="it is absent, as if the field were empty",
)
def test_an_id_that_stands_for_nobody_is_absent(door: Door, text: str) -> None:
    (no_visitor,) = door.take(page_view(domain_userid=text), timestamps=[NOW])
    (no_visit,) = door.take(page_view(domain_sessionid=text), timestamps=[NOW])
    assert no_visitor == {}
    assert no_visit["visit_id"] is None
    assert no_visit["visitor_visits"] == 0


@pytest.mark.parametrize("text", SOMEBODY)
@pytest.mark.field(
    kind="identity",
    meets="an id that looks empty and is none (`0`, `None`)",
    happens="somebody's",
)
def test_every_other_id_is_somebody(door: Door, text: object) -> None:
    (output,) = door.take(page_view(domain_userid=text, domain_sessionid=text), timestamps=[NOW])
    assert output["visitor_id"] == output["visit_id"] == str(text)


def test_an_event_id_that_stands_for_nobody_makes_no_repeats(door: Door) -> None:
    views = [page_view(event_id="undefined", page_title=page) for page in ("Start", "List", "Cart")]
    outputs = door.take(*views, timestamps=[NOW, NOW + 1, NOW + 2])
    assert [output["visit_pageviews"] for output in outputs] == [1, 2, 3]


def test_who_nobody_is_can_be_set(door_of: Callable[..., Door]) -> None:
    door = door_of(nobody=["guest", "000"])
    taken = {
        name: door.take(page_view(domain_userid=name), timestamps=[NOW])[0]
        for name in ("Guest", "0000", "00", "null")
    }
    assert [name for name, output in taken.items() if output] == ["00", "null"]


def test_nobody_may_be_nobody(door_of: Callable[..., Door]) -> None:
    (output,) = door_of(nobody=[]).take(page_view(domain_userid="00000000"), timestamps=[NOW])
    assert output["visitor_id"] == "00000000"


@pytest.mark.parametrize("text", ["", "x" * 1_000_000, "0" * 1_000_000, "ﬀ", "İ"])
def test_any_text_can_be_asked_for(text: str) -> None:
    assert Nobody(NOBODY).includes(text) is (len(text) > 7 and not text.strip("0"))
    assert not Nobody(()).includes(text)


BOTH = ["query-other_domain_userid", "query-other_network_userid"]


@pytest.mark.parametrize(
    ("fields", "visitor"),
    [
        ({"domain_userid": "d", "network_userid": "n"}, "d"),
        ({"domain_userid": None, "network_userid": "n"}, "n"),
        ({"domain_userid": "", "network_userid": "n"}, "n"),
        ({"domain_userid": "null", "network_userid": 7}, "7"),
        ({"domain_userid": "0", "network_userid": "n"}, "0"),
        ({"domain_userid": "d", "network_userid": None}, "d"),
        ({"domain_userid": "null", "network_userid": "00000000"}, None),
    ],
)
@pytest.mark.field(
    kind="identity",
    meets="several fields that may hold the visitor's id",
    happens="the first that is present, in the order of the rules",
)
def test_the_first_id_that_is_present_is_the_visitor_s(
    door_of: Callable[..., Door], fields: Json, visitor: str | None
) -> None:
    (output,) = door_of(visitor=BOTH).take(page_view(**fields), timestamps=[NOW])
    assert output.get("visitor_id") == visitor


# --- an event without an id -----------------------------------------------------------------------


def seen(*values: object) -> list[Json]:
    """Page views of one moment, which differ in a field that no rule reads."""
    return [
        page_view(page_title="Start", dvce_created_tstamp=NOW, scroll_depth=value)
        for value in values
    ]


@pytest.mark.field(
    kind="identity",
    meets="events without an id",
    happens="a digest of the whole event stands for it: only equal events are repeats",
)
def test_all_of_the_value_stands_for_an_event_without_an_id(door: Door) -> None:
    outputs = door.take(*seen(1, 2, 1, 2.5), timestamps=[NOW, NOW + 5, NOW + 9, NOW + 9])
    assert [output["repeated"] for output in outputs] == [False, False, True, False]
    assert outputs[-1]["visit_events"] == 3


def test_a_page_that_is_loaded_again_is_another_event(door: Door) -> None:
    """It has no time of its own, so the record's is a part of what stands for it."""
    outputs = door.take(*2 * [page_view(page_title="Start")], timestamps=[NOW, NOW + 1])
    again = door.take(page_view(page_title="Start"), timestamps=[NOW + 1])
    assert [output["repeated"] for output in [*outputs, *again]] == [False, False, True]


def test_an_own_time_that_cannot_be_read_makes_no_repeats(door: Door) -> None:
    views = 2 * [page_view(page_title="Start", dvce_created_tstamp="soon")]
    outputs = door.take(*views, timestamps=[NOW, NOW + 1])
    assert [output["repeated"] for output in outputs] == [False, False]


@pytest.mark.parametrize(("first", "second"), [("run", "profile"), ("profile", "run")])
def test_it_is_the_same_event_in_every_mode(door: Door, first: Mode, second: Mode) -> None:
    (before,) = door.take(*seen("é ✓ 1e15"), mode=first)
    (after,) = door.take(*seen("é ✓ 1e15"), mode=second)
    assert (before["repeated"], after["repeated"]) == (False, True)


def test_a_field_without_a_name_is_no_id_and_no_time(door_of: Callable[..., Door]) -> None:
    """Where the rules name none."""
    nameless = page_view(page_title="Start") | {"": 1}
    outputs = door_of(event_id=None, created=None).take(*2 * [nameless], timestamps=[NOW, NOW + 1])
    assert [output["repeated"] for output in outputs] == [False, False]
    assert outputs[-1]["visit_end"] == NOW + 1


def test_an_event_with_an_id_is_known_by_it_alone(door: Door) -> None:
    views = [event | {"query-other_event_id": "e"} for event in seen(1, 2)]
    outputs = door.take(*views, timestamps=[NOW, NOW])
    assert [output["repeated"] for output in outputs] == [False, True]


# --- page views without a title -------------------------------------------------------------------


@pytest.mark.field(
    kind="identity",
    meets="page views without a title",
    happens="they count; a title alone moves the first and the last page",
)
def test_page_views_count_by_their_type_and_move_pages_by_their_title(door: Door) -> None:
    titles = [None, "", 404.5, "Basket", None]
    views = [
        page_view(page_title=title, event_id=str(n), dvce_created_tstamp=NOW + n)
        for n, title in enumerate(titles)
    ]
    outputs = door.take(*views)
    assert [output["visit_pageviews"] for output in outputs] == [1, 2, 3, 4, 5]
    assert [output["visit_bounce"] for output in outputs] == [True, False, False, False, False]
    assert [output["visit_first_page"] for output in outputs] == 3 * [None] + 2 * ["Basket"]
    assert outputs[-1]["visitor_pageviews"] == 5
    assert outputs[-1]["visitor_last_page"] == "Basket"
