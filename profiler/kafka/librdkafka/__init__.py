"""The transport on librdkafka, by confluent-kafka (the extra ``librdkafka``)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from profiler.kafka.librdkafka.compiled import compiled_producer, why_not_compiled
from profiler.kafka.librdkafka.consumer import LibrdkafkaConsumer
from profiler.kafka.librdkafka.producer import LibrdkafkaProducer
from profiler.kafka.librdkafka.raw import ConfluentProducer, MakeRaw
from profiler.kafka.librdkafka.transactions import LibrdkafkaTransactions

__all__ = [
    "RAW",
    "LibrdkafkaConsumer",
    "LibrdkafkaProducer",
    "LibrdkafkaTransactions",
    "why_not_compiled",
]

#: What producers write with.
RAW: Mapping[Literal["librdkafka", "native"], MakeRaw] = MappingProxyType(
    {"librdkafka": ConfluentProducer, "native": compiled_producer}
)
