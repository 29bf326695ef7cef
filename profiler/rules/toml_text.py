"""Data as the text of a rules file: what `tomllib` reads back as it was."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from profiler.rules.toml_places import Place

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

#: A longer list has a line for each element.
_WIDTH = 100


def toml_text(data: dict[str, Any], remark: Callable[[Place], str]) -> str:
    """A whole file.

    Args:
        data: texts, numbers, truth values, lists and tables.
        remark: takes the place of a key or of a table's head; what is said behind it.
    """
    lines = [
        f"{_line(key, value)}{_behind(remark((key,)))}"
        for key, value in data.items()
        if not _is_table(value) and not _is_tables(value)
    ]
    for key, value in data.items():
        if _is_table(value):
            lines += _table((key,), value, remark)
        elif _is_tables(value):
            for number, each in enumerate(value):
                head = f"[[{_key(key)}]]{_behind(remark((key, number)))}"
                lines += ["", head, *(_line(name, inner) for name, inner in each.items())]
    return "\n".join([*lines, ""])


def _table(place: Place, table: dict[str, Any], remark: Callable[[Place], str]) -> Iterator[str]:
    own = {key: value for key, value in table.items() if not _is_table(value)}
    if own or not table:
        yield ""
        yield f"[{'.'.join(_key(str(part)) for part in place)}]"
    for key, value in own.items():
        yield f"{_line(key, value)}{_behind(remark((*place, key)))}"
    for key, value in table.items():
        if _is_table(value):
            yield from _table((*place, key), value, remark)


def _line(key: str, value: object) -> str:
    line = f"{_key(key)} = {_value(value)}"
    if not isinstance(value, list) or len(line) <= _WIDTH:
        return line
    return "\n".join([f"{_key(key)} = [", *(f"  {_value(each)}," for each in value), "]"])


def _behind(remark: str) -> str:
    return f"  # {remark}" if remark else ""


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_table, value))


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return _text(str(value))


def _text(text: str) -> str:
    # TOML's strings are JSON's, but for surrogate pairs and a raw DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
