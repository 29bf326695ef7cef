"""Where settings come from, which source wins, and what is refused."""

import tomllib
from pathlib import Path

import pytest

from profiler.config import Settings, load_settings, render_effective
from profiler.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No profiler.toml of the working tree takes part."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "other.toml"
    path.write_text('rules = "article"\n[kafka]\nclient_id = "file"\n[batch]\nmax_records = 7\n')
    return path


def refusal(path: Path | None = None, overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides)
    return str(caught.value)


def test_the_defaults_are_the_articles_names() -> None:
    settings = load_settings()
    assert settings.topics.processed == "tracking_processed"
    assert settings.groups.flatten == "python_flattener"
    assert settings.kafka.bootstrap_servers == "localhost:9092"
    assert settings.redis.url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.worker_id.endswith("-0")


def test_flags_win_over_environment_over_file_over_defaults(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(config).kafka.client_id == "file"
    monkeypatch.setenv("PROFILER_KAFKA__CLIENT_ID", "environment")
    assert load_settings(config).kafka.client_id == "environment"
    flags = {"kafka": {"client_id": "flag"}, "rules": None}
    settings = load_settings(config, flags)
    assert settings.kafka.client_id == "flag"
    assert settings.rules == "article"
    assert settings.batch.max_records == 7
    assert settings.batch.poll_timeout_ms == 500


def test_the_file_is_the_flags_then_the_environments_then_the_one_here(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "profiler.toml").write_text('rules = "here"')
    assert load_settings().rules == "here"
    monkeypatch.setenv("PROFILER_CONFIG", str(config))
    assert load_settings().rules == "article"
    (tmp_path / "third.toml").write_text('rules = "third"')
    assert load_settings(tmp_path / "third.toml").rules == "third"


def test_built_directly_it_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILER_RULES", "article")
    assert Settings().rules == "standard"


def test_secrets_may_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässword\n")
    (tmp_path / "url").write_text("rediss://:word@redis:6379/1\n")
    monkeypatch.setenv("PROFILER_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("PROFILER_REDIS__URL_FILE", str(tmp_path / "url"))
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
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:hidden@h:1/0", "redis://:**********@h:1/0"),
        ("rediss://me:hid:den@h/0?x=1", "rediss://me:**********@h/0?x=1"),
        ("redis://:hid/d@en@h/0", "redis://:**********@h/0"),
        ("redis://h/0?password=hidden&x=1", "redis://h/0?password=**********&x=1"),
        ("unix://me:hidden@/run/redis.sock", "unix://me:**********@/run/redis.sock"),
    ],
)
def test_secrets_are_masked(url: str, shown: str) -> None:
    sasl = {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_username": "me",
        "sasl_password": "a://hidden",
    }
    settings = load_settings(None, {"redis": {"url": url}, "kafka": sasl})
    document = tomllib.loads(render_effective(settings))
    assert document["redis"]["url"] == shown
    assert document["kafka"]["sasl_password"] == "*" * 10
    for text in (render_effective(settings), repr(settings), settings.model_dump_json()):
        assert "hid" not in text


def test_the_effective_settings_load_again(tmp_path: Path) -> None:
    settings = load_settings(None, {"rules": 'a "quoted"\\ path', "kafka": {"compression": "gzip"}})
    (tmp_path / "again.toml").write_text(render_effective(settings))
    assert load_settings(tmp_path / "again.toml") == settings


def test_unknown_keys_are_refused_with_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        'rulez = "a"\nmax_depth = 3\n[kafka]\nboostrap_servers = "x"\n[batches]\na = 1\n'
    )
    monkeypatch.setenv("PROFILER_KAFKA__COMPRESION", "gzip")
    lines = refusal(path).splitlines()
    assert f"rulez ({path}): no such setting, did you mean rules?" in lines
    assert f"max_depth ({path}): no such setting, did you mean limits.max_depth?" in lines
    assert (
        f"kafka.boostrap_servers ({path}): no such setting,"
        " did you mean kafka.bootstrap_servers?" in lines
    )
    assert (
        "kafka.compresion (environment): no such setting, did you mean kafka.compression?" in lines
    )
    assert len(lines) == 5


def test_a_single_underscore_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROFILER_KAFKA_CLIENT_ID", "x")
    assert "did you mean PROFILER_KAFKA__CLIENT_ID?" in refusal()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"batch": {"max_records": 0}}, "batch.max_records (command line): "),
        ({"delivery": "exactly-twice"}, "delivery (command line): Input should be 'at-least-once'"),
        ({"kafka": {"session_timeout_ms": 6000}}, "kafka"),
        ({"kafka": {"security_protocol": "SASL_SSL"}}, "kafka"),
        ({"redis": {"url": "http://localhost"}}, "redis"),
    ],
)
def test_wrong_values_are_named(overrides: dict[str, object], line: str) -> None:
    message = refusal(None, overrides)
    assert message.startswith(line)
    assert "\n" not in message


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "absent.toml" in refusal(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("a = 1\nb c")
    assert "line 2" in refusal(tmp_path / "broken.toml")
