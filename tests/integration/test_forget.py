"""`profiler forget`: what is gone, what brings nobody back, and who may begin anew."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import redis

from profiler.profiles.forgetting import LIST_KEY, PATTERNS_KEY
from servers import passwords
from servers.redis import Store
from servers.redis_secure import USER
from tests.integration.commands import run_command
from tests.integration.documented_rights import documented_rights, make_user
from tests.integration.fault_events import HASTY, VISITORS, page_view, page_views
from tests.integration.pipe_runs import line, pipe
from tests.integration.pipeline_runs import rules_file, stored_profile
from tests.integration.test_replay import PART, rules_beside
from tests.integration.visitors import Visitors

if TYPE_CHECKING:
    from pathlib import Path

    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore
    from tests.integration.conftest import Deploy
    from tests.integration.pipeline_runs import Deployment

#: Whom the tests forget, and the others.
GONE, *OTHERS = VISITORS


def test_the_command(private_store: MakeStore, tmp_path: Path) -> None:
    store = Store(private_store("redis7").url, "redis7")
    with closing(Visitors(store, "standard", "p:", tmp_path)) as visitors:
        for visitor in ("ada", "bob"):
            visitors.see(visitor)
        settings = {"redis__url": store.url, "rules": visitors.rules_path}

        dry = run_command(["forget", "ada", "--dry-run"], **settings)
        assert (dry.code, dry.output) == (0, "would forget 1 visitor; profiles: 1\n")
        assert visitors.found("ada")
        done = run_command(["forget", "ada", "ada", "eve"], **settings)
        assert done.output.startswith("forgot 3 visitors; profiles: 1; marks until "), done
        assert "no profile" in visitors.refused("ada")
        assert run_command(["forget", "ada", "--dry-run"], **settings).output.endswith(" 0\n")

        visitors.see("ada")
        assert "no profile" in visitors.refused("ada")
        assert visitors.found("bob")
        with redis.Redis.from_url(store.url) as client:
            kept = b" ".join([k + b" " + v for k, v in client.hgetall(LIST_KEY).items()])
            assert b"ada" not in kept
            assert client.hlen(LIST_KEY) == 2
            assert client.pttl(LIST_KEY) > 394 * 86_400_000


def test_wrong_usage(private_store: MakeStore) -> None:
    url = private_store("redis7").url
    for arguments in (["forget"], ["forget", ""], ["forget", "ada", "--keep-for", "soon"]):
        done = run_command(arguments, redis__url=url)
        assert done.code == 2, done
    assert '"30 d"' in done.errors


def test_an_archive_under_new_keys_brings_nobody_back(
    private_store: MakeStore, tmp_path: Path
) -> None:
    """By `pipe`, whose user may lack the right to know; then it is said."""
    url = private_store("redis7").url
    assert run_command(["forget", "ada"], redis__url=url).code == 0
    new = ["--redis", url, "--rules", str(rules_file(tmp_path, "standard", "new:"))]
    old = line("ada", 1, timestamp=1_700_000_000_000)

    [output], errors = pipe(old, *new)

    assert (has_profile(output["value"]), errors) == (False, [])
    with closing(redis.Redis.from_url(url)) as admin:
        make_user(admin, [*documented_rights(), "~new:*"])
    login = [("PROFILER_REDIS__USERNAME", USER), ("PROFILER_REDIS__PASSWORD", passwords.REDIS)]
    [output], [warning] = pipe(line("bob", 1, timestamp=1_700_000_000_000), *new, settings=login)
    assert has_profile(output["value"])
    assert warning["event"] == "who was forgotten under other keys is not known"


def test_each_visitor_of_a_cluster(redis_cluster: RedisCluster) -> None:
    """The mark is where the profile was, whatever slot that is."""
    url = redis_cluster.url
    names = [f"forgotten-{number}" for number in range(9)]
    lines = b"".join(line(name, 1, timestamp=1_700_000_000_000) for name in names)
    pipe(lines, "--redis", url)
    done = run_command(["forget", *names], redis__url=url)
    assert done.output.startswith("forgot 9 visitors; profiles: 9;"), done

    outputs, errors = pipe(lines, "--redis", url)

    assert errors == []
    assert not any(has_profile(output["value"]) for output in outputs)
    assert run_command(["forget", *names, "--dry-run"], redis__url=url).output.endswith(" 0\n")
    for key in (*(f"visitor:{{{name}}}" for name in names), LIST_KEY, PATTERNS_KEY):
        assert redis_cluster.primary_of(key).ask("DEL", key) == 1


def test_nothing_brings_a_visitor_back(private_store: MakeStore, deploy: Deploy) -> None:
    """A forget in the middle of a run; late events, a replay beside, a repair, a return."""
    deployment = deploy(private_store("redis7").url)
    settings = {"redis__url": deployment.redis_url, "rules": str(deployment.rules)}
    beside = rules_beside(deployment)
    with deployment.start("run", **HASTY) as worker:
        deployment.produce(page_views(0, PART))
        worker.wait_for(lambda: bool(deployment.stored(GONE)))
        deployment.produce(page_views(PART, 20 * PART))
        worker.wait_for(lambda: any(deployment.committed().values()))
        assert run_command(["forget", GONE], **settings).code == 0
        worker.wait_for(deployment.is_done)
        deployment.produce(page_views(21 * PART, PART))  # late: made long ago
        worker.wait_for(deployment.is_done)
        # All late events; of the events before, the ones that the forget came before, if any.
        assert worker.stop()["forgotten"] >= PART // len(VISITORS)
    before = len(deployment.read("persisted"))
    assert deployment.stored(GONE) == {}
    assert_counted(deployment, 22 * PART)
    late = [value for value in persisted(deployment) if value[NAME] == f"page {21 * PART}"]
    assert len(late) == 1
    assert not has_profile(late[0])

    with deployment.start("replay", "--rules", str(beside), "--until-ready") as program:
        assert program.wait() == 0
    assert stored_beside(deployment, GONE) == {}
    assert_counted(deployment, 22 * PART, "new-")

    forget_marks(deployment)
    with deployment.start("run", **HASTY) as worker:
        returned = page_view(0)._replace(timestamp=time.time_ns() // 1_000_000)
        deployment.produce([returned])
        worker.wait_for(deployment.is_done)
        assert worker.stop()["repaired"] > 0
    assert len(deployment.read("persisted")) == before + 1
    assert deployment.stored(GONE)["visitor_events"] == "1"
    assert_counted(deployment, 22 * PART)

    with deployment.start("replay", "--rules", str(beside), "--until-ready") as program:
        assert program.wait() == 0
    assert stored_beside(deployment, GONE)["visitor_events"] == "1"
    # A forget knows the keys that were built beside.
    assert run_command(["forget", GONE], **settings).output.startswith(
        "forgot 1 visitor; profiles: 2;"
    )


NAME = "query-other_page_title"


def has_profile(value: dict[str, Any]) -> bool:
    return any(name.startswith("profile_") for name in value)


def persisted(deployment: Deployment) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in deployment.read("persisted")]


def stored_beside(deployment: Deployment, visitor: str) -> dict[str, str]:
    return stored_profile(deployment.redis_url, f"{deployment.key_prefix}new-", visitor)


def assert_counted(deployment: Deployment, events: int, prefix: str = "") -> None:
    """Nobody else lost anything, or was counted twice."""
    for visitor in OTHERS:
        stored = stored_profile(deployment.redis_url, deployment.key_prefix + prefix, visitor)
        assert stored["visitor_events"] == str(events // len(VISITORS))


def forget_marks(deployment: Deployment) -> None:
    """As a Redis that lost what came last: its marks say that little was applied."""
    with redis.Redis.from_url(deployment.redis_url) as client:
        keys = list(client.scan_iter(f"{deployment.key_prefix}mark:*".replace("{", "\\{")))
        keys += list(client.scan_iter(f"{deployment.key_prefix}{{mark:*"))
        assert keys
        for key in keys:
            client.set(key, 1)
