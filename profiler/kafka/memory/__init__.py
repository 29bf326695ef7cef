"""A broker in memory with its clients: Kafka's behaviour for tests, without Kafka."""

from profiler.kafka.memory.broker import MemoryBroker
from profiler.kafka.memory.consumer import MemoryConsumer
from profiler.kafka.memory.producer import MemoryProducer, memory_transactional_producer

__all__ = ["MemoryBroker", "MemoryConsumer", "MemoryProducer", "memory_transactional_producer"]
