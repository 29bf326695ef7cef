"""What is stored of a visitor, for how long, and how it is read, by bare EVALSHA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profiler.rules.model import load_rules
from tests.lua.raw import Argument, Script, event
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    import redis

DAY_MS = 86_400_000


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


def test_the_time_to_live_is_set_anew_when_the_day_of_receipt_changes(script: Script) -> None:
    """Also by repeats, which change nothing else: a visitor who is seen again does not expire."""
    day = 19_000 * DAY_MS
    script(event(1, ms=day), stream="s")
    assert script.has_full_ttl()

    for offset, ms, is_renewed in [
        (2, day + DAY_MS - 1, False),
        (3, day + DAY_MS, True),
        (4, day + DAY_MS + 1, False),
        (5, day, True),
        (4, day + 2 * DAY_MS, False),  # replayed
    ]:
        script.client.pexpire(script.key, 5_000)
        script(event(offset, event_id="again", ms=ms), stream="s")
        assert script.has_full_ttl() == is_renewed


def test_a_call_without_a_received_time_sets_the_time_to_live_anew(script: Script) -> None:
    script(event(1), stream="s")
    for events in ([event(2, received="")], [event(3), event(4, received=""), event(5)]):
        script.client.pexpire(script.key, 5_000)
        script(*events, stream="s")
        assert script.has_full_ttl()


def test_where_rules_say_plain_the_hash_shows_what_the_latest_answer_says(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    plain = load_rules("lean").model_copy(update={"plain": True})
    for rules in (plain, load_rules("article")):
        script = Script(redis_client, f"{key_prefix}{rules.name}", rules)
        away = event(ms=2, visit="B", page="away")
        *_, last = script(event(ms=1), away, event(ms=3, page="again"))

        shown = {n.decode(): v for n, v in script.stored().items() if not n.startswith(b"~")}
        assert shown == {n: v for n, v in last.profile.items() if n.endswith(("_id", "_page"))}


def test_standard_has_one_field_in_the_hash(redis_client: redis.Redis, key_prefix: str) -> None:
    """Plain fields would cost half of its memory."""
    script = Script(redis_client, f"{key_prefix}visitor")
    script(event(1), event(2, visit="B"), stream="s")
    assert list(script.stored()) == [b"~"]


@pytest.mark.parametrize("now", ["", 0, "9" * 15])
def test_a_read_changes_nothing(script: Script, now: Argument) -> None:
    """It answers as the latest visit's latest event did, and sets no expiry."""
    assert script.read(now=now) == {}
    *_, last = script(event(1, ms=1), event(2, ms=2, visit="B", page="away"), stream="s")
    script.client.pexpire(script.key, 5_000)
    before = script.stored()

    assert script.read(now=now) == last.profile
    assert list(script.read()) == [name for name in script.names if name in last.profile]
    assert script.stored() == before
    assert not script.has_full_ttl()


def test_a_visitor_without_a_visit_is_read(script: Script) -> None:
    (last,) = script(event(visit=""))
    assert script.read() == last.profile
    assert "visit_id" not in last.profile
