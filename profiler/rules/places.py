"""Where in a rules file a finding belongs."""

import re
from itertools import takewhile
from typing import Any

from pydantic_core import ErrorDetails

#: Keys and numbers, from the top of the file.
Place = tuple[str | int, ...]


class PlacedError(ValueError):
    """A finding about a whole table, with the place in it that it belongs to."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def finding(text: str, path: str, data: dict[str, Any], error: ErrorDetails) -> str:
    """What is wrong, as ``file:line: rule or table: field: message``."""
    cause = error.get("ctx", {}).get("error")
    own = cause.place if isinstance(cause, PlacedError) else ()
    place = (*in_file(error["loc"], data), *own)
    message = error["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in place)
    if len(place) > 1 and place[0] == "fields" and isinstance(place[1], int):
        rule = data["fields"][place[1]]
        name = (isinstance(rule, dict) and rule.get("name")) or f"number {place[1] + 1}"
        where = ": ".join([f"rule {name}", *(str(part) for part in place[2:])])
    # A name of the file must neither begin a line of its own nor control a terminal.
    where = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in where)
    return f"{path}:{line_of(text, place)}: {where or 'file'}: {message}"


def in_file(place: Place, data: object) -> Place:
    """The part of a place that the file has: one name may stand for a list of one.

    What is wrong with a name itself, pydantic says of ``[key]`` below the name.
    """
    for end, part in enumerate(place):
        if not isinstance(data, dict | list) or (part == "[key]" and part not in data):
            return place[:end]
        if isinstance(data, list) and int(part) >= len(data):  # one that is missing
            return place[:end]
        data = data.get(part) if isinstance(data, dict) else data[int(part)]
    return place


def line_of(text: str, place: Place) -> int:
    """The line that a place of the parsed file stands on, as near as TOML's headers tell."""
    keys = [part for part in place if isinstance(part, str)] or [""]
    lines = text.splitlines()
    depth, tables = len(keys) + 1, list[int]()
    while not tables and depth > 1:  # of [a.b] and [a] the longest that is there
        depth -= 1
        dotted = r"\s*\.\s*".join(map(re.escape, keys[:depth]))
        header = re.compile(rf"\s*\[\[?\s*{dotted}\s*\]")
        tables = [number for number, line in enumerate(lines) if header.match(line)]
    if not tables:  # a key of the file itself, above the first table
        own = enumerate(takewhile(lambda line: not line.lstrip().startswith("["), lines), 1)
        return next((n for n, line in own if re.match(rf"\s*{re.escape(keys[0])}\s*=", line)), 1)
    counted = place[depth : depth + 1]
    skip = counted[0] if counted and isinstance(counted[0], int) else 0
    start = tables[min(skip, len(tables) - 1)]
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line.lstrip().startswith("["):
            break
        if len(keys) > depth and re.match(rf"\s*{re.escape(keys[depth])}\s*=", line):
            return number
    return start + 1
