"""Where in a rules file a finding belongs."""

import re
from itertools import takewhile

#: Keys and numbers, from the top of the file.
Place = tuple[str | int, ...]


def in_file(place: Place, data: object) -> Place:
    """The part of a place that the file has: one name may stand for a list of one."""
    for end, part in enumerate(place):
        if not isinstance(data, dict | list):
            return place[:end]
        data = data.get(part) if isinstance(data, dict) else data[int(part)]
    return place


def line_of(text: str, place: Place) -> int:
    """The line that a place of the parsed file stands on, as near as TOML's headers tell."""
    keys = [part for part in place if isinstance(part, str)] or [""]
    skip = place[1] if len(place) > 1 and isinstance(place[1], int) else 0
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\[?\s*{re.escape(keys[0])}\s*\]")
    tables = [number for number, line in enumerate(lines) if header.match(line)]
    if not tables:  # a key of the file itself, above the first table
        own = enumerate(takewhile(lambda line: not line.lstrip().startswith("["), lines), 1)
        return next((n for n, line in own if re.match(rf"\s*{re.escape(keys[0])}\s*=", line)), 1)
    start = tables[min(skip, len(tables) - 1)]
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line.lstrip().startswith("["):
            break
        if len(keys) > 1 and re.match(rf"\s*{re.escape(keys[1])}\s*=", line):
            return number
    return start + 1
