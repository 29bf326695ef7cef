"""Settings from the environment, and what is refused there."""

from pathlib import Path

import pytest

from profiler.config import Settings, load_settings
from tests.unit.config_cases import SASL, refusal

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_secrets_may_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"kafka__sasl_password": "pässword", "redis__url": "rediss://:word@redis:6379/1"}
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{text}\n")
        monkeypatch.setenv(f"PROFILER_{name.upper()}_FILE", str(tmp_path / name))
    for name, text in {**SASL, "sasl_password": ""}.items():
        monkeypatch.setenv(f"PROFILER_KAFKA__{name.upper()}", text)
    settings = load_settings()
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "pässword"
    assert settings.redis.url.get_secret_value() == "rediss://:word@redis:6379/1"


def test_a_secret_has_one_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROFILER_REDIS__URL_FILE", str(tmp_path / "absent"))
    assert "PROFILER_REDIS__URL_FILE" in refusal()
    monkeypatch.setenv("PROFILER_REDIS__URL", "redis://localhost")
    assert "both set" in refusal()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_CLIENT_ID", "KAFKA__CLIENT_ID"),
        ("KAFKA__BOOTSTRAP_SERVER", "KAFKA__BOOTSTRAP_SERVERS"),
        ("BOOTSTRAP_SERVERS", "KAFKA__BOOTSTRAP_SERVERS"),
        ("REDIS_URL", "REDIS__URL"),
        ("REDIS_PASSWORD", "REDIS__PASSWORD"),
        ("REDDIS__URL", "REDIS__URL"),
        ("KAFFKA__CLIENT_ID", "KAFKA__CLIENT_ID"),
        ("MAX_DEPTH", "LIMITS__MAX_DEPTH"),
        ("KAFKA__MAX_DEPTH", "LIMITS__MAX_DEPTH"),
        ("RULE", "RULES"),
        ("WORKERID", "WORKER_ID"),
        ("RULES__NAME", "RULES"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PROFILER_{name}", "x")
    assert refusal() == f"PROFILER_{name}: no such setting, did you mean PROFILER_{meant}?"


def test_a_section_in_one_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILER_KAFKA", '{"client_id": "x"}')
    assert "kafka is a section: PROFILER_KAFKA__<KEY>" in refusal()


def test_what_kubernetes_sets_for_services_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {
        "PROFILER_PORT": "tcp://10.0.0.1:80",
        "PROFILER_PORT_80_TCP": "tcp://10.0.0.1:80",
        "PROFILER_PORT_80_TCP_ADDR": "10.0.0.1",
        "PROFILER_REDIS_PORT_6379_TCP_PROTO": "tcp",
        "PROFILER_REDIS_SERVICE_HOST": "10.0.0.1",
        "PROFILER_REDIS_SERVICE_PORT_REDIS": "6379",
    }
    for name, text in links.items():
        monkeypatch.setenv(name, text)
    assert load_settings() == Settings()
    monkeypatch.setenv("PROFILER_REDIS_PORT", "6379")
    assert "PROFILER_REDIS_PORT: no such setting" in refusal()


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RULES", "BATCH__MAX_RECORDS", "REDIS__URL", "REDIS__PASSWORD_FILE", "TYPO"):
        monkeypatch.setenv(f"PROFILER_{name}", "")
    assert load_settings() == Settings()
