"""The transport on librdkafka, by confluent-kafka (the extra ``librdkafka``)."""

from profiler.kafka.librdkafka.consumer import LibrdkafkaSource
from profiler.kafka.librdkafka.producer import LibrdkafkaSink

__all__ = ["LibrdkafkaSink", "LibrdkafkaSource"]
