"""The visitor-profile stage for Kafka-based web analytics."""

__version__ = "0.1.0"
