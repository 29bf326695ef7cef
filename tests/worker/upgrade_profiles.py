"""Profiles after an upgrade, against those of this version alone."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from tests.oracles.article import EVENT_TYPE, VISIT, VISITOR
from tests.worker.upgrade_records import Halves, visitors_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.integration.pipeline_runs import Deployment
    from tests.worker.deployment import MemoryDeployment

    Deployed = Deployment | MemoryDeployment

Profiles = dict[str, dict[str, Any]]

#: Counted by another rule since 0.1: a page view counts without a title, too. They begin anew.
BEGIN_ANEW = ("visitor_pageviews", "visit_pageviews", "visit_bounce")


def profiles(deployment: Deployed, visitors: Iterable[str]) -> Profiles:
    """What is stored, as the deployment's rules read it."""
    with closing(connect(deployment.redis_url)) as client:
        script = ProfileScript(client, load_rules(str(deployment.rules)))
        script.register()
        return {visitor: script.read(visitor) or {} for visitor in visitors}


def without(names: Iterable[str], profile: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name not in names}


def counted_views(deployment: Deployed) -> Counter[tuple[str, str]]:
    """The page views that this version's worker counted, by visitor and visit."""
    counted: Counter[tuple[str, str]] = Counter()
    version = load_rules(str(deployment.rules)).version
    for record in deployment.read("persisted"):
        fields = json.loads(record.value or b"")
        if fields.get("profile_rules_version") != version:
            continue
        passed = any(fields.get(f"profile_{flag}") for flag in ("repeated", "late", "replayed"))
        if fields.get(EVENT_TYPE) == "Pageview" and not passed:
            counted[fields[VISITOR], fields.get(VISIT, "")] += 1
    return counted


def assert_as_if_alone(upgraded: Deployed, alone: Deployed, halves: Halves) -> None:
    """All but the page views: these are counted by a new rule, from the upgrade on."""
    visitors = visitors_of(halves)
    found, expected = profiles(upgraded, visitors), profiles(alone, visitors)
    assert {v: without(BEGIN_ANEW, found[v]) for v in visitors} == {
        v: without(BEGIN_ANEW, expected[v]) for v in visitors
    }
    views = counted_views(upgraded)
    for visitor in visitors:
        own = Counter({visit: n for (who, visit), n in views.items() if who == visitor})
        profile = found[visitor]
        assert profile["visitor_pageviews"] == own.total()
        if "visit_id" in profile:
            assert profile["visit_pageviews"] == own[profile["visit_id"]]
