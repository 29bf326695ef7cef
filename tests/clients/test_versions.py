"""An old caller in Go with the rendering that it was shipped with, beside a new one in Python."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import redis

from profiler.profiles.redis.connections import connect
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json
from profiler.rules.model import load_rules
from profiler.rules.render import render
from profiler.rules.rule import Rule
from tests.clients.feeding import run_in_step, scripts_flushed
from tests.clients.languages import GO, PYTHON, build
from tests.clients.test_together import deviations, shares_of
from tests.clients.together_events import VISITORS, events_together
from tests.oracles.article import VISITOR
from tests.oracles.measure import script_under

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStore

NEW = load_rules("lean")
#: A field that the new rules have no more, smaller limits, and another time to live.
OLD = NEW.model_copy(
    update={
        "name": "before",
        "fields": [Rule(name="visitor_old", scope="visitor", operation="count"), *NEW.fields[::-1]],
        "limits": NEW.limits.model_copy(update={"streams": 2, "value_bytes": 64}),
        "store": NEW.store.model_copy(update={"ttl_days": 30}),
    }
)


def test_an_old_caller_and_a_new_one_share_visitors(
    private_store: MakeStore, key_prefix: str, tmp_path: Path
) -> None:
    old, new = (contract_json(rules, "sha", "function") for rules in (OLD, NEW))
    assert conflicts(old, new) == []
    (tmp_path / "rendered").mkdir()
    (tmp_path / "rendered" / "lean.lua").write_text(render(OLD))
    build(GO)
    server, events = private_store(), events_together()
    shares = shares_of(events, [GO, PYTHON], key_prefix)
    lines = {language: [call.line() for call in calls] for language, calls in shares.items()}

    with closing(redis.Redis.from_url(server.url)) as client, scripts_flushed([client]):
        # Python renders the script itself; the folder is Go's.
        done = run_in_step(lines, server.url, LUA_DIR=str(tmp_path))

    assert done == {
        language.name: {"calls": len(calls), "events": len(events) // 2}
        for language, calls in shares.items()
    }
    assert deviations(events, server.url, key_prefix) == []
    took = Counter(event[VISITOR] for event in events[::2])
    with closing(connect(server.url)) as client:
        script = script_under(client, key_prefix, OLD)
        stored = {visitor: script.read(visitor) or {} for visitor in VISITORS}
    assert {visitor: profile["visitor_old"] for visitor, profile in stored.items()} == took
