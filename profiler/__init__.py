"""The visitor-profile stage for Kafka-based web analytics."""

__version__ = "0.2.0.dev0"
