"""The settings: flags > environment > ``profiler.toml`` > defaults; wrong ones never start.

The environment names a setting ``PROFILER_<SECTION>__<KEY>``; a secret may also come from a
file, named by ``PROFILER_<SECTION>__<KEY>_FILE``.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from profiler.errors import ConfigError
from profiler.settings import (
    ENV_PREFIX,
    BatchSettings,
    DeadLetterSettings,
    GroupSettings,
    KafkaSettings,
    LimitSettings,
    RedisSettings,
    Settings,
    TopicSettings,
)

__all__ = [
    "BatchSettings",
    "DeadLetterSettings",
    "GroupSettings",
    "KafkaSettings",
    "LimitSettings",
    "RedisSettings",
    "Settings",
    "TopicSettings",
    "load_settings",
    "render_effective",
]

_MASK = "**********"


def load_settings(
    config_path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Merge all sources into settings.

    Args:
        config_path: the file; else the one that PROFILER_CONFIG names; else ``profiler.toml``
            in the working directory, where it exists.
        overrides: nested like the settings; None means that the flag was not given.

    Raises:
        ConfigError: a file cannot be read, or values are wrong; one line per problem.
    """
    path, document = _read_file(config_path)
    layers = {path: document, "environment": _read_environment(), "command line": overrides or {}}
    merged: dict[str, Any] = {}
    for layer in layers.values():
        _merge(merged, layer)
    try:
        return Settings(**merged)
    except ValidationError as error:
        problems = [_explain(problem, layers) for problem in error.errors(include_input=False)]
    raise ConfigError("\n".join(problems))


def render_effective(settings: Settings) -> str:
    """Return the settings as TOML, secrets masked, unset ones as comments."""
    top, sections = [], []
    for name, value in settings:
        if isinstance(value, BaseModel):
            sections += ["", f"[{name}]", *(_toml_line(key, item) for key, item in value)]
        else:
            top.append(_toml_line(name, value))
    return "\n".join([*top, *sections, ""])


def _toml_line(key: str, value: object) -> str:
    if value is None:
        return f"# {key} is not set"
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        value = _mask_url(secret) if key == "url" else _MASK
    return f"{key} = {value if isinstance(value, int | float) else json.dumps(str(value))}"


def _mask_url(url: str) -> str:
    # Greedy up to the last @, because a password need not be well encoded.
    masked = re.sub(r"(://[^:@]*):.*@", rf"\1:{_MASK}@", url)
    return re.sub(r"(?i)(password=)[^&#]*", rf"\1{_MASK}", masked)


def _read_file(config_path: Path | None) -> tuple[str, dict[str, Any]]:
    named = config_path or os.environ.get("PROFILER_CONFIG")
    path = Path(named or "profiler.toml")
    if not named and not path.exists():
        return str(path), {}
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _read_environment() -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    variables = dict(source.env_vars)
    for section, name, is_secret in _keys():
        variable = f"{ENV_PREFIX}{section}__{name}"
        lookalike = f"{ENV_PREFIX}{section}_{name}"
        if section and lookalike in variables:
            raise ConfigError(f"{lookalike.upper()}: did you mean {variable.upper()}?")
        file = variables.pop(f"{variable}_file", None) if is_secret else None
        if file is None:
            continue
        if variable in variables:
            raise ConfigError(f"{variable.upper()} and {variable.upper()}_FILE are both set")
        try:
            variables[variable] = Path(file).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{variable.upper()}_FILE: {error}") from error
    source.env_vars = variables
    try:
        return source()
    except SettingsError as error:
        raise ConfigError(f"environment: {error}") from error


def _keys() -> Iterator[tuple[str, str, bool]]:
    """Yield section (empty at the top), key, and whether it is a secret."""
    for section, outer in Settings.model_fields.items():
        if isinstance(outer.annotation, type) and issubclass(outer.annotation, BaseModel):
            for name, field in outer.annotation.model_fields.items():
                yield section, name, "SecretStr" in str(field.annotation)
        else:
            yield "", section, False


def _merge(target: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping):
            inner = target.get(key)
            target[key] = dict(inner) if isinstance(inner, Mapping) else {}
            _merge(target[key], value)
        elif value is not None:
            target[key] = value


def _explain(problem: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    origin = ""
    for name, layer in layers.items():
        found: Any = layer
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is not None:
            origin = f" ({name})"
    if problem["type"] != "extra_forbidden":
        return f"{key}{origin}: {problem['msg'].removeprefix('Value error, ')}"
    known = [".".join(filter(None, (section, name))) for section, name, _ in _keys()]
    close = difflib.get_close_matches(key, known, n=1) or [
        other for other in known if other.endswith(f".{path[-1]}")
    ]
    hint = f", did you mean {close[0]}?" if close else ""
    return f"{key}{origin}: no such setting{hint}"
