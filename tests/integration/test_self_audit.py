"""`profiler audit`: damaged profiles are found beside a worker that runs, named, and repaired.

Over 250 lines: what must be found, and all that must not be taken for damage, on one traffic.
"""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import TopicPartition

from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import FlatEvent, Record, stream_of
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis_cluster import RedisCluster
from servers.redis_secure import USER
from tests.chaos.failpoints import ARMED
from tests.conftest import MakeStore
from tests.integration.commands import Done, run_command, run_package
from tests.integration.conftest import Deploy
from tests.integration.documented_rights import OPERATIONS, make_user
from tests.integration.fault_events import HASTY
from tests.integration.pipeline_runs import Deployment, Input
from tests.integration.programs import PATIENCE_S, Program, clean_environment

Change = Callable[[list[tuple[FlatEvent, str]]], list[tuple[FlatEvent, str]]]

VISITORS = [f"v{number}" for number in range(12)]
#: An hour ago, so that nothing of it is too old or ahead.
FIRST_MS = int(time.time() * 1_000) - 3_600_000


def views(rounds: range, visitors: Sequence[str] = VISITORS) -> list[Input]:
    """A page view of each visitor in each round; a visit has three."""
    found = []
    for number in rounds:
        for place, visitor in enumerate(visitors):
            at = FIRST_MS + 1_000 * number + place
            fields = {
                "domain_userid": visitor,
                "domain_sessionid": f"{visitor}-{number // 3}",
                "event_id": f"{visitor} {number}",
                "eventtype": "Pageview",
                "page_title": f"page {number}",
                "dvce_created_tstamp": str(at),
            }
            elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
            found.append(Input(json.dumps({"query": elements}).encode(), visitor.encode(), at))
    return found


def audit(deployment: Deployment, *arguments: str, **settings: str) -> Done:
    environment = clean_environment(deployment.variables(**settings))
    command = ["audit", "--sample", "1/1", *arguments]
    return run_package("profiler", command, environment, PATIENCE_S)


def found_by(deployment: Deployment, *arguments: str, code: int, **settings: str) -> dict[str, Any]:
    done = audit(deployment, "--json", *arguments, **settings)
    assert done.code == code, done
    [line] = done.output.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


class Damage:
    """Puts profiles in Redis that a faulty deployment could have left.

    They are folded by the script itself, from other events than those of the topic.
    """

    def __init__(self, deployment: Deployment, stream: str) -> None:
        self._deployment = deployment
        self._stream = stream
        rules = load_rules(str(deployment.rules))
        self._pattern = rules.store.key
        # The same keys in another database: another key would make other rules of them.
        self._client = connect(deployment.redis_url.replace("/0", "/1"))
        self._script = ProfileScript(self._client, rules)

    def do(self, visitor: str, change: Change) -> None:
        """Fold what is left of the visitor's events, and put it in the place of the profile."""
        events = [self._event(record) for record in self._deployment.read("processed")]
        own = [each for each in events if each[1] == visitor]
        self._script.apply([event for event, _ in change(own)])
        key = self._pattern.replace("<id>", visitor)
        assert self._client.copy(key, key, destination_db="0", replace=True)
        with redis.Redis.from_url(self._deployment.redis_url) as live:
            assert live.pexpire(key, 86_400_000)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _event(self, record: Record) -> tuple[FlatEvent, str]:
        flat = decode_processed(record.value or b"", Limits())
        stream = stream_of(self._stream, record.partition)
        event = FlatEvent(stream, record.offset, record.timestamp, flat)
        return event, flat["query-other_domain_userid"]


def without(place: int) -> Change:
    return lambda events: [*events[:place], *events[place + 1 :]]


def without_visit(number: int) -> Change:
    def change(events: list[tuple[FlatEvent, str]]) -> list[tuple[FlatEvent, str]]:
        gone = f"{events[0][1]}-{number}"
        return [e for e in events if e[0].fields["query-other_domain_sessionid"] != gone]

    return change


def other_first_page(events: list[tuple[FlatEvent, str]]) -> list[tuple[FlatEvent, str]]:
    (event, visitor), *others = events
    fields = event.fields | {"query-other_page_title": "elsewhere"}
    return [(event._replace(fields=fields), visitor), *others]


@pytest.fixture
def deployment(private_store: MakeStore, deploy: Deploy) -> Deployment:
    return deploy(private_store("redis7").url)


@pytest.fixture
def worker(deployment: Deployment) -> Iterator[Program]:
    """A worker that has taken nine events of each visitor, and runs on."""
    deployment.produce(views(range(9)))
    with deployment.start("run", **HASTY) as program:
        program.wait_for(deployment.is_done)
        yield program
        if program.is_alive:
            program.stop()


