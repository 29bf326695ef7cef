"""Where everything stands in a TOML text that parses: `tomllib` tells values, and no places."""

import re
import tomllib
from typing import NamedTuple

#: Keys and numbers, from the top of the file.
Place = tuple[str | int, ...]

_BLANKS = re.compile(r"[ \t]*")
_NOTHING = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)


class Spot(NamedTuple):
    """Where a value begins, and its key; in characters from the beginning of the text."""

    key: int
    value: int


def spots_of(text: str) -> dict[Place, Spot]:
    """The spot of every table, key and element of a text that `tomllib` has parsed."""
    return _Scanner(text).scanned()


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


class _Scanner:
    """One walk through a text; what would be wrong TOML is not looked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._spots: dict[Place, Spot] = {}
        #: The latest element of each array of tables.
        self._latest: dict[Place, int] = {}

    def scanned(self) -> dict[Place, Spot]:
        table: Place = ()
        while self._skip(_NOTHING) < len(self._text):
            start = self._at
            if self._text.startswith("[[", start):
                table = self._array_of_tables(start)
            elif self._text[start] == "[":
                self._at += 1
                table = self._resolved(self._keys())
                self._at += 1
                self._spots.setdefault(table, Spot(start, start))
            else:
                self._pair(table)
        return self._spots

    def _array_of_tables(self, start: int) -> Place:
        self._at += 2
        *parents, key = self._keys()
        self._at += 2
        name = (*self._resolved(parents), key)
        self._latest[name] = self._latest.get(name, -1) + 1
        table = (*name, self._latest[name])
        self._spots.setdefault(name, Spot(start, start))
        self._spots[table] = Spot(start, start)
        return table

    def _resolved(self, keys: list[str]) -> Place:
        place: Place = ()
        for key in keys:
            place = (*place, key)
            if place in self._latest:
                place = (*place, self._latest[place])
        return place

    def _pair(self, table: Place) -> None:
        start = self._at
        keys = self._keys()
        self._at += 1
        self._skip(_BLANKS)
        for end in range(1, len(keys)):
            self._spots.setdefault((*table, *keys[:end]), Spot(start, start))
        place = (*table, *keys)
        self._spots[place] = Spot(start, self._at)
        self._value(place)

    def _value(self, place: Place) -> None:
        first = self._text[self._at]
        if first == "[":
            self._many(place, "]")
        elif first == "{":
            self._many(place, "}")
        else:
            self._skip(_STRING if first in "\"'" else _BARE_VALUE)

    def _many(self, place: Place, end: str) -> None:
        """What stands in brackets, or in braces."""
        self._at += 1
        count = 0
        while self._text[self._skip(_NOTHING)] != end:
            if self._text[self._at] == ",":
                self._at += 1
            elif end == "}":
                self._pair(place)
            else:
                element = (*place, count)
                self._spots[element] = Spot(self._at, self._at)
                self._value(element)
                count += 1
        self._at += 1

    def _keys(self) -> list[str]:
        keys = []
        while True:
            start = self._skip(_BLANKS)
            if self._text[start] in "\"'":
                self._skip(_STRING)
                keys.append(str(tomllib.loads(f"key = {self._text[start : self._at]}")["key"]))
            else:
                keys.append(self._text[start : self._skip(_BARE_KEY)])
            if self._text[self._skip(_BLANKS)] != ".":
                return keys
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go behind what matches here, if anything does; returns where that is."""
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return self._at
