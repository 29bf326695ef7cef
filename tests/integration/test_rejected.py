"""`profiler rejected` on a real Kafka: dead letters are found, shown, and go back once.

Over 250 lines: one command, from the list to a crash in the midst of a replay.
"""

import json
import re
import threading
import time
from collections import Counter
from typing import Any

import pytest

from profiler.servers.processes import wait_until
from tests.chaos.failpoints import ARMED
from tests.conftest import MakeStore
from tests.integration.commands import Done, run_on_terminal, run_package
from tests.integration.conftest import Deploy
from tests.integration.fault_events import HASTY, VISITORS, page_view, page_views
from tests.integration.pipeline_runs import Deployment, Input, place_of
from tests.integration.programs import PATIENCE_S, Program, clean_environment

BAD = 20
#: Below the records of `large_views`, and above those of `page_views`.
SMALL = {"LIMITS__MAX_RECORD_BYTES": "600", **HASTY}
LARGE = {"LIMITS__MAX_RECORD_BYTES": "6000", **HASTY}
NO_LIMIT = {"DEAD_LETTERS__MAX_CONSECUTIVE": "0", "DEAD_LETTERS__MAX_RATIO": "1"}

PACKAGE = "tests.chaos.worker_main"


def large_views(first: int, count: int) -> list[Input]:
    """Page views of all visitors in turn that are too large for `SMALL`."""
    found = []
    for number in range(first, first + count):
        view = page_view(number)
        value = json.loads(view.value or b"")
        value["query"].append({"name": "other_note", "value": "x" * 1_000})
        found.append(view._replace(value=json.dumps(value).encode(), headers=(("trace", b"t"),)))
    return found


def environment_of(deployment: Deployment, **settings: str) -> dict[str, str]:
    own = {"TOPICS__REJECTED_REPLAYS": f"{deployment.topics['rejected']}-replays"}
    return clean_environment(deployment.variables(**own | settings))


def rejected(deployment: Deployment, *arguments: str, **settings: str) -> Done:
    environment = environment_of(deployment, **settings)
    return run_package("profiler", ["rejected", *arguments], environment, PATIENCE_S)


def listed(deployment: Deployment, *arguments: str) -> list[dict[str, Any]]:
    done = rejected(deployment, "list", "--json", *arguments)
    assert done.code == 0, done
    return [json.loads(line) for line in done.output.splitlines()]


def worker(deployment: Deployment, **settings: str) -> Program:
    return deployment.start("run", **NO_LIMIT | settings)


def fill(deployment: Deployment, inputs: list[Input], **settings: str) -> None:
    """Let a worker answer them."""
    deployment.produce(inputs)
    with worker(deployment, **settings) as program:
        program.wait_for(deployment.is_done)
        program.stop()


@pytest.fixture
def deployment(private_store: MakeStore, deploy: Deploy) -> Deployment:
    return deploy(private_store("redis7").url)


def test_a_limit_is_raised_and_all_dead_letters_are_persisted_once(deployment: Deployment) -> None:
    good, bad = page_views(0, 12), large_views(12, BAD)
    fill(deployment, [*good, *bad], **SMALL)
    assert len(deployment.read("rejected")) == BAD
    [group] = listed(deployment)
    assert (group["code"], group["stage"], group["letters"], group["replayed"]) == (
        *("too_large", "flatten"),
        *(BAD, 0),
    )
    assert group["topic"] == deployment.topics["processed"]

    refused = rejected(deployment, "replay", "--yes", **SMALL)
    assert refused.code == 1
    assert "would be rejected again" in refused.errors
    planned = rejected(deployment, "replay", "--dry-run", **LARGE)
    assert planned.code == 0, planned
    assert re.search(rf"{BAD} +too_large +due\n", planned.output)
    assert sum(deployment.ends("processed").values()) == 12 + BAD

    with worker(deployment, **LARGE) as program:
        done = rejected(deployment, "replay", "--yes", **LARGE)
        assert done.code == 0, done
        assert f"replayed {BAD} records" in done.output
        again = rejected(deployment, "replay", "--yes", **LARGE)
        assert (again.code, f"{BAD} replayed before" in again.errors) == (1, True), again
        program.wait_for(deployment.is_done)
        program.stop()
    persisted = deployment.read("persisted")
    ids = Counter(json.loads(record.value or b"")["query-other_event_id"] for record in persisted)
    assert ids == Counter(f"event {number}" for number in range(12 + BAD))
    assert len(deployment.read("rejected")) == BAD
    assert listed(deployment)[0]["replayed"] == BAD
    replayed = [dict(r.headers) for r in persisted if b"note" in (r.value or b"")]
    assert {headers["replayed-times"] for headers in replayed} == {b"1"}
    assert {headers["trace"] for headers in replayed} == {b"t"}
    assert "error-code" not in replayed[0]
    counts = [deployment.stored(visitor)["visitor_events"] for visitor in VISITORS]
    assert sum(map(int, counts)) == 12 + BAD


