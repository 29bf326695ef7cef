"""The worker end to end: a program on a real Kafka and a real Redis.

What it does with bad records, and every fault that needs no real broker, is in `tests/worker`.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from profiler.demo.sample import read_sample
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import Record
from servers.redis import Store
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.pipeline_runs import Input, Place, place_of
from tests.kafka.clients import ADAPTERS
from tests.oracles.standard import StandardFold

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


def assert_order_of_keys(inputs: dict[Place, Record], outputs: Sequence[Record]) -> None:
    expected, found = defaultdict(list), defaultdict(list)
    for place, record in inputs.items():
        expected[record.key].append(place)
    for record in outputs:
        found[record.key].append(place_of(record))
    for key in expected:
        if key is not None:  # records without a key may go anywhere
            assert found[key] == expected[key]


@pytest.mark.parametrize("library", ADAPTERS)
def test_sample_traffic_comes_out_once_with_its_profile(
    library: str, store: Store, deploy: Deploy
) -> None:
    deployment = deploy(store.url)
    deployment.produce(traffic())
    with deployment.start("run", KAFKA__CLIENT=library) as program:
        program.wait_for(deployment.is_done)
        counts = program.stop()

    read = deployment.read("processed")
    inputs = {Place(record.topic, record.partition, record.offset): record for record in read}
    flattened, persisted = deployment.read("flattened"), deployment.read("persisted")
    flat_by_place, full_by_place = by_place(flattened), by_place(persisted)
    assert flat_by_place.keys() == full_by_place.keys() == inputs.keys()
    assert deployment.read("rejected") == []
    assert_order_of_keys(inputs, flattened)
    assert_order_of_keys(inputs, persisted)

    oracle, anonymous = StandardFold(), 0
    for place, record in inputs.items():
        flat, full = flat_by_place[place], full_by_place[place]
        assert (flat.key, flat.timestamp) == (full.key, full.timestamp)
        assert (flat.key, flat.timestamp) == (record.key, record.timestamp)
        assert flat.headers[:2] == full.headers[:2] == record.headers[:2]
        fields = content(flat)
        assert fields == decode_processed(record.value or b"", Limits())
        own = {name: value for name, value in fields.items() if not name.startswith("profile_")}
        assert {name: content(full).get(name, "absent") for name in own} == own
        added = profile_in(content(full))
        assert len(content(full)) == len(own) + len(added)
        anonymous += not added
        version = added.pop("rules_version", None)
        assert added == (oracle.apply(fields, record_ms=record.timestamp) or {})
        assert (version is None) == (not added)
    assert anonymous == 1 + sum(record.key is None for record in inputs.values()) > 30

    assert (counts["read"], counts["forged_names"]) == (len(inputs), 1)
    assert counts["rejected"] == 0
    assert deployment.committed() == deployment.ends("processed")


def test_missing_topics_are_refused(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    with deployment.start("run", TOPICS__PERSISTED="never-made") as program:
        assert program.wait() == 78
        assert "no such topic: never-made; run: profiler topics create" in program.output


def test_a_start_without_redis_fails_and_keeps_the_password(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("valkey9")
    server.stop()
    deployment = deploy(server.url.replace("//", "//:secret-word@"), partitions=1)
    with deployment.start("run") as program:
        assert program.wait() == 1
        assert f"127.0.0.1:{server.port}" in program.output
        assert "refused" in program.output
        assert "secret-word" not in program.output
        assert "Traceback" not in program.output
