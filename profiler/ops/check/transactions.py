"""May we commit in transactions?"""

from contextlib import closing

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, TransportError
from profiler.kafka import open_transactional_producer
from profiler.ops.check.findings import Finding, Subject

#: Follows the group's name. No worker's id: that would fence the worker.
_SUFFIX = "-rights-of-check"


def check_transactions(settings: KafkaSettings, group: str, *, timeout_s: float) -> Finding:
    """Begin and end with a transactional id that begins as the ids of the group's workers do.

    Args:
        settings: how to reach the cluster.
        group: the consumer group; the ids of its workers begin with its name.
        timeout_s: how long to wait for the broker.
    """
    subject = Subject(f"group {group}")
    producer = open_transactional_producer(settings, transactional_id=group + _SUFFIX)
    with closing(producer):
        try:
            producer.init(timeout_s=timeout_s)
        except ConfigError as error:
            remedy = 'set delivery = "at-least-once", or use Kafka 2.5 or later'
            return subject.failed("transactions", str(error), remedy)
        except TransportError as error:
            return subject.failed(
                "transactions",
                str(error),
                "kafka-acls --add --operation Write --resource-pattern-type prefixed"
                f" --transactional-id {group} for this user",
            )
    return subject.ok("transactions", "ids that begin with the group's name may be used")