def test_filters_of_list(deployment: Deployment) -> None:
    now = int(time.time() * 1_000)
    fill(
        deployment,
        [
            Input(b"no JSON", b"a", now, (("origin", b"shop"),), 0),
            Input(b"[]", b"a", now - 7_200_000, (("origin", b"blog"),), 0),
            Input(b"\xff", b"a", now - 60_000, (), 1),
        ],
    )
    source = deployment.topics["processed"]
    for flags, codes in (
        ((), ["bad_json", "bad_utf8", "not_an_object"]),
        (("--code", "bad_json", "--code", "bad_utf8"), ["bad_json", "bad_utf8"]),
        (("--stage", "profile"), []),
        (("--topic", source, "--partition", "0"), ["bad_json", "not_an_object"]),
        (("--partition", "0", "--from-offset", "1"), ["not_an_object"]),
        (("--partition", "0", "--to-offset", "0"), ["bad_json"]),
        (("--since", "1h"), ["bad_json", "bad_utf8"]),
        (("--until", "30s"), ["bad_utf8", "not_an_object"]),
        (("--since", "1h", "--until", "30s"), ["bad_utf8"]),
        (("--header", "origin=blog"), ["not_an_object"]),
    ):
        found = listed(deployment, "--records", *flags)
        assert sorted(each["code"] for each in found) == codes, flags
    assert len(listed(deployment, "--records", "--limit", "2")) == 2
    for flags in (("--since", "yesterday"), ("--header", "origin")):
        assert rejected(deployment, "list", *flags).code == 2


def test_a_dead_letter_is_shown_with_its_bytes_and_drives_no_terminal(
    deployment: Deployment,
) -> None:
    evil = b'{"a": \x1b]0;owned\x07\x1b[2J\xe2\x80\xae'
    fill(deployment, [Input(evil, b"\x1b[31mkey", headers=(("x", b"\x1b[31mred\r"),), partition=0)])
    [told] = listed(deployment, "--records")
    place = f"{told['partition']}:{told['offset']}"
    variables: dict[str, Any] = {
        name.removeprefix("PROFILER_"): value for name, value in deployment.variables().items()
    }

    shown = rejected(deployment, "show", place)
    table = run_on_terminal(["rejected", "list", "--records"], **variables)

    assert shown.code == 0, shown
    assert "bad_json" in shown.output
    assert "today: rejected (bad_json)" in shown.output
    assert "7b 22 61 22 3a 20 1b 5d 30 3b" in shown.output
    assert '{"a": .]0;owned.' in shown.output
    assert not [c for c in shown.output if not (c.isprintable() or c == "\n")]
    assert "bad_json" in table.output
    one = json.loads(rejected(deployment, "show", place, "--json").output)
    assert one["today"]["verdict"] == "rejected"
    nothing = rejected(deployment, "show", "0:999")
    assert (nothing.code, "has no record 0:999" in nothing.errors) == (1, True)
    assert rejected(deployment, "show", "first").code == 2


def test_without_a_terminal_nobody_is_asked(deployment: Deployment) -> None:
    fill(deployment, large_views(0, 1), **SMALL)
    done = rejected(deployment, "replay", **LARGE)
    assert done.code == 2
    assert "--yes" in done.errors
    assert sum(deployment.ends("processed").values()) == 1


def test_a_flattened_record_goes_back_to_the_second_stage(deployment: Deployment) -> None:
    deployment.produce(page_views(0, 6))
    with deployment.start("flatten", **HASTY) as program:
        program.wait_for(lambda: deployment.is_done("flatten"))
        program.stop()
    with deployment.start("profile", LIMITS__MAX_ID_BYTES="5", **NO_LIMIT) as program:
        program.wait_for(lambda: deployment.is_done("profile"))
        program.stop()
    letters = deployment.read("rejected")
    flattened = deployment.topics["flattened"]
    assert {dict(r.headers)["error-topic"] for r in letters} == {flattened.encode()}
    assert rejected(deployment, "replay", "--yes").code == 0
    with deployment.start("profile", **HASTY) as program:
        program.wait_for(lambda: len(deployment.read("persisted")) == 6)
        program.stop()
    places = {place_of(record) for record in deployment.read("persisted")}
    assert {place.topic for place in places} == {deployment.topics["processed"]}
    assert len(places) == 6
    assert sum(deployment.ends("processed").values()) == 6


