"""What the worker does with good and bad records, on the broker in memory and a real Redis."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import redis

from profiler import __version__
from profiler.demo.sample import read_sample
from profiler.profiles.keys import key_of
from profiler.records.types import Record
from tests.conftest import MakeStore
from tests.integration.pipeline_runs import Input, Place, place_of
from tests.worker.conftest import Deploy

FORGED = json.dumps({"profile_forged": [{"name": "by", "value": "a page"}]}).encode()


def traffic() -> list[Input]:
    """The sample, each with headers, and one without an id that claims to have a profile."""
    headers = (("trace", b"1"), ("trace", b""), ("source-offset", b"not ours"))
    sample = [Input(value, key, time, headers) for key, value, time in read_sample()]
    return [*sample, Input(FORGED, b"forger", headers=headers)]


def by_place(records: Sequence[Record]) -> dict[Place, Record]:
    found = {place_of(record): record for record in records}
    assert len(found) == len(records), "two outputs of one input"
    return found


def content(record: Record) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(record.value or b"")
    return parsed


def profile_in(fields: dict[str, Any]) -> dict[str, Any]:
    """The part of an output that the profiler added."""
    start = "profile_"
    return {k.removeprefix(start): v for k, v in fields.items() if k.startswith(start)}


def test_a_second_start_reads_only_what_is_new(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("valkey9").url)
    for records in (traffic()[:50], traffic()[50:60]):
        deployment.produce(records)
        with deployment.start("run") as program:
            program.wait_for(deployment.is_done)
            assert program.stop()["read"] == len(records)
    by_place(deployment.read("persisted"))


def test_two_programs_give_what_one_gives(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("valkey9")
    single = deploy(server.url)
    double = deploy(server.url.removesuffix("0") + "1")
    for deployment in (single, double):
        deployment.produce(traffic()[:600])
    with (
        single.start("run") as run,
        double.start("flatten") as flatten,
        double.start("profile") as profile,
    ):
        run.wait_for(single.is_done)
        flatten.wait_for(lambda: double.is_done("flatten"))
        profile.wait_for(lambda: double.is_done("profile"))
        for program in (run, flatten, profile):
            program.stop()

    for topic in ("flattened", "persisted"):
        expected, found = by_place(single.read(topic)), by_place(double.read(topic))
        assert len(found) == 600
        assert found.keys() == expected.keys()
        for place, record in found.items():
            assert content(record) == content(expected[place])
            assert sorted(record.headers) == sorted(expected[place].headers)
            assert (record.key, record.timestamp) == (
                expected[place].key,
                expected[place].timestamp,
            )


def event(visitor: object, **fields: object) -> bytes:
    """An event of the visitor."""
    named = {"other_domain_userid": visitor, "other_domain_sessionid": "s", **fields}
    elements = [{"name": name, "value": value} for name, value in named.items()]
    return json.dumps({"query": elements}).encode()


BAD = {
    b"": "bad_json",
    b"{": "bad_json",
    b"\xff": "bad_utf8",
    b"[1]": "not_an_object",
    b'{"query": 1}': "bad_shape",
    b'{"query": [{"name": "x"}]}': "bad_shape",
    event("v").replace(b'"s"', b"NaN"): "bad_json",
    event("v").replace(b'"s"', b"1e999"): "bad_json",
    event("v").replace(b'"s"', b"18446744073709551616"): "bad_integer",
    event("v").replace(b'"s"', b"[" * 70 + b"]" * 70): "too_deep",
    event("v" * 800_000): "too_large",
}
# Refused by the second stage, so that the first one's output is there.
LATE = {
    event(["v"]): "bad_id",
    event("v" * 513): "bad_id",
    event("wrong type"): "EPROFILE",
    event(""): "no_visitor_id",
    event("null"): "no_visitor_id",
}
REFUSED = BAD | LATE


@pytest.mark.parametrize("tombstones", ["pass", "drop"])
def test_bad_records_are_dead_letters_and_the_stream_goes_on(
    tombstones: str, private_store: MakeStore, deploy: Deploy, key_prefix: str
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.set(key_of(key_prefix + "{<id>}", "wrong type"), "no hash")
    good = [Input(event("v", other_event_id=i), b"good") for i in range(len(REFUSED))]
    bad = [Input(value, b"bad", 1_234_567_890_123, (("trace", b"1"),)) for value in REFUSED]
    tombstone = Input(None, b"gone", headers=(("trace", b"2"),))
    deployment.produce(
        [*(item for pair in zip(bad, good, strict=True) for item in pair), tombstone]
    )
    with deployment.start("run", TOMBSTONES=tombstones, ANONYMOUS="reject") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["rejected"] == len(REFUSED)

    rejected, persisted = deployment.read("rejected"), deployment.read("persisted")
    assert [record.value for record in rejected] == list(REFUSED)
    for number, (record, code) in enumerate(zip(rejected, REFUSED.values(), strict=True)):
        headers = dict(record.headers)
        assert (record.key, record.timestamp) == (b"bad", 1_234_567_890_123)
        assert place_of(record) == (deployment.topics["processed"], 0, 2 * number)
        assert headers.pop("error-reason")
        assert headers["error-stage"] == (b"profile" if record.value in LATE else b"flatten")
        assert headers["error-code"] == code.encode()
        assert headers["profiler-version"] == __version__.encode()
        assert headers["trace"] == b"1"

    flattened = deployment.read("flattened")
    if tombstones == "pass":
        for passed in (flattened.pop(), persisted.pop()):
            assert (passed.key, passed.value) == (b"gone", None)
            assert place_of(passed).offset == 2 * len(REFUSED)
            assert dict(passed.headers)["trace"] == b"2"
    assert len(flattened) == len(good) + len(LATE)
    counted = [profile_in(content(record))["visitor_events"] for record in persisted]
    assert counted == list(range(1, len(good) + 1))
