"""The transport on kafka-python."""

from profiler.kafka.kafka_python.sink import KafkaPythonSink
from profiler.kafka.kafka_python.source import KafkaPythonSource

__all__ = ["KafkaPythonSink", "KafkaPythonSource"]
