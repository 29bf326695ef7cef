"""Where `--metrics` listens."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from profiler.config.addresses import Address
from profiler.config.listening import listening_of
from profiler.config.settings import MetricsSettings


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", None),
        (":9090", Address("127.0.0.1", 9090)),
        ("10.0.0.1:9090", Address("10.0.0.1", 9090)),
        ("[::]:1", Address("::", 1)),
        ("[::1]:65535", Address("::1", 65535)),
        ("worker-1:80", Address("worker-1", 80)),
        ("unix:/run/one", Path("/run/one")),
    ],
)
def test_places(text: str, place: Address | Path | None) -> None:
    assert listening_of(text) == place
    assert MetricsSettings(listen=text).address == place


@pytest.mark.parametrize(
    "text", ["9090", ":0", ":65536", "a:b", "::1:9090", "http://a:1", "a b:1", "[x]:1", ":9090 "]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValidationError, match="write host:port, or :port for"):
        MetricsSettings(listen=text)
