"""The settings as TOML: those in effect, and a file to start from."""

import json
import re

from pydantic import SecretStr

from profiler.config.catalogue import Setting, catalogue, sections
from profiler.config.describe import bounds_of, choices_of
from profiler.config.load import MASK, Effective

_STARTER = """\
# Settings of the visitor profiler. Each line shows a default or, where nothing is set, an example;
# take the "# " away to change it. Secrets are better kept in the environment or in files, see
# docs/configuration.md. What is in effect, and where it comes from: profiler config show
"""


def render_effective(effective: Effective) -> str:
    """Return the settings as TOML, each with its origin; secrets masked, unset ones as comments."""
    lines: list[str] = []
    section = ""
    for setting in catalogue():
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]"]
        value = setting.value_in(effective.settings)
        if value is None:
            lines.append(f"# {setting.key} is not set")
            continue
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            value = mask_url(secret) if setting.key == "url" else MASK
        origin = effective.origins[setting.path]
        lines.append(f"{setting.key} = {toml_value(value)}  # {origin}")
    return "\n".join([*lines, ""])


def render_starter() -> str:
    """Return a ``profiler.toml`` in which everything is explained, and nothing is set."""
    lines = [_STARTER]
    section = ""
    for setting in catalogue():
        if setting.section != section:
            section = setting.section
            lines += [f"# {sections()[section].__doc__}", f"[{section}]", ""]
        lines += [f"# {line}" for line in _comment(setting)]
        lines += [f"# {setting.key} = {toml_value(_shown(setting))}", ""]
    return "\n".join(lines)


def toml_value(value: object) -> str:
    """Return a number, truth value or text as TOML has it."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    # TOML's strings are JSON's, but for surrogate pairs and a raw DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def mask_url(url: str) -> str:
    """Return a URL with a mask in the place of its password."""
    # Greedy up to the last @, because a password need not be well encoded.
    masked = re.sub(r"(://[^:@]*):.*@", rf"\1:{MASK}@", url)
    return re.sub(r"(?i)(password=)[^&#]*", rf"\1{MASK}", masked)


def _shown(setting: Setting) -> object:
    if setting.default is not None:
        return setting.default
    return (setting.field.examples or [""])[0]


def _comment(setting: Setting) -> list[str]:
    lines = [str(setting.field.description)]
    if choices := choices_of(setting):
        lines.append(f"one of {', '.join(toml_value(choice) for choice in choices)}")
    if bounds := bounds_of(setting):
        lines.append(bounds)
    if setting.default is None and setting.field.default_factory is None:
        lines.append("not set by default")
    return lines
