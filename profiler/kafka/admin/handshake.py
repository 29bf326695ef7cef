"""One try at TLS and login, whose failure kafka-python 3.0.x hides behind 30 s of further tries."""

from typing import Any

from kafka.errors import KafkaError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, TransportError
from profiler.kafka.client_options import connection_options

_TIMEOUT_MS = 5_000

#: What OpenSSL says when waiting would not help, and where to look.
_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "check kafka.ssl_cafile, and the names in kafka.bootstrap_servers",
    "WRONG_VERSION_NUMBER": "the port speaks no TLS; check kafka.security_protocol",
    "BAD_CERTIFICATE": "the broker demands a client certificate that it trusts: kafka.ssl_certfile",
    "CERTIFICATE_REQUIRED": "the broker demands a client certificate: kafka.ssl_certfile",
}

#: What we see of a broker that hangs up: most often the port speaks another protocol.
_HANG_UPS = ("disconnected", "UNEXPECTED_EOF")


def check_handshake(settings: KafkaSettings) -> None:
    """Connect to the brokers named, until one lets us in; without TLS and SASL do nothing.

    Says nothing about brokers that are away: the clients wait for them. Blocks for up to 5 s per
    broker.

    Raises:
        ConfigError: a broker refuses the login, or its certificate is not to be trusted.
        TransportError: a broker hangs up on us.
    """
    if settings.security_protocol == "PLAINTEXT":
        return
    options = connection_options(settings)
    net = NetworkSelector(**options)
    manager = _Manager(net, **options)
    try:
        errors = {}
        for broker in manager.cluster.bootstrap_brokers():
            error = _try(manager, broker.node_id)
            if error is None:
                return
            errors[f"{broker.host}:{broker.port}"] = error
    finally:
        KafkaNetClient(net, manager).close()
    refusals = [
        line for where, error in errors.items() for line in _refusal(where, error, settings)
    ]
    if refusals:
        raise ConfigError("\n".join(refusals))
    for where, error in errors.items():
        if any(sign in str(error) for sign in _HANG_UPS):
            raise TransportError(
                f"kafka: {where} hangs up during the handshake: {error}; check"
                f" the port and kafka.security_protocol ({settings.security_protocol})"
            )


class _Manager(KafkaConnectionManager):  # type: ignore[misc]
    """Reads what a broker said before it hung up, such as why; the client throws that away."""

    async def _build_transport(self, node: Any, timeout_at: Any = None) -> Any:  # noqa: ANN401
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        receive = transport._sock_recv  # noqa: SLF001

        def receive_all() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return (data, None) if data else (data, error)  # the next read meets the end again

        transport._sock_recv = receive_all  # noqa: SLF001
        return transport


def _try(manager: _Manager, node_id: str) -> KafkaError | None:
    async def connect() -> None:
        await manager.get_connection(
            node_id, timeout_ms=_TIMEOUT_MS, pop_on_close=False, refresh_metadata_on_err=False
        )

    try:
        manager.run(connect)
    except KafkaError as error:
        return error
    return None


def _refusal(where: str, error: KafkaError, settings: KafkaSettings) -> list[str]:
    if isinstance(error, SaslAuthenticationFailedError | UnsupportedSaslMechanismError):
        who = f"{settings.sasl_username!r} by {settings.sasl_mechanism}"
        remedy = "check kafka.sasl_mechanism, sasl_username and sasl_password"
        return [f"kafka: {where} refuses the login of {who}: {error}; {remedy}"]
    return [
        f"kafka: {where}: {error}; {remedy}"
        for sign, remedy in _REMEDIES.items()
        if sign in str(error)
    ]
