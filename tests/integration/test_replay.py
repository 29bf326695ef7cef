"""`profiler replay`: profiles built anew, and the switch to them."""

import json
from pathlib import Path

import redis

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import HASTY, VISITORS, bad_records, page_views
from tests.integration.pipe_runs import pipe
from tests.integration.pipeline_runs import Deployment, Input, place_of, stored_profile
from tests.integration.programs import Program

PART = 10 * len(VISITORS)


def work(deployment: Deployment, count: int, first: int = 0, **settings: str) -> None:
    """Let a worker process so many events."""
    with deployment.start("run", **settings) as worker:
        deployment.produce(page_views(first, count))
        worker.wait_for(deployment.is_done)
        worker.stop()


def rules_beside(deployment: Deployment) -> Path:
    """The same rules with keys of their own."""
    path = deployment.rules.with_name("beside.toml")
    text = deployment.rules.read_text()
    path.write_text(text.replace(deployment.key_prefix, f"{deployment.key_prefix}new-"))
    return path


def counted(deployment: Deployment, prefix: str = "") -> list[str | None]:
    url, keys = deployment.redis_url, deployment.key_prefix + prefix
    return [stored_profile(url, keys, visitor).get("visitor_events") for visitor in VISITORS]


def each(count: int) -> list[str]:
    return [str(count // len(VISITORS))] * len(VISITORS)


def replay(deployment: Deployment, *flags: str) -> Program:
    return deployment.start("replay", *flags)


def test_profiles_are_built_beside_a_worker_that_runs_and_it_switches_to_them(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    beside = rules_beside(deployment)
    with deployment.start("run", **HASTY) as worker:
        deployment.produce([*page_views(0, PART), *bad_records(3)])
        worker.wait_for(deployment.is_done)
        with replay(deployment, "--rules", str(beside)) as program:
            program.wait_for_event("READY")
            deployment.produce(page_views(PART, PART))
            worker.wait_for(deployment.is_done)
            program.wait_for(lambda: counted(deployment, "new-") == each(2 * PART))
            worker.stop()
            program.stop()
    assert counted(deployment) == each(2 * PART)
    assert len(deployment.read("persisted")) == 2 * PART
    with deployment.start("run", RULES=str(beside), **HASTY) as worker:
        deployment.produce(page_views(2 * PART, PART))
        worker.wait_for(deployment.is_done)
        assert worker.stop()["repaired"] == 0
    assert counted(deployment, "new-") == each(3 * PART)
    assert counted(deployment) == each(2 * PART)
    places = [place_of(record) for record in deployment.read("persisted")]
    assert len(places) == len(set(places)) == 3 * PART


def test_a_replay_never_passes_the_live_mode(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    work(deployment, PART)
    deployment.produce(page_views(PART, PART))
    beside = rules_beside(deployment)
    with replay(deployment, "--rules", str(beside), "--until-ready") as program:
        assert program.wait() == 0
    assert counted(deployment, "new-") == each(PART)
    with deployment.start("run", RULES=str(beside), **HASTY) as worker:
        worker.wait_for(deployment.is_done)
        assert worker.stop()["repaired"] == 0
    assert counted(deployment, "new-") == each(2 * PART)


def test_an_emptied_redis_is_filled_again(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("valkey9").url)
    work(deployment, PART)
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.flushall()
    with deployment.start("run") as refused:
        assert refused.wait() == 78
        assert "profiler replay" in refused.output
    with replay(deployment, "--until-ready") as program:
        assert program.wait() == 0
        assert program.events("READY")
    assert counted(deployment) == each(PART)
    work(deployment, PART, first=PART)
    assert counted(deployment) == each(2 * PART)
    assert len(deployment.read("persisted")) == 2 * PART


def test_a_replay_goes_on_where_it_was_killed(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    work(deployment, 20 * PART)
    beside = rules_beside(deployment)
    flags = ("--rules", str(beside))
    with deployment.start("replay", *flags, BATCH__MAX_RECORDS="20") as program:
        program.wait_for(lambda: None not in counted(deployment, "new-"))
        program.kill()
    with replay(deployment, *flags, "--until-ready") as program:
        assert program.wait() == 0
    assert counted(deployment, "new-") == each(20 * PART)


def test_profiles_are_written_once_more_where_that_is_wanted(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    work(deployment, PART)
    before = profiled(deployment)
    beside = str(rules_beside(deployment))
    with replay(deployment, "--rules", beside, "--reemit", "--until-ready") as program:
        assert program.wait() == 0
    assert sorted(profiled(deployment)) == sorted(2 * before)
    assert len(deployment.read("flattened")) == PART


def profiled(deployment: Deployment) -> list[str]:
    """The outputs, but for the version of their rules."""
    values = [json.loads(record.value or b"") for record in deployment.read("persisted")]
    assert all(value.pop("profile_rules_version") for value in values)
    return [json.dumps(value, sort_keys=True) for value in values]


def test_older_history_comes_first(private_store: MakeStore, deploy: Deploy) -> None:
    """An archive goes through `profiler pipe` into the new keys, and then the topic is replayed."""
    deployment = deploy(private_store("redis7").url)
    work(deployment, PART)
    beside = str(rules_beside(deployment))
    archive = "\n".join(a_day_earlier(given) for given in page_views(PART, PART))
    flags = ("--rules", beside, "--redis", deployment.redis_url)
    lines, told = pipe(archive.encode(), *flags)
    assert len(lines) == PART, told
    assert counted(deployment, "new-") == each(PART)
    with replay(deployment, "--rules", beside, "--until-ready") as program:
        assert program.wait() == 0
        assert program.events("stopped")[-1]["late"] == 0
    assert counted(deployment, "new-") == each(2 * PART)
    stored = stored_profile(deployment.redis_url, deployment.key_prefix + "new-", VISITORS[0])
    assert stored["visitor_first_page"] == f"page {PART}"
    assert stored["visitor_last_page"] == f"page {PART - len(VISITORS)}"


def a_day_earlier(given: Input) -> str:
    value = json.loads(given.value or b"")
    return json.dumps({"value": value, "timestamp": given.timestamp - 86_400_000})


def test_without_a_live_mode_there_is_nothing_to_replay(
    private_store: MakeStore, deploy: Deploy
) -> None:
    with replay(deploy(private_store("redis7").url)) as program:
        assert program.wait() == 78
        assert "nothing to replay" in program.output


def test_profiles_that_a_worker_updates_are_not_built_anew(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run") as worker:
        deployment.produce(page_views(0, PART))
        worker.wait_for(deployment.is_done)
        with replay(deployment) as program:
            assert program.wait() == 78
            assert "have the same key pattern" in program.output
        worker.stop()
