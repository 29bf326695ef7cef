"""What a test does without the server or program that it needs: skip, and in CI fail."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

from servers import MissingServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

Server = TypeVar("Server", bound="AbstractContextManager[object]")


def give_up(what: str, remedies: list[str]) -> NoReturn:
    """End the test: a skip that names the remedies, and with `CI=true` a failure."""
    _end(f"{what}: {', or '.join(remedies)}")


def needed_native() -> None:
    """End the test where the native engine is not installed: a machine without Rust has none.

    In CI that is a failure only where there is a cargo.
    """
    if find_spec("visitor_profiler_native") is not None:
        return
    reason = "the native engine: make setup builds it where Rust is installed"
    if shutil.which("cargo") is None:
        pytest.skip(reason)
    _end(reason)


@contextmanager
def needed_servers() -> Iterator[None]:
    """End the test in the same way where the block raises `MissingServerError`."""
    try:
        yield
    except MissingServerError as missing:
        _end(str(missing))


@contextmanager
def own_server(what: str, build: Callable[[], Server]) -> Iterator[Server]:
    """Start a server for some tests alone, or end the test."""
    try:
        server = build()
    except MissingServerError as missing:
        give_up(f"a {what} of the test's own", [str(missing)])
    with server:
        yield server


def _end(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI needs {reason}", pytrace=False)
    pytest.skip(reason)
