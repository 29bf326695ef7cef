"""The transport on librdkafka, by confluent-kafka (the extra ``librdkafka``)."""

from profiler.kafka.librdkafka.consumer import LibrdkafkaConsumer
from profiler.kafka.librdkafka.producer import LibrdkafkaProducer
from profiler.kafka.librdkafka.transactions import LibrdkafkaTransactions

__all__ = ["LibrdkafkaConsumer", "LibrdkafkaProducer", "LibrdkafkaTransactions"]
