"""Options that several commands share, and the settings that come of them."""

from pathlib import Path
from typing import Annotated

import typer

from profiler.config import load_settings
from profiler.rules import Rules, load_rules
from profiler.script import ProfileScript
from profiler.settings import Settings
from profiler.store import connect

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: profiler.toml, if there.")
]
RulesName = Annotated[
    str | None, typer.Option("--rules", help="Preset (standard, article) or path of a rules file.")
]
RedisUrl = Annotated[
    str | None, typer.Option("--redis", help="redis:// URL; default: the setting redis.url.")
]
Brokers = Annotated[
    str | None, typer.Option("--bootstrap-servers", help="Kafka brokers, host:port, by commas.")
]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def settings_from(
    config: Path | None,
    *,
    rules: str | None = None,
    redis: str | None = None,
    brokers: str | None = None,
) -> Settings:
    """The settings with a command's flags on top.

    Raises:
        ConfigError: see `load_settings`.
    """
    flags = {"rules": rules, "redis": {"url": redis}, "kafka": {"bootstrap_servers": brokers}}
    return load_settings(config, flags)


def script_from(settings: Settings, rules: Rules | None = None) -> ProfileScript:
    """The script of the settings' rules on the settings' Redis; connects at its first call.

    Raises:
        ConfigError: wrong rules or address.
    """
    client = connect(
        settings.redis.url.get_secret_value(), timeout_s=settings.redis.socket_timeout_s
    )
    rules = rules or load_rules(settings.rules)
    return ProfileScript(client, rules, max_id_bytes=settings.limits.max_id_bytes)
