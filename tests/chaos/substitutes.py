"""Puts wrapped makers in the place of those that `profiler run` assembles its worker from.

All of it happens in a worker process of the tests; the package knows nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profiler.cli import options, rejected_replay, run
from profiler.worker.delivery import opening

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from profiler.config.settings import Mode, Settings
    from profiler.engine import Engine, EngineClass
    from profiler.profiles.script import ProfileScript

    Wrap = Callable[[Any], Any]


def wrap_made(module: ModuleType, name: str, wrap: Wrap) -> None:
    """Wrap what a module's function makes, each time it makes one."""
    make = getattr(module, name)

    def making(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - the maker's
        return wrap(make(*given, **named))

    setattr(module, name, making)


def wrap_consumer(wrap: Wrap) -> None:
    """Wrap every consumer."""
    wrap_made(run, "open_consumer", wrap)


def wrap_producer(wrap: Wrap) -> None:
    """Wrap every producer, with transactions or without."""
    wrap_made(opening, "open_producer", wrap)
    wrap_made(opening, "open_transactional_producer", wrap)
    wrap_made(rejected_replay, "open_transactional_producer", wrap)


def wrap_delivery(wrap: Wrap) -> None:
    """Wrap the delivery that is exactly once."""
    wrap_made(opening, "ExactlyOnce", wrap)


def wrap_script(wrap: Wrap) -> None:
    """Wrap the script's caller."""
    wrap_made(run, "script_from", wrap)


def wrap_redis(wrap: Wrap) -> None:
    """Wrap the client of Redis."""
    wrap_made(options, "connect_to", wrap)


def wrap_streams(wrap: Wrap) -> None:
    """Wrap what names the streams."""
    wrap_made(run, "Streams", wrap)


def wrap_engine(wrap: Wrap) -> None:
    """Wrap the inner loop."""
    wrap_made(run, "choose_engine", lambda chosen: _WrappedClass(chosen, wrap))


class _WrappedClass:
    """An `EngineClass` whose engines are wrapped."""

    def __init__(self, wrapped: EngineClass, wrap: Wrap) -> None:
        self.name = wrapped.name
        self._wrapped, self._wrap = wrapped, wrap

    def __call__(self, mode: Mode, settings: Settings, script: ProfileScript | None) -> Engine:
        engine: Engine = self._wrap(self._wrapped(mode, settings, script))
        return engine


def take_members_on_trust() -> None:
    """Let the producers commit for whoever they are told."""
    from profiler.kafka.kafka_python import transactions as of_kafka_python  # noqa: PLC0415 - slow
    from profiler.kafka.librdkafka import transactions as of_librdkafka  # noqa: PLC0415 - slow

    for module in (of_kafka_python, of_librdkafka):
        replace(module, "check_member", lambda *_: None)


def replace(module: ModuleType, name: str, function: Callable[..., object]) -> None:
    """Put a function in the place of another one, which must be there."""
    assert hasattr(module, name), f"{module.__name__} has no {name}"
    setattr(module, name, function)
