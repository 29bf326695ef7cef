"""Where `redis.url` leads: what cannot be used is named in one line, and never tried again."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from pydantic import SecretStr

from profiler.config import RedisSettings
from profiler.profiles.redis.connections import connect, connect_to
from profiler.profiles.redis.exchange import exchange_one
from servers.redis_secure import TlsStore
from servers.redis_sentinel import SERVICE
from tests.integration.checks import check_redis_alone
from tests.integration.commands import refused, run_command
from tests.integration.secure_runs import EXIT_CONFIG, Certificates
from tests.missing import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profiler.servers.embedded import StoreServer
    from tests.conftest import MakeStore


@pytest.mark.parametrize(("database", "connections"), [(0, 200), (3, 20)])
@pytest.mark.field(
    kind="connections",
    meets="TLS 1.3 without a login",
    happens="each of 200 connections works",
)
def test_every_connection_with_tls_is_ready(
    database: int,
    connections: int,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a login nothing need be said first; TLS 1.3 sends its tickets all the same."""
    # To read the CAs of the system takes longer than all the rest of a connection.
    monkeypatch.setenv("SSL_CERT_FILE", certificates.ca)

    def build() -> TlsStore:
        return TlsStore(certificates.authority, options=["--tls-protocols", "TLSv1.3"])

    with own_server("redis7 with TLS", build) as server:
        url = f"rediss://127.0.0.1:{server.port}/{database}"
        settings = RedisSettings(url=SecretStr(url), ssl_cafile=Path(certificates.ca))
        found: Counter[str] = Counter()
        for _ in range(connections):
            with closing(connect_to(settings)) as client:
                try:
                    found[exchange_one(client.connection_pool, ("PING",)).decode()] += 1
                except redis.RedisError as error:
                    found[str(error)] += 1
    assert found == {"PONG": connections}


def test_a_database_that_the_server_has_not_is_named(private_store: MakeStore) -> None:
    url = private_store().url.removesuffix("0") + "16"
    assert "out of range; let redis.url end with a database" in refused("get", "a", redis__url=url)
    checked = check_redis_alone(url)
    assert checked.code == EXIT_CONFIG
    assert "out of range" in checked.row("configuration redis")[1]


def test_a_server_without_tls_is_named(private_store: MakeStore) -> None:
    url = private_store().url.replace("redis://", "rediss://")
    done = run_command(["get", "ada"], redis__url=url, redis__socket_timeout_s="1")
    assert done.code == 1
    assert "TLS?" in done.errors


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel"])
@pytest.mark.field(
    kind="connections",
    meets="the port is a web server's",
    happens="it says so",
)
def test_what_is_no_redis_is_named(scheme: str, web_server: int) -> None:
    end = SERVICE if scheme.endswith("sentinel") else "0"
    line = refused("get", "ada", redis__url=f"{scheme}://127.0.0.1:{web_server}/{end}")
    assert "check redis.url" in line or "leads to something that is no Redis" in line


class Silent(BaseHTTPRequestHandler):
    """Answers every request with an error, as web servers do for what is no HTTP."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def web_server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_ipv6_address_stands_in_brackets(private_store: MakeStore) -> None:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        server: StoreServer = private_store(options=["--bind", "127.0.0.1 ::1"])
        with closing(connect(f"redis://[::1]:{server.port}/0")) as client:
            assert client.ping()
        return
    pytest.skip("this machine has no IPv6")


def test_a_login_may_be_in_the_url_of_a_unix_socket(
    private_store: MakeStore, tmp_path: Path
) -> None:
    path = tmp_path / "a redis@home.sock"
    options = ["--requirepass", "word", "--unixsocket", str(path)]
    private_store(options=options)
    encoded = str(path).replace(" ", "%20").replace("@", "%40")
    with closing(connect(f"unix://:word@{encoded}?db=2")) as client:
        assert b" db=2 " in exchange_one(client.connection_pool, ("CLIENT", "INFO"))
