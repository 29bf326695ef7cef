"""What may be put into a setting, in words: the JSON Schema says it, so no second place does."""

from typing import Any

from profiler.config.catalogue import Setting
from profiler.config.schema import json_schema

_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}

#: By the schema's format where it names one, else by its type.
_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "path": "path",
    "password": "secret",
}


def choices_of(setting: Setting) -> list[Any]:
    """Return the values that an enumeration allows, else nothing."""
    found = _schema_of(setting)
    return [found["const"]] if "const" in found else list(found.get("enum", ()))


def bounds_of(setting: Setting) -> str:
    """Say the bounds of a number, and of a text that must not be empty."""
    found = _schema_of(setting)
    words = [f"{word} {found[name]}" for name, word in _BOUNDS.items() if name in found]
    return ", ".join([*words, "not empty"] if "minLength" in found else words)


def type_of(setting: Setting) -> str:
    """Say the type in one word; none for an enumeration."""
    found = _schema_of(setting)
    return "" if choices_of(setting) else _TYPES[found.get("format", found["type"])]


def _schema_of(setting: Setting) -> dict[str, Any]:
    """The setting's part of the schema; a section's is where its reference points."""
    schema = json_schema()
    if setting.section:
        reference = schema["properties"][setting.section]["$ref"]
        schema = schema["$defs"][reference.removeprefix("#/$defs/")]
    found: dict[str, Any] = schema["properties"][setting.key]
    return found
