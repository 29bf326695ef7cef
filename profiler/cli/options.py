"""Options that several commands share, and the settings that come of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from profiler.config import Effective, load_effective
from profiler.config.catalogue import FLAGS, variable_of
from profiler.config.redis_url import password_in
from profiler.config.settings import Mode, RedisSettings, Settings
from profiler.ops.replay.remembering import RememberingScript
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.rules.model import PRESETS, Rules, load_rules


def complete_preset(incomplete: str) -> list[str]:
    """The presets that a half-typed `--rules` may mean; the shell itself offers files."""
    return [preset for preset in PRESETS if preset.startswith(incomplete)]


ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: profiler.toml, if there.")
]
RulesName = Annotated[
    str | None,
    typer.Option(
        FLAGS["rules"],
        help="Preset (standard, lean, article) or path of a rules file.",
        autocompletion=complete_preset,
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(FLAGS["redis.url"], help="redis:// URL; default: the setting redis.url."),
]
Brokers = Annotated[
    str | None,
    typer.Option(FLAGS["kafka.bootstrap_servers"], help="Kafka brokers, host:port, by commas."),
]
MetricsAt = Annotated[
    str | None,
    typer.Option(
        FLAGS["metrics.listen"],
        help="Serve /metrics, /healthz and /readyz at host:port; :9090 is this machine alone.",
    ),
]
InputKind = Annotated[
    Literal["processed", "flattened"], typer.Option("--input", help="What the values are.")
]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def settings_from(
    config: Path | None,
    *,
    rules: str | None = None,
    redis: str | None = None,
    brokers: str | None = None,
    metrics: str | None = None,
    host: str | None = None,
    port: int | None = None,
    without_kafka: bool = False,
) -> Settings:
    """The settings with a command's flags on top.

    `without_kafka` is for commands that never talk to Kafka, see `load_effective`.

    Raises:
        ConfigError: see `load_settings`.
        typer.BadParameter: the address holds a password, which `ps` would show to everybody.
    """
    return effective_from(
        config,
        rules=rules,
        redis=redis,
        brokers=brokers,
        metrics=metrics,
        host=host,
        port=port,
        without_kafka=without_kafka,
    ).settings


def effective_from(
    config: Path | None,
    *,
    rules: str | None = None,
    redis: str | None = None,
    brokers: str | None = None,
    metrics: str | None = None,
    host: str | None = None,
    port: int | None = None,
    without_kafka: bool = False,
) -> Effective:
    """The same, each with its origin."""
    if redis is not None and password_in(redis):
        raise typer.BadParameter(
            "a password on the command line is seen by everybody (ps, the shell's history);"
            f" give the URL without it, and set {variable_of('redis.password')},"
            f" {variable_of('redis.password')}_FILE or redis.password in profiler.toml,"
            f" or the whole URL as {variable_of('redis.url')} or {variable_of('redis.url')}_FILE",
            param_hint=FLAGS["redis.url"],
        )
    flags = {
        "rules": rules,
        "redis": {"url": redis},
        "kafka": {"bootstrap_servers": brokers},
        "metrics": {"listen": metrics},
        "serve": {"host": host, "port": port},
    }
    return load_effective(config, flags, without_kafka=without_kafka)


def mode_of(input_: str) -> Mode:
    """The mode of a worker that reads such values; see `InputKind`."""
    return "run" if input_ == "processed" else "profile"


def on_own_server(settings: Settings, url: str) -> Settings:
    """The settings with a server of our own, in the place of the Redis that is configured.

    Neither the login nor the certificates that are configured are this server's.
    """
    return settings.model_copy(update={"redis": RedisSettings(url=SecretStr(url))})


def script_from(settings: Settings, rules: Rules | None = None) -> ProfileScript:
    """The script of the settings' rules on the settings' Redis; connects at its first call.

    Raises:
        ConfigError: wrong rules or address.
    """
    client = connect_to(settings.redis)
    rules = rules or load_rules(settings.rules)
    return ProfileScript(
        client,
        rules,
        max_id_bytes=settings.limits.max_id_bytes,
        stored=stored_ids_of(settings),
    )


def remembering_script_from(settings: Settings, *, is_needed: bool) -> RememberingScript:
    """The same for what may bring history into new keys; see `RememberingScript`.

    Raises:
        ConfigError: wrong rules or address.
    """
    return RememberingScript(
        connect_to(settings.redis),
        load_rules(settings.rules),
        max_id_bytes=settings.limits.max_id_bytes,
        stored=stored_ids_of(settings),
        is_needed=is_needed,
    )


def stored_ids_of(settings: Settings) -> StoredIds:
    """Which ids Redis has of visitors, by the settings."""
    privacy = settings.privacy
    keyed_hash = None if privacy.key is None else KeyedHash(privacy.key)
    return StoredIds(keyed_hash, is_hashed=privacy.hash_visitor_id)
