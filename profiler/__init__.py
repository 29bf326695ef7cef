"""The visitor-profile stage for Kafka-based web analytics.

The names of the Python API are imported when they are first used, so ``import profiler`` is cheap.
They are described in docs/python-api.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from profiler.moved import keep_old_paths

if TYPE_CHECKING:
    from profiler.api import Profiled, Profiler, flatten
    from profiler.profiles.aio import AsyncProfileScript
    from profiler.profiles.reply import Applied
    from profiler.profiles.script import ProfileScript
    from profiler.records.types import FlatEvent, Rejected
    from profiler.rules.public import Rules

__version__ = "0.2.0"

__all__ = [
    "Applied",
    "AsyncProfileScript",
    "FlatEvent",
    "ProfileScript",
    "Profiled",
    "Profiler",
    "Rejected",
    "Rules",
    "flatten",
]

_MODULES = {
    "Applied": "profiler.profiles.reply",
    "AsyncProfileScript": "profiler.profiles.aio",
    "FlatEvent": "profiler.records.types",
    "ProfileScript": "profiler.profiles.script",
    "Profiled": "profiler.api",
    "Profiler": "profiler.api",
    "Rejected": "profiler.records.types",
    "Rules": "profiler.rules.public",
    "flatten": "profiler.api",
}

keep_old_paths()


def __getattr__(name: str) -> object:
    """Import a name of the API."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