@pytest.fixture
def damage(deployment: Deployment, worker: Program) -> Iterator[Damage]:
    stream = worker.events("streams")[0]["streams"]
    with closing(Damage(deployment, stream)) as found:
        yield found


def test_three_damaged_profiles_are_found_by_field_and_repaired(
    deployment: Deployment, worker: Program, damage: Damage, tmp_path: Path
) -> None:
    told = found_by(deployment, code=0)
    assert (told["visitors"], told["clean"]) == (len(VISITORS), len(VISITORS))
    damage.do("v1", without(4))
    damage.do("v2", without_visit(1))
    damage.do("v3", other_first_page)
    textfile = tmp_path / "audit.prom"

    told = found_by(deployment, "--textfile", str(textfile), code=1)

    found = {
        each["key"].partition("{")[2].rstrip("}"): {d["field"] for d in each["differences"]}
        for each in told["mismatches"]
    }
    assert (told["clean"], told["mismatch"]) == (len(VISITORS) - 3, 3)
    assert found.keys() == {"v1", "v2", "v3"}
    assert {"visitor_events", "visit_events"} <= found["v1"]
    assert {"visit_id", "visitor_visits"} <= found["v2"]
    assert {"visitor_first_page", "visit_first_page"} <= found["v3"]
    [first_page] = [
        difference
        for each in told["mismatches"]
        for difference in each["differences"]
        if difference["field"] == "visitor_first_page"
    ]
    assert (first_page["stored"], first_page["refolded"]) == ("elsewhere", "page 0")
    text = textfile.read_text()
    assert 'profiler_audit_mismatch_total{field="visitor_first_page"} 1.0' in text
    assert 'profiler_audit_visitors_total{result="clean"} 9.0' in text
    assert "profiler_audit_mismatched_visitors 3.0" in text

    words = audit(deployment, "--repair")
    assert words.code == 0, words
    assert "9 clean, 0 mismatch, 0 not comparable, 3 repaired" in words.output
    assert 'visitor_first_page: stored "elsewhere", by the topic "page 0"' in words.output
    assert found_by(deployment, code=0)["clean"] == len(VISITORS)
    deployment.produce(views(range(9, 12)))
    worker.wait_for(deployment.is_done)
    assert [deployment.stored(visitor)["visitor_events"] for visitor in VISITORS] == ["12"] * 12
    persisted = [json.loads(record.value or b"") for record in deployment.read("persisted")]
    assert len(persisted) == 12 * len(VISITORS)
    assert not any(each["profile_replayed"] for each in persisted)
    with redis.Redis.from_url(deployment.redis_url) as client:
        assert client.pttl(f"{deployment.key_prefix}{{v1}}") > 0


def test_visitors_that_move_meanwhile_are_repaired_and_lose_nothing(
    deployment: Deployment, worker: Program, damage: Damage
) -> None:
    for visitor in VISITORS[:3]:
        damage.do(visitor, without(2))
    rounds = range(9, 609)
    ends: list[Done] = []
    auditing = threading.Thread(
        target=lambda: ends.append(audit(deployment, "--repair", "--json", "--tries", "1"))
    )
    auditing.start()
    for at in rounds[::6]:
        deployment.produce(views(range(at, at + 6)))
    auditing.join(PATIENCE_S)
    worker.wait_for(deployment.is_done)
    [done] = ends
    assert done.code == 0, done
    told = json.loads(done.output)
    assert told["repaired"] == 3, told
    events = {visitor: deployment.stored(visitor)["visitor_events"] for visitor in VISITORS}
    assert events == dict.fromkeys(VISITORS, "609")
    assert found_by(deployment, code=0)["clean"] == len(VISITORS)
    persisted = [json.loads(record.value or b"") for record in deployment.read("persisted")]
    assert sum(each["profile_replayed"] for each in persisted) == 0


def test_what_redis_has_and_nobody_has_committed_is_no_difference(
    deployment: Deployment, worker: Program, damage: Damage
) -> None:
    """A worker is killed between Redis and the commit. A repair then keeps the watermark."""
    worker.stop()
    deployment.produce(views(range(9, 12)))
    deployment.package = "tests.chaos.worker_main"
    deployment.environment = {ARMED: "producer.commit.before:1:kill"}
    with deployment.start("run") as program:
        assert program.wait() == -9
    deployment.package, deployment.environment = "profiler", {}
    ahead = [deployment.stored(visitor)["visitor_events"] for visitor in VISITORS]
    assert "12" in ahead
    assert found_by(deployment, code=0)["clean"] == len(VISITORS)
    moved = VISITORS[ahead.index("12")]
    damage.do(moved, without(4))
    assert found_by(deployment, "--repair", code=0)["repaired"] == 1
    with deployment.start("run", **HASTY) as program:
        program.wait_for(deployment.is_done)
        program.stop()
    events = {visitor: deployment.stored(visitor)["visitor_events"] for visitor in VISITORS}
    assert events == dict.fromkeys(VISITORS, "12")
    persisted = [json.loads(record.value or b"") for record in deployment.read("persisted")]
    assert len(persisted) == 12 * len(VISITORS)
    assert not any(each["profile_replayed"] for each in persisted)
    assert found_by(deployment, code=0)["clean"] == len(VISITORS)


