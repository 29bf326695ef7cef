"""The transport on kafka-python."""

from profiler.kafka.kafka_python.consumer import KafkaPythonSource
from profiler.kafka.kafka_python.producer import KafkaPythonSink

__all__ = ["KafkaPythonSink", "KafkaPythonSource"]
