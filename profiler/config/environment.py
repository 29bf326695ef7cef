"""Settings from the environment, and the refusal of variables that only look like some."""

import difflib
import re
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_settings import EnvSettingsSource

from profiler.config.catalogue import CONFIG_VARIABLE, catalogue, sections, variable_of
from profiler.config.settings import ENV_PREFIX, Settings
from profiler.errors import ConfigError

#: What Kubernetes puts into every container for a service called e.g. `profiler-redis`.
_SERVICE_HOST = re.compile(r"([A-Z0-9_]+_)?SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?")
_SERVICE_PORT = re.compile(r"([A-Z0-9_]+_)?PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")

#: Variables of the project's own tests, which are no settings.
_TESTS = f"{ENV_PREFIX}test_".upper()


class Environment(NamedTuple):
    """What the environment says.

    Attributes:
        values: nested like the settings.
        variables: for each setting (by path) the variable that gave it.
        unknown: a line for each variable that is no setting.
    """

    values: dict[str, Any]
    variables: dict[str, str]
    unknown: list[str]


def read_environment() -> Environment:
    """Read all variables ``PROFILER_…``; an empty one is not set.

    Raises:
        ConfigError: a secret's file cannot be read, or a secret is given twice; a line for each.
    """
    source = EnvSettingsSource(Settings, env_ignore_empty=True)
    given = {name.upper(): text for name, text in source.env_vars.items() if text is not None}
    texts: dict[str, str] = {}
    variables: dict[str, str] = {}
    problems = []
    for setting in catalogue():
        variable = setting.variable
        file = f"{variable}_FILE" if setting.is_secret else ""
        if variable in given and file in given:
            problems.append(f"{variable} and {file} are both set")
        elif variable in given:
            texts[variable], variables[setting.path] = given[variable], variable
        elif file in given:
            try:
                texts[variable] = _read_secret(given[file])
            except ConfigError as error:
                problems.append(f"{file}: {error}")
            variables[setting.path] = file
    if problems:
        raise ConfigError("\n".join(problems))
    source.env_vars = {name.lower(): text for name, text in texts.items()}
    return Environment(source(), variables, _unknown(given))


def _read_secret(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(error)) from error
    if not text:
        raise ConfigError(f"{path} is empty")
    return text


def _unknown(given: dict[str, str]) -> list[str]:
    known = {setting.variable: setting.key.upper() for setting in catalogue()}
    files = {f"{setting.variable}_FILE" for setting in catalogue() if setting.is_secret}
    prefix = ENV_PREFIX.upper()
    lines = []
    for name, text in given.items():
        stem = name.removeprefix(prefix)
        if stem == name or name in known or name in files or name == CONFIG_VARIABLE:
            continue
        if name.startswith(_TESTS) or _is_service_link(stem, text):
            continue
        lines.append(f"{name}: no such setting{_suggestion(stem, known)}")
    return lines


def _is_service_link(stem: str, text: str) -> bool:
    if _SERVICE_HOST.fullmatch(stem):
        return True
    link = _SERVICE_PORT.fullmatch(stem)
    # PROFILER_REDIS_PORT=6379 is somebody's mistake; Kubernetes writes tcp://10.0.0.1:6379.
    return bool(link and (link[2] or "://" in text))


def _suggestion(stem: str, known: dict[str, str]) -> str:
    prefix = ENV_PREFIX.upper()
    if stem.lower() in sections():
        return f", {stem.lower()} is a section: {prefix}{stem}__<KEY>"
    unsplit = [name for name in known if name.replace("__", "_") == f"{prefix}{stem}"]
    same_key = [name for name, key in known.items() if key == stem.rpartition("__")[2]]
    found = unsplit or difflib.get_close_matches(f"{prefix}{stem}", known, n=1, cutoff=0.8)
    found = found or same_key or difflib.get_close_matches(variable_of(stem), known, n=1)
    return f", did you mean {found[0]}?" if found else ""
