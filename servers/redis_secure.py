"""Redis that listens with TLS only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profiler.servers.embedded import StoreServer, answers_ping
from profiler.servers.ports import LOOPBACK
from servers.redis import redis_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.certificates import Authority

#: The user whom tests make, with the rights that the documentation grants.
USER = "profiler"


class TlsStore(StoreServer):
    """A Redis without a plain port; `url` is its address, to be verified by the authority."""

    name = "store with TLS"

    def __init__(
        self,
        authority: Authority,
        *,
        demands_certificate: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        """Have a certificate issued.

        Args:
            authority: issues the server's certificate, and is the only one trusted.
            demands_certificate: whether clients need a certificate of the authority's.
            options: further command-line options.
        """
        self._authority = authority
        self._client_files = authority.issue("probe")
        certificate, key = authority.issue("store")
        files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
        demand = ["--tls-auth-clients", "yes" if demands_certificate else "no"]
        trust = ["--tls-ca-cert-file", str(authority.certificate)]
        super().__init__(redis_binary(), options=[*files, *trust, *demand, *options])
        self._options += ["--port", "0", "--tls-port", str(self.port)]

    @property
    def url(self) -> str:
        """The address."""
        return f"rediss://{LOOPBACK}:{self.port}/0"

    @property
    def trusting_url(self) -> str:
        """The address with our files in it, for clients of the tests' own."""
        certificate, key = self._client_files
        files = f"ssl_certfile={certificate}&ssl_keyfile={key}"
        return f"{self.url}?ssl_ca_certs={self._authority.certificate}&{files}"

    def is_ready(self) -> bool:
        """Whether the server answers PING."""
        return answers_ping(self.trusting_url)
