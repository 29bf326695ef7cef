"""Forgetting a visitor by HTTP does what the command does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from tests.integration.visitors import Visitors
    from tests.service.running import Service

DAY_MS = 86_400_000


def forget(service: Service, target: str) -> dict[str, object]:
    answer = service.ask("DELETE", f"/v1/visitors/{target}")
    assert answer.status == 200, answer
    return dict(answer.document)


def test_a_forgotten_visitor_has_no_profile_and_begins_anew(
    visitors: Visitors, service: Service
) -> None:
    visitors.see("ada/b")
    began_ms = int(time.time() * 1_000)
    done = forget(service, "ada%2Fb")
    assert (done["visitor"], done["profiles"]) == ("ada/b", 1)
    assert isinstance(done["until"], int)
    assert 0 <= done["until"] - began_ms - 395 * DAY_MS < 60_000
    assert service.read("ada/b").status == 404
    # As of before the forgetting: nobody.
    visitors.see("ada/b", stream="0:t:1")
    assert service.read("ada/b").status == 404


def test_to_forget_again_removes_nothing_more(visitors: Visitors, service: Service) -> None:
    visitors.see("bob")
    assert forget(service, "bob")["profiles"] == 1
    assert forget(service, "bob")["profiles"] == 0


def test_a_dry_run_changes_nothing(visitors: Visitors, service: Service) -> None:
    visitors.see("eve")
    assert forget(service, "eve?dry_run=true") == {"visitor": "eve", "profiles": 1, "until": None}
    assert service.read("eve").status == 200


def test_the_mark_lives_as_long_as_is_asked_for(visitors: Visitors, service: Service) -> None:
    visitors.see("max")
    forget(service, "max?keep_for=2%20d&block=true")
    client = redis.Redis.from_url(visitors.url)
    left_ms = client.pttl(visitors.key("max"))
    state = client.hget(visitors.key("max"), "~")
    client.close()
    assert 0 < 2 * DAY_MS - left_ms < 60_000
    assert state == b"f" + (10**15 - 1).to_bytes(7, "big")


@pytest.mark.parametrize(
    "query",
    ["keep_for=2", "keep_for=0%20d", "block=yes", "dry_run=1", "now=1", "block=true&block=x"],
)
def test_a_wrong_option_removes_nothing(visitors: Visitors, service: Service, query: str) -> None:
    visitors.see("ida")
    answer = service.ask("DELETE", f"/v1/visitors/ida?{query}")
    assert (answer.status, answer.code) == (400, "bad_query")
    assert service.read("ida").status == 200
