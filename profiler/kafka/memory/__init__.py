"""A broker in memory with its consumer and producer: Kafka's behaviour for tests, without Kafka."""

from profiler.kafka.memory.broker import MemoryBroker
from profiler.kafka.memory.consumer import MemoryConsumer
from profiler.kafka.memory.producer import MemoryProducer

__all__ = ["MemoryBroker", "MemoryConsumer", "MemoryProducer"]
