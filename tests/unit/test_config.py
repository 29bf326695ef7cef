"""Where settings come from, which source wins, and what is refused."""

from pathlib import Path

import pytest

from profiler.config import Settings, load_settings
from tests.unit.config_cases import refusal

SECURE = "set security_protocol to"

pytestmark = pytest.mark.usefixtures("elsewhere")


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
    ("overrides", "lines"),
    [
        (
            {"batch": {"max_records": 0}},
            ["batch.max_records (command line): Input should be greater than or equal to 1"],
        ),
        (
            {"delivery": "exactly-twice"},
            ["delivery (command line): Input should be 'exactly-once' or 'at-least-once'"],
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
            [
                (
                    "redis: url must begin with redis://, rediss:// or unix://, or with"
                    " redis+sentinel:// or rediss+sentinel:// for the primary that Sentinel names"
                )
            ],
        ),
        (
            {"redis": {"url": "redis://me@a:6379,,b/0"}},
            ["redis: url has a comma with no host before or behind it"],
        ),
        (
            {"redis": {"url": "redis://:hid/den@a/0"}},
            ["redis: url cannot be read; percent-encode its password, or set redis.password"],
        ),
        (
            {"redis": {"url": "redis://h?ssl=yes&family=0"}},
            [
                "redis: url: no option ssl: let url begin with rediss://; leave it out",
                "redis: url: no such option: family; leave it out, the only one is db",
            ],
        ),
        (
            {
                "redis": {
                    "url": "redis://h",
                    "sentinel_username": "me",
                    "sentinel_tls": False,
                }
            },
            [
                (
                    "redis: sentinel_username, sentinel_tls: no effect without Sentinel;"
                    " let url begin with redis+sentinel://"
                ),
                "redis: sentinel_username needs sentinel_password",
            ],
        ),
        (
            {"redis": {"url": "redis+sentinel://h/s", "ssl_cafile": "ca"}},
            ["redis: ssl_cafile: no effect without TLS; let url begin with rediss://"],
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


@pytest.mark.parametrize(
    ("url", "tls", "of_sentinels"),
    [
        ("redis+sentinel://h/s", None, False),
        ("rediss+sentinel://h/s", None, True),
        ("redis+sentinel://h/s", True, True),
        ("rediss+sentinel://h/s", False, False),
    ],
)
def test_sentinels_may_differ_in_tls(url: str, tls: bool | None, of_sentinels: bool) -> None:  # noqa: FBT001 - the cases
    """A CA is of use as soon as one of both has it."""
    options: dict[str, object] = {"ssl_cafile": "ca"} if "rediss" in url or of_sentinels else {}
    if tls is not None:
        options["sentinel_tls"] = tls
    settings = load_settings(None, {"redis": {"url": url, **options}}).redis
    assert settings.sentinels_have_tls is of_sentinels
    assert settings.address.is_tls is url.startswith("rediss")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "absent.toml" in refusal(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("a = 1\nb c")
    assert "line 2" in refusal(tmp_path / "broken.toml")


def test_a_section_that_is_no_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable for the same section does not hide it."""
    (tmp_path / "flat.toml").write_text("kafka = 3")
    monkeypatch.setenv("PROFILER_KAFKA__CLIENT_ID", "environment")
    assert refusal(tmp_path / "flat.toml").startswith("kafka: Input should be a valid dictionary")
