"""docs/runbooks/restore-from-nothing.md, its commands run as they stand there; `-s` prints them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiler.servers.processes import wait_until
from tests.integration.fault_events import LOST, VISITORS, page_views
from tests.nightly.runbooks import Site, events, site

DESCRIBE = (
    "kafka-consumer-groups.sh --bootstrap-server kafka:9092 --describe --group visitor_profiler"
)
ONE = len(VISITORS)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Site]:
    with site("restore-from-nothing", tmp_path) as found:
        found.produce(page_views(0, 10 * ONE))
        with found.worker() as worker:
            worker.wait_for(found.is_done)
            worker.stop()
        yield found


def test_from_the_topic(there: Site) -> None:
    there.redis.kill()
    there.empty_redis()
    there.redis.start()
    with there.worker() as worker:
        assert worker.wait() == 78
    assert there.run("redis-cli dbsize").strip() == "0"
    there.run("redis-cli config get maxmemory-policy")
    there.run("profiler check")
    there.produce(page_views(10 * ONE, ONE))

    refused = there.run("profiler replay --until-ready", code=78)
    assert "members of group visitor_profiler: 1" in refused
    assert wait_until(lambda: "has no active members" in there.run(DESCRIBE), timeout=60)
    rebuilt = there.run("profiler replay --until-ready")
    assert f'"polled": {10 * ONE}' in rebuilt
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        stopped = worker.stop()
    assert (stopped["read"], stopped.get("new_visitor", 0)) == (ONE, 0)
    assert events(there) == 11


def test_with_a_backup(there: Site) -> None:
    there.ask("redis-cli save")
    kept = (there.redis.directory / "dump.rdb").read_bytes()
    there.produce(page_views(10 * ONE, 10 * ONE))
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        worker.stop()

    # What the page warns of.
    there.redis.kill()
    there.empty_redis()
    (there.redis.directory / "dump.rdb").write_bytes(kept)
    there.redis.start()
    assert there.run("redis-cli dbsize").strip() == "0"

    there.run("redis-cli config get dir")
    there.restore(kept)
    assert events(there) == 10
    with there.worker() as worker:
        worker.wait_for(lambda: len(worker.events(LOST)) > 0)
        there.produce(page_views(20 * ONE, ONE))
        worker.wait_for(there.is_done)
        worker.stop()
    assert events(there) == 21


def test_a_new_kafka(there: Site) -> None:
    there.kafka.stop()
    shutil.rmtree(there.kafka.directory / "logs")
    there.kafka.start()
    with there.worker() as worker:
        assert worker.wait() == 78
    there.run("profiler topics create --partitions 3 --replication 1")
    there.make_topics()
    there.produce(page_views(10 * ONE, ONE))
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        worker.stop()
    assert events(there) == 11


def test_from_an_archive(there: Site) -> None:
    there.redis.kill()
    there.empty_redis()
    there.redis.start()
    lines = [
        json.dumps({"key": None, "value": json.loads(record.value or b""), "timestamp": at})
        for at, record in enumerate(page_views(0, 10 * ONE), 1_700_000_000_000)
    ]
    (there.directory / "archive.ndjson").write_text("\n".join([*lines, ""]))
    there.run(
        f"profiler pipe --redis {there.redis.url} < archive.ndjson > /dev/null",
        written="profiler pipe --redis redis://redis:6379/0 < archive.ndjson > /dev/null",
    )
    assert events(there) == 10
