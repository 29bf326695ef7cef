"""A whole access log with visits by a gap, in five orders."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from profiler.rules.model import load_rules
from tests.lua.gap_web_log import compared, folded, sorted_and_split
from tests.lua.runner import Runner
from tests.lua.test_outside import ORDERS, RULES, WEB_LOG, arrivals_of, needs, requests

if TYPE_CHECKING:
    from profiler.records.types import FlatEvent
    from servers.redis import Store

__all__ = ["requests"]  # a fixture


@needs(WEB_LOG)
def test_all_orders_give_the_visits_of_sorting(store: Store, requests: list[FlatEvent]) -> None:
    right = sorted_and_split(requests)
    assert len(right) > 3_000
    with closing(Runner(store.url, load_rules(str(RULES / "web-log-gaps.toml")))) as runner:
        visits = folded(runner, arrivals_of(requests, ORDERS[0]))
        assert compared(visits) == right
        for order in ORDERS[1:]:
            assert folded(runner, arrivals_of(requests, order)) == visits, order
