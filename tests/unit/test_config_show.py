"""What `profiler config show` prints, and that it can be read again."""

import tomllib
from pathlib import Path

import pytest

from profiler.config import load_effective, load_settings, render_effective
from profiler.config.show import mask_url
from tests.unit.config_cases import SASL, refusal

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:hidden@h:1/0", "redis://:**********@h:1/0"),
        ("rediss://me:hid:den@h?db=1", "rediss://me:**********@h?db=1"),
        ("redis://:hid%2Fd%40en@h/0", "redis://:**********@h/0"),
        ("redis+sentinel://a:hidden@h/s/0", "redis+sentinel://a:**********@h/s/0"),
        ("unix://me:hidden@/run/redis.sock", "unix://me:**********@/run/redis.sock"),
    ],
)
def test_secrets_are_masked(url: str, shown: str) -> None:
    effective = load_effective(None, {"redis": {"url": url}, "kafka": SASL})
    document = tomllib.loads(render_effective(effective))
    assert document["redis"]["url"] == shown
    assert document["kafka"]["sasl_password"] == "*" * 10
    settings = effective.settings
    for text in (render_effective(effective), repr(settings), settings.model_dump_json()):
        assert "hid" not in text


def test_a_url_that_nothing_can_read_is_masked_too() -> None:
    assert mask_url("redis://:hid/d@en@h/0") == "redis://:**********@h/0"
    message = refusal(None, {"redis": {"url": "redis://:hid/d@en@h/0"}})
    assert (
        message == "redis: url cannot be read; percent-encode its password, or set redis.password"
    )


def test_the_effective_settings_load_again(tmp_path: Path) -> None:
    awkward = 'a "quoted"\\ path\n\x7f 😀'
    effective = load_effective(None, {"rules": awkward, "kafka": {"compression": "gzip"}})
    (tmp_path / "again.toml").write_text(render_effective(effective), "utf-8")
    assert load_settings(tmp_path / "again.toml") == effective.settings


def test_every_origin_is_known(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("word")
    monkeypatch.setenv("PROFILER_REDIS__PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("PROFILER_BATCH__MAX_RECORDS", "8")
    origins = load_effective(config, {"redis": {"url": "redis://h"}}).origins
    assert {path: origin for path, origin in origins.items() if origin != "default"} == {
        "rules": str(config),
        "kafka.client_id": str(config),
        "batch.max_records": "PROFILER_BATCH__MAX_RECORDS",
        "redis.password": "PROFILER_REDIS__PASSWORD_FILE",
        "redis.url": "--redis",
    }


def test_masked_secrets_do_not_load_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "again.toml"
    flags = {"redis": {"url": "redis://:hidden@h"}, "kafka": SASL}
    path.write_text(render_effective(load_effective(None, flags)))
    assert refusal(path).splitlines() == [
        f"kafka.sasl_password ({path}): is masked; put the secret in its place",
        f"redis.url ({path}): is masked; put the secret in its place",
    ]
    monkeypatch.setenv("PROFILER_REDIS__URL", "redis://:hidden@h")
    monkeypatch.setenv("PROFILER_KAFKA__SASL_PASSWORD", SASL["sasl_password"])
    assert load_settings(path) == load_settings(None, flags)
