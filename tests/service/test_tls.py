"""The service with TLS: its own certificate, and what a browser is told."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING

import pytest

from servers.certificates import Authority
from tests.integration.programs import Program
from tests.service.running import TOKEN, Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.visitors import Visitors


def test_with_a_certificate_it_speaks_tls_only(visitors: Visitors, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("service")
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__ssl_certfile": str(certificate),
        "serve__ssl_keyfile": str(key),
    }
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with Service(tmp_path, settings) as service:
        assert service.url.startswith("https://127.0.0.1:")
        login = urllib.request.Request(  # noqa: S310 - our own address
            f"{service.url}/login",
            data=f'{{"token": "{TOKEN}"}}'.encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(login, context=trust, timeout=30) as answer:  # noqa: S310
            assert "Secure" in answer.headers["set-cookie"].split("; ")
        with service.connect() as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not line.recv(1_000).startswith(b"HTTP/")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SSL_CERTFILE": "missing.pem"}, "serve.ssl_certfile"),
        ({"SSL_KEYFILE": "missing.key"}, "ssl_keyfile needs ssl_certfile"),
        ({"TRUSTED_PROXIES": "everybody"}, "serve.trusted_proxies"),
        ({"PORT": "65536"}, "serve.port"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    names = {f"PROFILER_SERVE__{name}": text for name, text in settings.items()}
    with Program(["serve"], names, tmp_path) as program:
        assert program.wait() == 78
        assert said in program.output
        assert "Traceback" not in program.output
