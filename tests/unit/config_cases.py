"""What the tests of the settings share."""

from pathlib import Path

import pytest

from profiler.config import load_settings
from profiler.errors import ConfigError

SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "me",
    "sasl_password": "a://hidden",
}


def refusal(path: Path | None = None, overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides)
    return str(caught.value)
