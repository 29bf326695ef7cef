"""The transport on librdkafka, by confluent-kafka (the extra ``librdkafka``)."""

from profiler.kafka.librdkafka.sink import LibrdkafkaSink
from profiler.kafka.librdkafka.source import LibrdkafkaSource

__all__ = ["LibrdkafkaSink", "LibrdkafkaSource"]