@pytest.mark.usefixtures("worker")
def test_a_profile_that_is_gone_or_no_profile_is_found(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.redis_url) as client:
        keys = [f"{deployment.key_prefix}{{{visitor}}}" for visitor in VISITORS]
        client.delete(keys[0], keys[1])
        client.set(keys[1], "no hash")
        client.hset(keys[2], "~", b"\x95\x02damaged")
    told = found_by(deployment, code=1)
    found = {each["key"]: each["differences"][0]["field"] for each in told["mismatches"]}
    assert found == {keys[0]: "(profile)", keys[1]: "(state)", keys[2]: "(state)"}
    told = found_by(deployment, "--repair", code=1)
    assert (told["repaired"], told["mismatch"]) == (2, 1)  # no hash: another program's key
    assert deployment.stored(VISITORS[0])["visitor_events"] == "9"
    assert deployment.stored(VISITORS[2])["visitor_events"] == "9"


def test_what_is_older_than_the_topic_is_not_comparable(
    deployment: Deployment, damage: Damage, worker: Program
) -> None:
    topic = deployment.topics["processed"]
    ends = deployment.ends("processed")
    deployment.admin.delete_records({TopicPartition(topic, at): end for at, end in ends.items()})
    deployment.produce(views(range(9, 12)))
    new = ["new-1", "new-2"]
    # Later than the first records that are left, by more than clocks may be wrong.
    deployment.produce(views(range(7_300, 7_303), new))
    worker.wait_for(deployment.is_done)
    told = found_by(deployment, code=0)
    assert told["visitors"] == len(VISITORS) + 2
    assert told["not_comparable_because"] == {"older than the topic's first records": 12}
    assert told["clean"] == 2
    damage.do("new-1", without(1))
    assert found_by(deployment, code=1)["mismatch"] == 1


def test_who_was_forgotten_other_rules_and_those_who_began_before(
    deployment: Deployment, damage: Damage, tmp_path: Path
) -> None:
    settings = {"redis__url": deployment.redis_url, "rules": str(deployment.rules)}
    assert run_command(["forget", "v0"], **settings).code == 0
    told = found_by(deployment, code=0)
    assert (told["clean"], told["not_comparable"]) == (len(VISITORS), 0)
    # Visitors who were read with rules that have a field more.
    text = deployment.rules.read_text().replace(
        "[[fields]]",
        '[[fields]]\nname = "visitor_more"\nscope = "visitor"\noperation = "count"\n\n[[fields]]',
        1,
    )
    other = tmp_path / "other.toml"
    other.write_text(text)
    told = found_by(deployment, code=0, RULES=str(other))
    assert told["not_comparable_because"] == {"written by other rules": len(VISITORS) - 1}
    damage.do("v5", without(1))
    assert found_by(deployment, code=1)["mismatch"] == 1
    told = found_by(deployment, "--since", "30m", code=0)
    assert told["not_comparable_because"] == {"older than the topic's first records": 1}


def test_rounds_follow_what_comes_and_who_is_forgotten(
    deployment: Deployment, worker: Program, tmp_path: Path
) -> None:
    textfile = tmp_path / "audit.prom"
    settings = {"redis__url": deployment.redis_url, "rules": str(deployment.rules)}

    def audited() -> int:
        found = re.search(
            r'visitors_total{result="clean"} (\d+)',
            textfile.read_text() if textfile.exists() else "",
        )
        return int(found[1]) if found else 0

    flags = ("--sample", "1/1", "--every", "1s", "--textfile", str(textfile))
    with deployment.start("audit", *flags) as program:
        program.wait_for(lambda: audited() >= len(VISITORS))
        assert run_command(["forget", "v0"], **settings).code == 0
        # Later than the forget, and not too far ahead.
        later = time.time() - FIRST_MS / 1_000 + 60
        back = views(range(int(later), int(later) + 3))
        deployment.produce([*views(range(9, 12)), *back])
        worker.wait_for(deployment.is_done)
        before = audited()
        program.wait_for(lambda: audited() >= before + 3 * len(VISITORS))
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 0
    text = textfile.read_text()
    assert "profiler_audit_mismatched_visitors 0.0" in text
    assert 'visitors_total{result="mismatch"} 0.0' in text
    assert deployment.stored("v0")["visitor_events"] == "3"


