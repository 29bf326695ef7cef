"""Why a broker cannot be reached: its name, its port, what listens there, or what a cluster says.

The client libraries answer all of this with "no broker". So names are looked up before a client
begins, and the rest is looked at when a client has given up: never beside one that works.
"""

import contextlib
import errno
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from profiler.config import KafkaSettings
from profiler.config.addresses import Address
from profiler.errors import ConfigError, TransportError
from profiler.kafka.client_options import connection_options

_LOG = logging.getLogger(__name__)

_LOOK_UP_S = 5.0
#: The three steps of a diagnosis may take so long together.
_DIAGNOSIS_S = 3.0

#: A name that does not exist, and one that has no address. All else may be better in a minute.
_UNKNOWN = (socket.EAI_NONAME, socket.EAI_NODATA)

_REQUEST = b"GET / HTTP/1.0\r\n\r\n"
#: How answers to the request begin. An error is all that Redis has for it, with a login or without.
_ANSWERS = {b"HTTP/": "HTTP", b"-": "Redis", b"\x15\x03": "TLS"}
_SILENCE = b"(silence)"
#: The beginnings of a TLS handshake and of a TLS alert.
_TLS = (b"\x16\x03", b"\x15\x03")


class Trouble(NamedTuple):
    """What is wrong with an address.

    Attributes:
        text: names the address, and says it.
        is_unknown: whether DNS knows no such host.
    """

    text: str
    is_unknown: bool = False


def check_names(settings: KafkaSettings) -> None:
    """Look all servers up; where DNS knows only some, the log names the unknown ones.

    Blocks for 5 s at most.

    Raises:
        ConfigError: DNS does not know a single one.
    """
    troubles = _of_each(settings.servers, _name_trouble, _LOOK_UP_S)
    unknown = [trouble for trouble in troubles.values() if trouble.is_unknown]
    text = _joined(unknown)
    if unknown and len(unknown) == len(settings.servers):
        raise ConfigError(f"kafka.bootstrap_servers: {text}")
    if unknown:
        _LOG.warning("kafka.bootstrap_servers: %s", text)


def troubles_of(servers: Iterable[Address], *, timeout_s: float) -> dict[Address, Trouble]:
    """Connect to each server; return the trouble with each one that takes no connection."""
    return _of_each(servers, _port_trouble, timeout_s)


@contextmanager
def with_reasons(
    settings: KafkaSettings,
    *,
    timeout_s: float,
    causes: tuple[type[BaseException], ...] = (BaseException,),
) -> Iterator[float]:
    """Add to a `TransportError` why the brokers cannot be reached, where that can be found out.

    Args:
        settings: how to reach the cluster.
        timeout_s: for both: to connect, and to find that out.
        causes: the client's errors that may be about this; all others stay as they are.

    Yields:
        The seconds to connect in.
    """
    diagnosis_s = min(_DIAGNOSIS_S, timeout_s / 3)
    try:
        yield timeout_s - diagnosis_s
    except TransportError as error:
        if not isinstance(error.__cause__, causes):
            raise
        if reasons := _reasons(settings, diagnosis_s / 3):
            raise TransportError(f"{error}; {reasons}") from error
        raise


def _reasons(settings: KafkaSettings, step_s: float) -> str:
    servers = settings.servers
    troubles = troubles_of(servers, timeout_s=step_s)
    reached = [server for server in servers if server not in troubles]
    if not reached:
        return _joined(troubles.values())
    if brokers := _advertised(settings, step_s):
        found = troubles_of(brokers.values(), timeout_s=step_s)
        return "; ".join(
            f"the cluster says that broker {node} is at {server}: {found[server].text};"
            " see advertised.listeners of the broker"
            for node, server in brokers.items()
            if server in found
        )
    is_encrypted = settings.security_protocol.endswith("SSL")
    strangers = _of_each(reached, partial(_stranger, is_encrypted=is_encrypted), step_s)
    return _joined([*troubles.values(), *strangers.values()])


def _joined(troubles: Iterable[Trouble]) -> str:
    return "; ".join(dict.fromkeys(trouble.text for trouble in troubles))


