"""One try at TLS and login: the client libraries hide a failure behind 30 s of further tries."""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from kafka.errors import KafkaError, UnsupportedSaslMechanismError, for_code
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from profiler.config import KafkaSettings
from profiler.config.addresses import Address
from profiler.errors import ConfigError, TransportError
from profiler.kafka.client_options import connection_options

_TIMEOUT_S = 5.0

#: What OpenSSL says when waiting would not help, and where to look.
_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "check kafka.ssl_cafile, and the names in kafka.bootstrap_servers",
    "WRONG_VERSION_NUMBER": "the port speaks no TLS; check kafka.security_protocol",
    "BAD_CERTIFICATE": "the broker demands a client certificate that it trusts: kafka.ssl_certfile",
    "CERTIFICATE_REQUIRED": "the broker demands a client certificate: kafka.ssl_certfile",
}

#: A broker that hangs up: most often the port speaks another protocol.
_HANG_UPS = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError, EOFError)


class _RefusedLoginError(Exception):
    """A broker says that it does not let us in, and why."""


def check_handshake(settings: KafkaSettings) -> None:
    """Connect to the brokers named, until one lets us in; without TLS and SASL do nothing.

    Says nothing about brokers that are away: the clients wait for them. Blocks for up to 5 s per
    broker and answer.

    Raises:
        ConfigError: a broker refuses the login, or its certificate is not to be trusted.
        TransportError: a broker hangs up on us.
    """
    if settings.security_protocol == "PLAINTEXT":
        return
    options = connection_options(settings)
    failures: dict[Address, Exception] = {}
    for server in settings.servers:
        try:
            with _connection(server, options["ssl_context"]) as connection:
                _enter(connection, options)
        except (OSError, EOFError, ValueError, KafkaError, _RefusedLoginError) as error:
            failures[server] = error
        else:
            return
    refusals = [
        line for where, failure in failures.items() for line in _refusal(where, failure, settings)
    ]
    if refusals:
        raise ConfigError("\n".join(refusals))
    for where, failure in failures.items():
        if isinstance(failure, _HANG_UPS):
            raise TransportError(
                f"kafka: {where} hangs up during the handshake: {failure}; check"
                f" the port and kafka.security_protocol ({settings.security_protocol})"
            )


@contextlib.contextmanager
def _connection(server: Address, context: ssl.SSLContext | None) -> Iterator[socket.socket]:
    with socket.create_connection(server, timeout=_TIMEOUT_S) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            yield plain
        else:
            with context.wrap_socket(plain, server_hostname=server.host) as encrypted:
                yield encrypted


def _enter(connection: socket.socket, options: Mapping[str, Any]) -> None:
    """Log in, if at all. The client libraries do the same, but lose what a broker says at last."""
    talk = KafkaProtocol(client_id=options["client_id"])
    # A broker that demands a certificate says so only after the handshake of TLS 1.3.
    _ask(connection, talk, ApiVersionsRequest(version=0))
    if not options["security_protocol"].startswith("SASL"):
        return
    name = options["sasl_mechanism"]
    offer = _ask(connection, talk, SaslHandshakeRequest(version=1, mechanism=name))
    if for_code(offer.error_code) is UnsupportedSaslMechanismError:
        raise _RefusedLoginError(f"it offers {', '.join(offer.mechanisms)}")
    mechanism = get_sasl_mechanism(name)(**options)
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        answer = _ask(connection, talk, SaslAuthenticateRequest(version=0, auth_bytes=token))
        if answer.error_code:
            raise _RefusedLoginError(answer.error_message or for_code(answer.error_code).__name__)
        mechanism.receive(answer.auth_bytes)


def _ask(connection: socket.socket, talk: KafkaProtocol, request: Any) -> Any:  # noqa: ANN401 - theirs
    talk.send_request(request)
    connection.sendall(talk.send_bytes())
    while True:
        received = connection.recv(1 << 16)
        if not received:
            raise EOFError("disconnected")
        for _, answer in talk.receive_bytes(received):
            return answer


def _refusal(where: Address, error: Exception, settings: KafkaSettings) -> list[str]:
    if isinstance(error, _RefusedLoginError):
        who = f"{settings.sasl_username!r} by {settings.sasl_mechanism}"
        remedy = "check kafka.sasl_mechanism, sasl_username and sasl_password"
        return [f"kafka: {where} refuses the login of {who}: {error}; {remedy}"]
    return [
        f"kafka: {where}: {error}; {remedy}"
        for sign, remedy in _REMEDIES.items()
        if sign in str(error)
    ]
