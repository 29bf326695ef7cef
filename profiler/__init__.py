"""The visitor-profile stage for Kafka-based web analytics."""

from profiler.moved import keep_old_paths

__version__ = "0.2.0.dev0"

keep_old_paths()
