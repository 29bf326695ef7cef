"""What may be put into a setting, in words."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from profiler.config.catalogue import Setting

_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

_TYPES = {"str": "text", "int": "integer", "float": "number", "Path": "path", "SecretStr": "secret"}


def choices_of(setting: Setting) -> list[Any]:
    """Return the values that an enumeration allows, else nothing."""
    return [
        value for kind in _kinds(setting) if get_origin(kind) is Literal for value in get_args(kind)
    ]


def bounds_of(setting: Setting) -> str:
    """Say the bounds of a number, and of a text that must not be empty."""
    words = []
    for limit in setting.field.metadata:
        words += [
            f"{word} {getattr(limit, name)}"
            for name, word in _BOUNDS.items()
            if hasattr(limit, name)
        ]
        if hasattr(limit, "min_length"):
            words.append("not empty")
    return ", ".join(words)


def type_of(setting: Setting) -> str:
    """Say the type in one word."""
    names = [
        _TYPES[kind.__name__]
        for kind in _kinds(setting)
        if isinstance(kind, type) and kind.__name__ in _TYPES
    ]
    return "" if choices_of(setting) else names[0]


def _kinds(setting: Setting) -> Iterator[Any]:
    """Yield the alternatives of the annotation, e.g. of ``int | None``."""
    annotation: Any = setting.field.annotation
    yield from (
        (annotation,)
        if get_origin(annotation) is Literal
        else get_args(annotation) or (annotation,)
    )