def _of_each(
    servers: Iterable[Address],
    look: Callable[[Address, float], Trouble | None],
    timeout_s: float,
) -> dict[Address, Trouble]:
    """Look at all at once: a resolver may take longer than we have, and cannot be cut short."""
    found = {server: Trouble(f"{server}: no answer within {timeout_s:.1f} s") for server in servers}
    answered: dict[Address, Trouble | None] = dict(found)

    def note(server: Address) -> None:
        answered[server] = look(server, timeout_s)

    threads = [threading.Thread(target=note, args=[each], daemon=True) for each in found]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {server: trouble for server, trouble in list(answered.items()) if trouble is not None}


def _name_trouble(server: Address, _timeout_s: float) -> Trouble | None:
    try:
        socket.getaddrinfo(*server, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return _of_name(server, error)
    return None


def _of_name(server: Address, error: socket.gaierror) -> Trouble:
    if error.errno in _UNKNOWN:
        return Trouble(f"DNS does not know {server.host}", is_unknown=True)
    return Trouble(f"DNS gives no answer about {server.host} ({error.strerror})")


def _port_trouble(server: Address, timeout_s: float) -> Trouble | None:
    try:
        socket.create_connection(server, timeout=timeout_s).close()
    except socket.gaierror as error:
        return _of_name(server, error)
    except ConnectionRefusedError:
        return Trouble(f"{server}: connection refused, nothing listens on this port")
    except TimeoutError:
        return Trouble(f"{server}: no answer within {timeout_s:.1f} s")
    except OSError as error:
        return Trouble(f"{server}: {os.strerror(error.errno or errno.EIO)}")
    return None


def _advertised(settings: KafkaSettings, timeout_s: float) -> dict[int, Address]:
    """Where the brokers say that they are; empty where nothing answers as Kafka does."""
    options = connection_options(settings)
    net = NetworkSelector(**options)
    manager = KafkaConnectionManager(net, **options)
    try:
        manager.bootstrap(timeout_ms=int(timeout_s * 1_000))
        brokers = manager.cluster.brokers()
    except KafkaError:
        return {}
    finally:
        KafkaNetClient(net, manager).close()
    return {broker.node_id: Address(broker.host, broker.port) for broker in brokers}


def _stranger(server: Address, timeout_s: float, *, is_encrypted: bool) -> Trouble:
    """What listens there, where it is one of the usual mistakes; Kafka's client has failed on it.

    A broker hangs up at what is sent here, and logs a warning.
    """
    each_s = 0.4 * timeout_s
    answer = _answer(server, _REQUEST, each_s)
    protocol = next((name for first, name in _ANSWERS.items() if answer.startswith(first)), "")
    if not protocol and not is_encrypted:
        answer = _answer(server, _client_hello(), each_s)
        protocol = "TLS" if answer.startswith(_TLS) else ""
    if answer == _SILENCE:
        return Trouble(f"{server}: takes connections and does not answer")
    if not protocol or (protocol == "TLS" and is_encrypted):
        return Trouble(f"{server}: does not answer as Kafka does; check the port")
    if protocol == "TLS":
        return Trouble(f"{server}: speaks TLS; check the port and kafka.security_protocol")
    return Trouble(f"{server}: speaks {protocol}, not Kafka's protocol; check the port")


def _answer(server: Address, request: bytes, timeout_s: float) -> bytes:
    """The beginning of what comes back: nothing where the other side hangs up, or `_SILENCE`."""
    try:
        with socket.create_connection(server, timeout=timeout_s) as connection:
            connection.sendall(request)
            return connection.recv(16)
    except TimeoutError:
        return _SILENCE
    except OSError:
        return b""


def _client_hello() -> bytes:
    """The first bytes of a TLS handshake; nothing is verified, because nothing more is sent."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    # Without the system's certificates, which take a tenth of a second to read.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    talk = context.wrap_bio(incoming, outgoing, server_hostname="kafka")
    with contextlib.suppress(ssl.SSLWantReadError):
        talk.do_handshake()
    return outgoing.read()
