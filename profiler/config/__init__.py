"""The settings: flags > environment > ``profiler.toml`` > defaults; wrong ones never start.

The environment names a setting ``PROFILER_<SECTION>__<KEY>``; a secret may also come from a
file, named by ``PROFILER_<SECTION>__<KEY>_FILE``.
"""

from profiler.config.load import Effective, load_effective, load_settings
from profiler.config.schema import json_schema
from profiler.config.settings import (
    BatchSettings,
    DeadLetterSettings,
    GroupSettings,
    KafkaSettings,
    LimitSettings,
    RedisSettings,
    Settings,
    TopicSettings,
)
from profiler.config.show import render_effective, render_starter

__all__ = [
    "BatchSettings",
    "DeadLetterSettings",
    "Effective",
    "GroupSettings",
    "KafkaSettings",
    "LimitSettings",
    "RedisSettings",
    "Settings",
    "TopicSettings",
    "json_schema",
    "load_effective",
    "load_settings",
    "render_effective",
    "render_starter",
]