def test_dead_letters_are_in_neither_profile(deployment: Deployment) -> None:
    """A limit that is raised later does not make the past wrong."""
    deployment.produce(views(range(3)))
    long = views(range(3, 4))
    with deployment.start("run", LIMITS__MAX_RECORD_BYTES="600", **HASTY) as program:
        large = [each._replace(value=(each.value or b"") + b" " * 600) for each in long]
        deployment.produce(large)
        program.wait_for(deployment.is_done)
        program.stop()
    assert len(deployment.read("rejected")) == len(VISITORS)
    assert found_by(deployment, code=0)["clean"] == len(VISITORS)


def test_hashed_ids_and_order_of_arrival(
    private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    hashed = {"PRIVACY__HASH_VISITOR_ID": "true", "PRIVACY__HASH_KEY_FILE": str(key)}
    for preset, settings in (("lean", hashed), ("article", {})):
        deployment = deploy(private_store("valkey9").url, preset=preset)
        deployment.produce(views(range(6)))
        deployment.produce([Input(b'{"query": []}', b"nobody"), Input(b"bad", b"bad")])
        with deployment.start("run", **HASTY | settings) as program:
            program.wait_for(deployment.is_done)
            program.stop()
        told = found_by(deployment, code=0, **settings)
        assert told["clean"] == len(VISITORS), (preset, told)


def test_a_sample_is_a_part_and_always_the_same_one(deployment: Deployment, damage: Damage) -> None:
    for visitor in VISITORS:
        damage.do(visitor, without(0))
    keys = []
    for rate in ("1/3", "1/3", "2/3"):
        told = found_by(deployment, "--sample", rate, "--tries", "1", code=1)
        keys.append({each["key"] for each in told["mismatches"]})
    assert keys[0] == keys[1] < keys[2]
    assert 0 < len(keys[0]) < len(VISITORS)


def test_a_cluster(redis_cluster: RedisCluster, deploy: Deploy) -> None:
    deployment = deploy(redis_cluster.url)
    deployment.produce(views(range(6)))
    keys = [f"{deployment.key_prefix}{{{visitor}}}" for visitor in VISITORS]
    with deployment.start("run", **HASTY) as program:
        program.wait_for(deployment.is_done)
        assert found_by(deployment, code=0)["clean"] == len(VISITORS)
        for key in keys:
            redis_cluster.primary_of(key).ask("HSET", key, "~", "damaged")
        assert found_by(deployment, code=1)["fields"] == {"(state)": len(VISITORS)}
        assert found_by(deployment, "--repair", code=0)["repaired"] == len(VISITORS)
        deployment.produce(views(range(6, 9)))
        program.wait_for(deployment.is_done)
        assert found_by(deployment, code=0)["clean"] == len(VISITORS)
        program.stop()
    assert {deployment.stored(visitor)["visitor_events"] for visitor in VISITORS} == {"9"}


def test_the_documented_rights_are_enough(deployment: Deployment, damage: Damage) -> None:
    damage.do("v1", without(4))
    text = OPERATIONS.read_text("utf-8")
    named = re.search(r"ACL SETUSER auditor on >secret (.*?)```", text, re.DOTALL)
    assert named is not None
    rights = [right for right in named[1].split() if right[0] in "~+"]
    login = {"REDIS__USERNAME": USER, "REDIS__PASSWORD": passwords.REDIS}
    with redis.Redis.from_url(deployment.redis_url) as admin:
        make_user(admin, [*rights, f"~{deployment.key_prefix}*"])
        assert found_by(deployment, "--repair", code=0, **login)["repaired"] == 1
        damage.do("v1", without(4))
        make_user(admin, ["~profiler:forgotten*", f"~{deployment.key_prefix}*", "+hgetall"])
    assert found_by(deployment, code=1, **login)["mismatch"] == 1
    done = audit(deployment, "--repair", **login)
    assert done.code == 78
    assert "has no permissions to run" in done.errors


@pytest.mark.usefixtures("worker")
def test_wrong_usage(deployment: Deployment) -> None:
    for arguments in (["--sample", "2/1"], ["--every", "soon"], ["--since", "soon"]):
        assert audit(deployment, *arguments).code == 2
    done = audit(deployment, "--textfile", "/nowhere/audit.prom")
    assert done.code == 1
    assert "/nowhere/audit.prom" in done.errors
