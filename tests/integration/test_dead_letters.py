"""Dead letters that are hard to write: too large for a topic, or with header names of any bytes."""

import hashlib
import json

import pytest

from profiler.config.settings import KafkaSettings
from profiler.kafka import open_producer
from profiler.records.types import Headers, OutputRecord, Record
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import page_view, page_views
from tests.integration.pipeline_runs import Deployment, place_of
from tests.kafka.clients import YESTERDAY, produce_with_header_names

MIB = 1 << 20
#: Kafka's default of max.message.bytes, and the most that a client's record may have under it.
BROKERS_DEFAULT = MIB + 12
LARGE = {"max.message.bytes": str(8 * MIB)}
TOO_LARGE = json.dumps({"query": [{"name": "page_title", "value": "x" * 5_000_000}]}).encode()


def produce(
    deployment: Deployment, value: bytes, *, key: bytes = b"bad", headers: Headers = ()
) -> None:
    """Write a record of up to 8 MiB between two good ones."""
    topic = deployment.topics["processed"]
    kafka = KafkaSettings(bootstrap_servers=deployment.bootstrap_servers)
    sink = open_producer(kafka, largest_bytes=8 * MIB)
    first, last = (
        OutputRecord(topic, good.key, good.value, (), YESTERDAY) for good in page_views(0, 2)
    )
    sink.send([first, OutputRecord(topic, key, value, headers, YESTERDAY), last])
    sink.close()


def only_dead_letter(deployment: Deployment) -> Record:
    """The one between two good records that came out."""
    [dead] = deployment.read("rejected")
    assert place_of(dead).offset == 1
    persisted = [place_of(record).offset for record in deployment.read("persisted")]
    assert persisted == [0, 2]
    return dead


def assert_reference(dead: Record, value: bytes) -> None:
    headers = dict(dead.headers)
    assert dead.value is None
    assert headers["error-code"] == b"too_large"
    assert headers["value-bytes"] == b"%d" % len(value)
    assert headers["value-sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_a_title_of_5_mb_is_kept_where_the_topic_has_room(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    for topic in ("processed", "rejected"):
        deployment.configure(deployment.topics[topic], LARGE)
    produce(deployment, TOO_LARGE, headers=(("trace", b"1"),))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["references"] == 0
    dead = only_dead_letter(deployment)
    assert (dead.key, dead.value) == (b"bad", TOO_LARGE)
    assert dict(dead.headers)["error-code"] == b"too_large"
    assert dead.headers[0] == ("trace", b"1")


@pytest.mark.parametrize(
    "value",
    [TOO_LARGE, b"x" * (BROKERS_DEFAULT - 100)],
    ids=["5 MB", "as much as a topic takes by default"],
)
def test_a_topic_without_room_gets_a_reference(
    value: bytes, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    room = LARGE if len(value) > MIB else {"max.message.bytes": str(BROKERS_DEFAULT)}
    deployment.configure(deployment.topics["processed"], room)
    produce(deployment, value)
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["references"] == 1
        [warning] = [
            json.loads(line) for line in program.output.splitlines() if "max.message.bytes" in line
        ]
    assert (warning["level"], warning["topic"]) == ("warning", deployment.topics["rejected"])
    dead = only_dead_letter(deployment)
    assert_reference(dead, value)
    assert dead.key == b"bad"


def test_a_record_beyond_the_setting_is_a_reference_at_once(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    for topic in ("processed", "rejected"):
        deployment.configure(deployment.topics[topic], LARGE)
    produce(deployment, TOO_LARGE)
    with deployment.start("run", DEAD_LETTERS__MAX_BYTES="2000000") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["references"] == 1
        assert "max.message.bytes" not in program.output
    assert_reference(only_dead_letter(deployment), TOO_LARGE)


@pytest.mark.parametrize("large", ["key", "header"])
def test_good_values_with_too_much_around_them_are_dead_letters_before_redis(
    large: str, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    value = page_view(0).value or b""
    if large == "key":
        produce(deployment, value, key=b"k" * 1_040_000)
    else:
        produce(deployment, value, headers=(("large", b"h" * 1_040_000),))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        program.stop()
    dead = only_dead_letter(deployment)
    if dead.value is None:
        assert_reference(dead, value)
    else:
        assert dead.value == value
        assert dict(dead.headers)["error-code"] == b"too_large"
    assert deployment.stored("visitor-0")["visitor_events"] == "1"


@pytest.mark.parametrize("mode", ["run", "profile"])
def test_header_names_that_are_not_utf8_are_dead_letters_and_stay_as_they_are(
    mode: str, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    source = "flattened" if mode == "profile" else "processed"
    names = [b"plain", b"\xff person", b"\xc3"]
    topic = deployment.topics[source]
    for _ in range(2):
        produce_with_header_names(deployment.bootstrap_servers, topic, names, value=b"{}")
    deployment.produce([page_view(0)] * 3, source)
    with deployment.start(mode) as program:
        program.wait_for(lambda: deployment.is_done(mode))
        assert program.stop()["read"] == 9
        assert "person" not in program.output
    rejected = deployment.read("rejected")
    codes = [dict(record.headers)["error-code"] for record in rejected]
    # The good value between two values that are no JSON has the bad names.
    assert codes == [b"bad_json", b"bad_header", b"bad_json"] * 2
    for dead in (rejected[1], rejected[4]):
        passed = tuple((name.decode(errors="surrogateescape"), b"value") for name in names)
        assert (dead.key, dead.value, dead.headers[: len(names)]) == (b"k", b"{}", passed)
        assert dict(dead.headers)["error-reason"] == b"the name of header 2 is not UTF-8"
    assert len(deployment.read("persisted")) == 3
