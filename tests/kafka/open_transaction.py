"""A process that leaves a transaction open: ``python -m tests.kafka.open_transaction``."""

import sys
from threading import Event

from profiler.config import KafkaSettings
from profiler.kafka import open_transactional_producer
from tests.kafka.clients import SINKS, output


def main() -> None:
    """Send one record in a transaction, say so, and wait to be killed."""
    sink, bootstrap_servers, name, topic = sys.argv[1:]
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
    producer = open_transactional_producer(
        settings, transactional_id=name, sink=next(known for known in SINKS if known == sink)
    )
    producer.init(timeout_s=30)
    producer.send([output(topic, 1)])
    sys.stdout.write("sent\n")
    sys.stdout.flush()
    Event().wait()


if __name__ == "__main__":
    main()
