"""Flags > environment > file > defaults, merged, checked, and each value's origin kept."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from profiler.config.catalogue import CONFIG_VARIABLE, FLAGS, catalogue, sections
from profiler.config.contradictions import contradictions
from profiler.config.environment import read_environment
from profiler.config.settings import Settings
from profiler.errors import ConfigError

MASK = "**********"

DEFAULT = "default"


class Effective(NamedTuple):
    """The settings in effect.

    Attributes:
        settings: their values.
        origins: for each setting (by path) the flag, variable or file that gave it, or "default".
    """

    settings: Settings
    origins: dict[str, str]


def load_settings(
    config_path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    without_kafka: bool = False,
) -> Settings:
    """Return the settings of `load_effective` alone."""
    return load_effective(config_path, overrides, without_kafka=without_kafka).settings


def load_effective(
    config_path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    without_kafka: bool = False,
) -> Effective:
    """Merge all sources into settings.

    Args:
        config_path: the file; else the one that PROFILER_CONFIG names; else ``profiler.toml``
            in the working directory, where it exists.
        overrides: nested like the settings; None means that the flag was not given.
        without_kafka: for a program that never talks to Kafka, see `contradictions`.

    Raises:
        ConfigError: a file cannot be read, or values are wrong or contradict each other; one line
            per problem.
    """
    path, document = _read_file(config_path)
    environment = read_environment()
    merged: dict[str, Any] = {
        key: dict(value) if isinstance(value, dict) else value for key, value in document.items()
    }
    origins = {}
    for setting in catalogue():
        flag = setting.taken_from(overrides or {})
        if flag is not None:
            setting.put_into(merged, flag)
            origin = FLAGS.get(setting.path, "command line")
        elif setting.path in environment.variables:
            setting.put_into(merged, setting.taken_from(environment.values))
            origin = environment.variables[setting.path]
        else:
            origin = DEFAULT if setting.taken_from(document) is None else path
        origins[setting.path] = origin
    problems = environment.unknown
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            problems += _explain(problem, origins, path)
    else:
        problems += _masked(settings, origins)
        problems += contradictions(settings, origins, without_kafka=without_kafka)
        if not problems:
            return Effective(settings, origins)
    raise ConfigError("\n".join(problems))


def _read_file(config_path: Path | None) -> tuple[str, dict[str, Any]]:
    named = config_path or os.environ.get(CONFIG_VARIABLE)
    path = Path(named or "profiler.toml")
    if not named and not path.exists():
        return str(path), {}
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _explain(problem: Mapping[str, Any], origins: Mapping[str, str], path: str) -> list[str]:
    """Turn one of pydantic's problems into lines that name setting, origin and remedy."""
    keys = [str(part) for part in problem["loc"]]
    key = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        # The environment's were found before, so this one is the file's.
        known = [*origins, *sections()]
        close = difflib.get_close_matches(key, known, n=1) or [
            other for other in known if other.endswith(f".{keys[-1]}")
        ]
        hint = f", did you mean {close[0]}?" if close else ""
        return [f"{key} ({path}): no such setting{hint}"]
    origin = origins.get(key)
    where = f" ({origin})" if origin else ""
    messages = problem["msg"].removeprefix("Value error, ").splitlines()
    return [f"{key}{where}: {message}" for message in messages]


def _masked(settings: Settings, origins: Mapping[str, str]) -> list[str]:
    """Name the secrets that are what `profiler config show` printed instead of them."""
    found = []
    for setting in catalogue():
        value = setting.value_in(settings)
        if isinstance(value, SecretStr) and MASK in value.get_secret_value():
            origin = origins[setting.path]
            found.append(f"{setting.path} ({origin}): is masked; put the secret in its place")
    return found
