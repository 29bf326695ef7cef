"""Puts wrapped makers in the place of those that `profiler run` assembles its worker from.

All of it happens in a worker process of the tests; the package knows nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profiler.cli import options, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def wrap_made(module: ModuleType, name: str, wrap: Callable[[Any], Any]) -> None:
    """Wrap what a module's function makes, each time it makes one."""
    make = getattr(module, name)

    def making(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - the maker's
        return wrap(make(*given, **named))

    setattr(module, name, making)


def wrap_consumer(wrap: Callable[[Any], Any]) -> None:
    """Wrap every consumer."""
    wrap_made(run, "open_consumer", wrap)


def wrap_producer(wrap: Callable[[Any], Any]) -> None:
    """Wrap every producer."""
    wrap_made(run, "open_producer", wrap)


def wrap_script(wrap: Callable[[Any], Any]) -> None:
    """Wrap the script's caller."""
    wrap_made(run, "script_from", wrap)


def wrap_redis(wrap: Callable[[Any], Any]) -> None:
    """Wrap the client of Redis."""
    wrap_made(options, "connect_to", wrap)


def wrap_streams(wrap: Callable[[Any], Any]) -> None:
    """Wrap what names the streams."""
    wrap_made(run, "Streams", wrap)
