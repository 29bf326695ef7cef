"""Where settings come from, which source wins, and what is refused."""

import os
import tomllib
from pathlib import Path

import pytest

from profiler.config import Settings, load_effective, load_settings, render_effective
from profiler.config.show import mask_url
from profiler.errors import ConfigError

SECURE = "set security_protocol to"
SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "me",
    "sasl_password": "a://hidden",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a profiler.toml of the working tree nor a developer's variables take part."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PROFILER_")]:
        monkeypatch.delenv(name)


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
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:hidden@h:1/0", "redis://:**********@h:1/0"),
        ("rediss://me:hid:den@h/0?x=1", "rediss://me:**********@h/0?x=1"),
        ("redis://:hid%2Fd%40en@h/0", "redis://:**********@h/0"),
        ("redis://h/0?password=hidden&x=1", "redis://h/0?password=**********&x=1"),
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


def test_unknown_keys_are_refused_with_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        'rulez = "a"\nmax_depth = 3\n[kafka]\nboostrap_servers = "x"\n[batches]\na = 1\n'
    )
    monkeypatch.setenv("PROFILER_KAFKA__COMPRESION", "gzip")
    monkeypatch.setenv("PROFILER_BATCH__MAX_RECORDS", "many")
    lines = refusal(path).splitlines()
    assert f"rulez ({path}): no such setting, did you mean rules?" in lines
    assert f"max_depth ({path}): no such setting, did you mean limits.max_depth?" in lines
    assert (
        f"kafka.boostrap_servers ({path}): no such setting,"
        " did you mean kafka.bootstrap_servers?" in lines
    )
    assert f"batches ({path}): no such setting, did you mean batch?" in lines
    assert (
        "PROFILER_KAFKA__COMPRESION: no such setting, did you mean PROFILER_KAFKA__COMPRESSION?"
        in lines
    )
    wrong = [line for line in lines if line.startswith("batch.max_records")]
    assert wrong[0].startswith("batch.max_records (PROFILER_BATCH__MAX_RECORDS): Input should be")
    assert len(lines) == 6


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


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (
            {"batch": {"max_records": 0}},
            ["batch.max_records (command line): Input should be greater than or equal to 1"],
        ),
        (
            {"delivery": "exactly-twice"},
            ["delivery (command line): Input should be 'at-least-once'"],
        ),
        (
            {"kafka": {"session_timeout_ms": 6000}},
            ["kafka: heartbeat_interval_ms must be at most a third of session_timeout_ms"],
        ),
        (
            {"kafka": {"security_protocol": "SASL_SSL", "sasl_username": "me"}},
            [
                "kafka: security_protocol SASL_SSL needs sasl_mechanism",
                "kafka: security_protocol SASL_SSL needs sasl_password",
            ],
        ),
        (
            {"kafka": {"sasl_username": "me", "sasl_password": "hidden", "ssl_keyfile": "k"}},
            [
                f"kafka: ssl_keyfile: no effect without TLS; {SECURE} SSL or SASL_SSL",
                "kafka: ssl_keyfile needs ssl_certfile",
                f"kafka: sasl_username, sasl_password: no effect without SASL; {SECURE} SASL_SSL",
            ],
        ),
        (
            {"redis": {"url": "http://localhost"}},
            ["redis: url must begin with redis://, rediss:// or unix://"],
        ),
        (
            {"redis": {"url": "redis://h", "ssl_cafile": "ca"}},
            ["redis: ssl_cafile: no effect without TLS; let url begin with rediss://"],
        ),
        (
            {"redis": {"url": "redis://a:hidden@h", "username": "b", "password": "hidden"}},
            [
                "redis: username is set, and url names one too",
                "redis: password is set, and url holds one too",
            ],
        ),
    ],
)
def test_wrong_values_are_named(overrides: dict[str, object], lines: list[str]) -> None:
    assert refusal(None, overrides).splitlines() == lines


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "absent.toml" in refusal(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("a = 1\nb c")
    assert "line 2" in refusal(tmp_path / "broken.toml")
