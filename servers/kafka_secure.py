"""Apache Kafka that also listens with TLS and logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profiler.servers.ports import LOOPBACK, free_port
from servers import passwords
from servers.kafka import KafkaProcess

if TYPE_CHECKING:
    from servers.certificates import Authority

USER = "worker"
MECHANISM = "SCRAM-SHA-512"


class SecureKafka(KafkaProcess):
    """A Kafka that listens three times: plainly, with TLS and SCRAM, and with TLS both ways."""

    format_options = ("--add-scram", f"{MECHANISM}=[name={USER},password={passwords.KAFKA}]")

    def __init__(self, authority: Authority) -> None:
        """Choose the ports, and have a certificate issued."""
        super().__init__()
        self._login_port, self._mutual_port = free_port(), free_port()
        certificate, key = authority.issue("broker")
        both = certificate.with_name("broker-both.pem")
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        self._tls = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(authority.certificate),
        }

    @property
    def login_servers(self) -> str:
        """The address for clients with SASL_SSL and `USER`."""
        return f"{LOOPBACK}:{self._login_port}"

    @property
    def mutual_servers(self) -> str:
        """The address for clients with SSL and a certificate of the authority's."""
        return f"{LOOPBACK}:{self._mutual_port}"

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        plain = super().settings()
        more = f",LOGIN://{self.login_servers},MUTUAL://{self.mutual_servers}"
        protocols = plain["listener.security.protocol.map"] + ",LOGIN:SASL_SSL,MUTUAL:SSL"
        return {
            **plain,
            **self._tls,
            "listeners": plain["listeners"] + more,
            "advertised.listeners": plain["advertised.listeners"] + more,
            "listener.security.protocol.map": protocols,
            "listener.name.login.sasl.enabled.mechanisms": MECHANISM,
            f"listener.name.login.{MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.mutual.ssl.client.auth": "required",
        }
