"""docs/runbooks/stuck-partitions.md, its commands run as they stand there; `-s` prints them."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kafka import KafkaProducer

from tests.integration.fault_events import UNWELL_KAFKA, page_views
from tests.nightly.runbooks import PARTITIONS, TOPICS, Site, outputs, site
from tests.scrape import probe

DESCRIBE = (
    "kafka-consumer-groups.sh --bootstrap-server kafka:9092 --describe --group visitor_profiler"
)
TRANSACTIONS = "kafka-transactions.sh --bootstrap-server kafka:9092"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Site]:
    with site("stuck-partitions", tmp_path) as found:
        yield found


def test_a_worker_that_hangs(there: Site) -> None:
    with there.worker(0) as hanging, there.worker(1) as other:
        other.wait_for(lambda: hanging.owned() + other.owned() == PARTITIONS)
        hanging.wait_for(lambda: hanging.owned() > 0)
        there.produce(page_views(0, 60))
        other.wait_for(there.is_done)
        hanging.send_signal(signal.SIGSTOP)
        there.produce(page_views(60, 60))
        owners = there.run(DESCRIBE)
        assert "worker-0" in owners
        assert "worker-0" in there.run(f"{DESCRIBE} --members --verbose")

        other.wait_for(there.is_done)
        assert "worker-0" not in there.run(DESCRIBE)
        hanging.send_signal(signal.SIGCONT)
        hanging.wait_for(lambda: hanging.owned() + other.owned() == PARTITIONS)
        for worker in (hanging, other):
            worker.stop()
    assert outputs(there) == 120


def test_an_open_transaction(there: Site) -> None:
    address = there.address(0)
    with ExitStack() as stack, there.worker(0, "--metrics", address) as worker:
        worker.wait_for(lambda: worker.owned() == PARTITIONS)
        collector = KafkaProducer(
            bootstrap_servers=there.kafka.bootstrap_servers,
            transactional_id="shop-collector",
            transaction_timeout_ms=600_000,
        )
        stack.callback(collector.close)
        collector.init_transactions()
        collector.begin_transaction()
        first, *behind = page_views(0, 31)
        sent = collector.send(
            TOPICS[0], first.value, key=first.key, partition=1, timestamp_ms=first.timestamp
        )
        sent.get(30)
        there.produce(record._replace(partition=1) for record in behind)
        worker.wait_for(lambda: len(worker.events("summary")) > 1)
        assert worker.events("summary")[-1]["lag"] == there.lag() == 31
        assert probe(address, "/readyz").status == 200
        said = [line for line in worker.lines() if line["logger"].startswith("profiler")]
        assert {line["level"] for line in said} == {"info"}

        ongoing = [
            line for line in there.run(f"{TRANSACTIONS} list").splitlines() if "Ongoing" in line
        ]
        assert [line.split()[0] for line in ongoing] == ["shop-collector"]
        described = there.run(f"{TRANSACTIONS} describe --transactional-id shop-collector")
        assert "tracking_processed-1" in described
        where = "--topic tracking_processed --partition 1"
        producers = there.run(f"{TRANSACTIONS} describe-producers {where}")
        (begun,) = {line.split()[-1] for line in producers.splitlines()[1:]} - {"None"}
        there.run(f"{TRANSACTIONS} find-hanging --broker-id 1")
        there.run(
            f"{TRANSACTIONS} abort {where} --start-offset {begun}",
            written=f"{TRANSACTIONS} abort {where} --start-offset 20",
        )
        worker.wait_for(there.is_done)
        worker.stop()
    assert outputs(there) == 30


def test_a_topic_that_refuses(there: Site) -> None:
    alter = (
        "kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics"
        " --entity-name tracking_persisted"
    )
    there.ask(f"{alter} --add-config max.message.bytes=100")
    there.produce(page_views(0, 60))
    with there.worker(settings={"PROFILER_KAFKA__DELIVERY_TIMEOUT_MS": "2000"}) as worker:
        worker.wait_for(lambda: len(worker.events(UNWELL_KAFKA)) > 1)
        assert "max.message.bytes 100" in there.run("profiler check | grep -A1 'failed'")
        there.run(f"{alter} --delete-config max.message.bytes")
        worker.wait_for(there.is_done)
        worker.stop()
    assert outputs(there) == 60