def start_killed(deployment: Deployment, failpoint: str) -> int:
    """Run a replay that kills itself there; returns its exit code."""
    environment = environment_of(deployment, **LARGE) | {ARMED: failpoint}
    done = run_package(PACKAGE, ["rejected", "replay", "--yes"], environment, PATIENCE_S)
    return done.code


@pytest.mark.parametrize("client", ["kafka-python", "librdkafka"])
def test_a_replay_that_is_killed_neither_loses_nor_doubles(
    deployment: Deployment, client: str
) -> None:
    """Killed at every step in turn; transactions of 500 records, so there are two."""
    deployment.environment = {"PROFILER_KAFKA__CLIENT": client}
    count = 600
    fill(deployment, large_views(0, count), **SMALL)
    for failpoint in (
        "producer.init.before:1:kill",
        "producer.init.after:1:kill",
        "producer.send.before:1:kill",
        "producer.send.after:1:kill",
        "producer.commit.after:1:kill",
        "producer.send.after:1:kill",
        "producer.commit.after:1:kill",
    ):
        assert start_killed(deployment, failpoint) == -9, failpoint
    rejected(deployment, "replay", "--yes", **LARGE)  # whatever is left
    # What a killed one left open is aborted by the next one, or by the broker.
    [group] = listed(deployment)
    assert (group["letters"], group["replayed"]) == (count, count)
    back = [r for r in deployment.read("processed") if "replayed-from" in dict(r.headers)]
    assert Counter(dict(r.headers)["replayed-from"] for r in back).most_common(1)[0][1] == 1
    assert len(back) == count


def test_two_operators_at_once_double_nothing(deployment: Deployment) -> None:
    count = 600
    fill(deployment, large_views(0, count), **SMALL)
    environment = environment_of(deployment, **LARGE)
    slow = environment | {ARMED: "producer.commit.after:1:sleep:8"}
    ends: list[Done] = []

    def replay_slowly() -> None:
        ends.append(run_package(PACKAGE, ["rejected", "replay", "--yes"], slow, PATIENCE_S))

    first = threading.Thread(target=replay_slowly)
    first.start()
    assert wait_until(lambda: len(deployment.read("processed")) > count, timeout=PATIENCE_S)
    second = rejected(deployment, "replay", "--yes", **LARGE)
    first.join(PATIENCE_S)
    [done] = ends
    assert second.code == 0, second
    assert done.code == 78, done
    assert "another replay of this topic has begun" in done.errors
    back = [r for r in deployment.read("processed") if "replayed-from" in dict(r.headers)]
    assert len({dict(r.headers)["replayed-from"] for r in back}) == len(back) == count


def test_what_is_rejected_again_does_not_go_round_for_ever(deployment: Deployment) -> None:
    fill(deployment, [Input(b"no JSON", b"a")])
    flags = ("replay", "--all", "--yes", "--most-times", "2")
    for _ in range(2):
        assert rejected(deployment, *flags).code == 0
        with worker(deployment) as program:
            program.wait_for(deployment.is_done)
            program.stop()
    last = rejected(deployment, *flags)
    assert last.code == 1
    assert "1 replayed too often" in last.errors
    assert len(deployment.read("rejected")) == 3
    [third] = listed(deployment, "--records", "--header", "replayed-times=2")
    assert third["replays"] == 2


def test_a_ledger_that_forgets_is_refused(deployment: Deployment) -> None:
    fill(deployment, large_views(0, 1), **SMALL)
    assert rejected(deployment, "replay", "--yes", **LARGE).code == 0
    ledger = environment_of(deployment)["PROFILER_TOPICS__REJECTED_REPLAYS"]
    deployment.configure(ledger, {"cleanup.policy": "compact,delete"})
    fill(deployment, large_views(1, 1), **SMALL)
    done = rejected(deployment, "replay", "--yes", **LARGE)
    assert done.code == 78
    assert "cleanup.policy=compact" in done.errors
