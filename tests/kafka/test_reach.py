"""Why a broker cannot be reached is said: by each client library, and by the programs.

Over 250 lines: most are the servers that listen and are no broker.
"""

import gc
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka import open_consumer, open_producer
from profiler.kafka.admin.client import open_admin
from profiler.servers.ports import LOOPBACK, free_port
from servers.certificates import Authority
from servers.kafka import Kafka, KafkaProcess
from tests.conftest import MakeStore
from tests.integration.checks import NO_REDIS, run_check
from tests.integration.commands import run_command
from tests.kafka.clients import ADAPTERS
from tests.missing import needed_servers, own_server

#: In a top-level domain that holds nothing (RFC 2606).
UNKNOWN = "kafka.invalid"
REFUSED = "connection refused, nothing listens on this port"
SHORT = {"delivery_timeout_ms": 3_000}

#: A kafka-python client whose constructor finds no broker leaves its own sockets open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Find what is left open here, and not in another test."""
    yield
    gc.collect()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port, and give each connection this answer once it has said something."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    threading.Thread(target=talk, args=[peer], daemon=True).start()

        def talk(peer: socket.socket) -> None:
            with peer, suppress(OSError):
                if peer.recv(1, socket.MSG_PEEK):
                    answer(peer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A port where the thing that the test names listens."""
    match request.param:
        case "nothing":
            yield free_port()
        case "redis" | "redis with a password":
            make: MakeStore = request.getfixturevalue("private_store")
            options = ["--requirepass", "hidden"] if "password" in request.param else []
            yield make("redis7", options=options).port
        case "http":
            with answering(lambda peer: peer.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")) as found:
                yield found
        case "tls":
            with needed_servers():
                certificate, key = Authority(tmp_path).issue("server")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            shake = context.wrap_socket
            with answering(lambda peer: shake(peer, server_side=True).close()) as found:
                yield found
        case "one that is silent":
            with socket.create_server((LOOPBACK, 0)) as listener:
                yield listener.getsockname()[1]
        case "one that hangs up":
            with answering(lambda peer: peer.close()) as found:
                yield found


LISTENERS = pytest.mark.parametrize(
    ("port", "reason"),
    [
        ("nothing", REFUSED),
        ("redis", "speaks Redis, not Kafka's protocol; check the port"),
        ("redis with a password", "speaks Redis, not Kafka's protocol; check the port"),
        ("http", "speaks HTTP, not Kafka's protocol; check the port"),
        ("tls", "speaks TLS; check the port and kafka.security_protocol"),
        ("one that is silent", "takes connections and does not answer"),
        ("one that hangs up", "does not answer as Kafka does; check the port"),
    ],
    indirect=["port"],
)


def settings(library: str, *servers: str) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {"client": library, "bootstrap_servers": ",".join(servers), **SHORT}
    )


@LISTENERS
@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.field(
    kind="addresses",
    meets="nothing listens on the port, or Redis, HTTP or TLS does",
    happens="the error says which, also when a worker connects anew",
)
def test_what_listens_on_the_port_is_named(library: str, port: int, reason: str) -> None:
    """A producer connects anew while a worker runs: its error is the log's line of the retry."""
    began = time.monotonic()
    with pytest.raises(TransportError) as caught:
        open_producer(settings(library, f"{LOOPBACK}:{port}"))
    assert f"; {LOOPBACK}:{port}: {reason}" in str(caught.value)
    assert time.monotonic() - began < 5  # 3 s, on a machine that is busy


@pytest.mark.parametrize("library", ADAPTERS)
def test_each_server_has_its_reason(library: str) -> None:
    port = free_port()
    with pytest.raises(TransportError) as caught:
        open_producer(settings(library, f"{UNKNOWN}:9092", f"{LOOPBACK}:{port}"))
    said = f"; DNS does not know {UNKNOWN}; {LOOPBACK}:{port}: {REFUSED}"
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.field(
    kind="addresses",
    meets="DNS knows some of the servers",
    happens="a warning that names the unknown ones, and it starts",
)
def test_an_unknown_server_beside_one_that_answers_does_no_harm(
    library: str, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    both = settings(library, f"{UNKNOWN}:9092", kafka.bootstrap_servers)
    with open_admin(both, "describe") as admin:
        assert admin.describe_cluster()["brokers"]
    assert f"kafka.bootstrap_servers: DNS does not know {UNKNOWN}" in caplog.messages
    open_consumer(both, topics=["no-such-topic"], group="g").close()
    open_producer(both).close()


@pytest.mark.parametrize(
    "command", [["run"], ["flatten"], ["profile"], ["topics", "create"]], ids=" ".join
)
@pytest.mark.field(
    kind="addresses",
    meets="DNS knows none of the servers",
    happens="one line for `run`, `flatten`, `profile` and `topics`, exit code 78",
)
def test_programs_refuse_servers_that_dns_does_not_know(
    command: list[str], private_store: MakeStore
) -> None:
    servers = f"{UNKNOWN}:9092,other.{UNKNOWN}:9092"
    done = run_command(
        command, kafka__bootstrap_servers=servers, redis__url=private_store("redis7").url
    )
    assert done.code == 78
    [line] = [line for line in done.errors.splitlines() if not line.startswith("{")]
    assert line == (
        f"profiler: kafka.bootstrap_servers: DNS does not know {UNKNOWN};"
        f" DNS does not know other.{UNKNOWN}"
    )


def check(servers: str, timeout_s: int = 2) -> tuple[int, dict[str, tuple[str, str]]]:
    checked = run_check(
        *("--mode", "flatten", "--timeout", str(timeout_s)),
        kafka__bootstrap_servers=servers,
        redis__url=NO_REDIS,
    )
    return checked.code, {name: checked.row(name)[:2] for name in checked.rows}


def test_check_says_what_dns_does_not_know() -> None:
    code, rows = check(f"{UNKNOWN}:9092")
    assert code == 78
    found = f"kafka.bootstrap_servers: DNS does not know {UNKNOWN}"
    assert rows["configuration kafka"] == ("failed", found)


@LISTENERS
@pytest.mark.field(
    kind="addresses",
    meets="`check`, where nothing or another program listens on the port",
    happens="the row `kafka reachable` fails, and says which",
)
def test_check_says_what_listens_on_the_port(port: int, reason: str) -> None:
    code, rows = check(f"{LOOPBACK}:{port}")
    assert code == 1
    status, found = rows["kafka reachable"]
    assert status == "failed"
    assert found.endswith(f"; {LOOPBACK}:{port}: {reason}")


def test_check_names_the_servers_that_are_away_beside_one_that_answers(kafka: Kafka) -> None:
    port = free_port()
    # A client tries the servers in any order, with pauses between.
    _, rows = check(f"{UNKNOWN},{LOOPBACK}:{port},{kafka.bootstrap_servers}", timeout_s=20)
    assert rows["kafka reachable"][0] == "ok"
    found = f"DNS does not know {UNKNOWN}; {LOOPBACK}:{port}: {REFUSED}"
    assert rows["kafka servers"] == ("warning", found)


class AdvertisingKafka(KafkaProcess):
    """A broker with a second listener that gives clients an address where it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.other_port = free_port()

    def settings(self) -> dict[str, str]:
        """As its base class, and the listener."""
        base = super().settings()
        more = {
            "listeners": f"OTHER://{LOOPBACK}:{self.other_port}",
            "advertised.listeners": f"OTHER://{UNKNOWN}:{self.other_port}",
            "listener.security.protocol.map": "OTHER:PLAINTEXT",
        }
        return base | {name: f"{base[name]},{value}" for name, value in more.items()}


@pytest.mark.field(
    kind="addresses",
    meets="the cluster names its brokers by addresses that do not work here",
    happens="the message names them and `advertised.listeners`",
)
def test_an_address_that_the_cluster_gives_is_named() -> None:
    """A client that finds a broker goes on to where the cluster says that its brokers are."""
    with own_server("Kafka", AdvertisingKafka) as kafka:
        code, rows = check(f"{LOOPBACK}:{kafka.other_port}")
    assert code == 1
    status, found = next(row for row in rows.values() if row[0] == "failed")
    assert status == "failed"
    assert found.endswith(
        f"; the cluster says that broker 1 is at {UNKNOWN}:{kafka.other_port}: DNS does not know"
        f" {UNKNOWN}; see advertised.listeners of the broker"
    )
