"""The transport on kafka-python."""

from profiler.kafka.kafka_python.consumer import KafkaPythonConsumer
from profiler.kafka.kafka_python.producer import KafkaPythonProducer

__all__ = ["KafkaPythonConsumer", "KafkaPythonProducer"]
