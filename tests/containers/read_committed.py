"""Prints the committed records of a topic; runs in a container of our image, which has a client.

    python - TOPIC COUNT SECONDS

Ends when there are COUNT records and no further one comes, or after so many seconds.
"""

import sys
import time

from kafka import KafkaConsumer, TopicPartition

topic, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
deadline = time.monotonic() + seconds
values: list[bytes] = []
consumer = KafkaConsumer(
    bootstrap_servers="kafka:9092",
    auto_offset_reset="earliest",
    group_id=None,
    isolation_level="read_committed",
)
consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
while True:
    polled = consumer.poll(timeout_ms=1000)
    values.extend(record.value for records in polled.values() for record in records)
    if time.monotonic() > deadline or (not polled and len(values) >= count):
        break
consumer.close()
sys.stdout.buffer.writelines(value + b"\n" for value in values)
