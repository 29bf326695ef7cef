"""The JSON Schema of a rules file, from the models; and what may stand at a place of one."""

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from profiler.config.schema import FileSchema
from profiler.rules.operations import operations
from profiler.rules.source import DROP, EXTENDS, presets
from profiler.rules.toml_places import Place


@cache
def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model, as a file writes it."""
    return model.model_json_schema(by_alias=True, schema_generator=FileSchema)


def file_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a whole file for editors, with words for each key, as JSON Schema 2020-12.

    Args:
        model: of an effective file.
    """
    schema = deepcopy(model_schema(model))
    required = schema.pop("required")
    schema["properties"] = {
        EXTENDS: {"type": "string", "minLength": 1, "examples": presets()},
        DROP: {"type": "array", "items": {"type": "string", "minLength": 1}},
        **schema["properties"],
    }
    # What a file extends has the rest.
    schema |= {
        "required": ["name"],
        "dependentRequired": {DROP: [EXTENDS]},
        "anyOf": [{"required": [EXTENDS]}, {"required": required}],
    }
    for name, table in {model.__name__: schema, **schema["$defs"]}.items():
        for key, meaning in _words().get(name, {}).items():
            table["properties"].get(key, {})["description"] = meaning
    schema["$defs"]["Rule"]["properties"]["operation"] |= {
        "anyOf": [
            {"const": each.name, "description": each.summary}
            for each in operations().values()
            if each.name.isidentifier()
        ]
    }
    described = {"title": "rules.toml", "description": "Rules of the visitor profiler."}
    return {"$schema": FileSchema.schema_dialect, **schema, **described}


@cache
def _words() -> dict[str, dict[str, str]]:
    """What each key says, by table."""
    text = files("profiler").joinpath("rules", "data", "words.toml").read_text("utf-8")
    words: dict[str, dict[str, str]] = tomllib.loads(text)
    return words


def keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a table knows."""
    return [key for node in _nodes_at(model, place) for key in node.get("properties", ())]


def choices_at(model: type[BaseModel], place: Place) -> list[str]:
    """The texts that may stand there, where they are enumerated."""
    nodes = list(_nodes_at(model, place))
    found = [text for node in nodes for text in node.get("enum", [node.get("const")])]
    return [text for text in found if isinstance(text, str)]


def _nodes_at(model: type[BaseModel], place: Place) -> Iterator[dict[str, Any]]:
    schema = model_schema(model)
    nodes = [schema]
    for part in place:
        nodes = [
            inner
            for node in nodes
            for whole in _alternatives(schema, node)
            for inner in _inner(whole, part)
        ]
    return (whole for node in nodes for whole in _alternatives(schema, node))


def _alternatives(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node without references, and each node that it may be."""
    if "$ref" in node:
        yield from _alternatives(schema, schema["$defs"][node["$ref"].removeprefix("#/$defs/")])
    elif several := node.get("anyOf") or node.get("oneOf") or node.get("allOf"):
        for each in several:
            yield from _alternatives(schema, each)
    else:
        yield node


def _inner(node: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        found = node.get("items") or next(iter(node.get("prefixItems", ())), None)
    else:
        found = node.get("properties", {}).get(part)
        found = found or node.get("additionalProperties")
        found = found or next(iter(node.get("patternProperties", {}).values()), None)
        if part == "[key]":
            found = node.get("propertyNames")
    if isinstance(found, dict):
        yield found
