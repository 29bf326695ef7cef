"""Where in a rules file a finding belongs, and how it is told."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from profiler.errors import ConfigError
from profiler.rules.toml_places import Place

__all__ = [
    "Finding",
    "Place",
    "PlacedError",
    "RulesError",
    "in_file",
    "is_within",
    "nearest",
    "said_of",
]


class PlacedError(ValueError):
    """A finding about a whole table.

    Args:
        place: in the table, what it belongs to.
        message: what is wrong.
        known: what could have been written there, where the names are known; the nearest is told.
        needs: the place, in the file, of what would have made it right; where that is wrong itself,
            this is no mistake of its own.
    """

    def __init__(
        self, place: Place, message: str, known: Iterable[str] = (), *, needs: Place = ()
    ) -> None:
        super().__init__(message)
        self.place = place
        self.known = tuple(known)
        self.needs = needs


class Finding(NamedTuple):
    """One mistake in a rules file.

    Attributes:
        file: as it was named.
        line: from 1.
        column: from 1, in characters.
        where: table or rule, and key.
        message: what is wrong.
        nearest: what was probably meant, or nothing.
    """

    file: str
    line: int
    column: int
    where: str
    message: str
    nearest: str = ""

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.file}:{self.line}:{self.column}: {self.where}: {self.message}{hint}"


class RulesError(ConfigError):
    """All mistakes of a rules file, in the order of the file."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings))
        super().__init__("\n".join(map(str, self.findings)))


def nearest(text: object, known: Iterable[str]) -> str:
    """The known name that is most like a text; empty where none is."""
    found = get_close_matches(text, list(known), n=1) if isinstance(text, str) else []
    return found[0] if found else ""


def said_of(place: Place, data: dict[str, Any]) -> str:
    """A place in words: ``rule <name>: <key>``, or keys with dots between them."""
    if not place:
        return "file"
    key, *rest = place
    listed = data.get(str(key))
    words = ".".join(map(str, place))
    if rest and isinstance(rest[0], int) and isinstance(listed, list):
        element = listed[rest[0]]
        name = (isinstance(element, dict) and element.get("name")) or f"number {rest[0] + 1}"
        # A field of the profile is a rule; what other lists have is called as they are.
        kind = "rule" if key == "fields" else str(key).removesuffix("s")
        words = ": ".join([f"{kind} {name}", *map(str, rest[1:])])
    return printable(words)


def printable(text: str) -> str:
    """No control characters: what files and trackers say begins no line and drives no terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_within(place: Place, other: Place) -> bool:
    """Whether a place is another one, or in it."""
    return place[: len(other)] == other


def numbers_in(place: Place) -> tuple[int, ...]:
    """Which elements of lists a place is in, from the outermost."""
    return tuple(part for part in place if isinstance(part, int))


def in_file(place: Place, data: object) -> Place:
    """The part of a place that the file has: one name may stand for a list of one.

    What is wrong with a name itself, pydantic says of ``[key]`` below the name; and where a value
    may be of several types, it names the type in the place.
    """
    found: Place = ()
    for part in place:
        if not isinstance(data, dict | list) or (part == "[key]" and part not in data):
            break
        if isinstance(data, list) and not isinstance(part, int):
            continue
        if isinstance(data, list) and int(part) >= len(data):  # one that is missing
            break
        found = (*found, part)
        data = data.get(part) if isinstance(data, dict) else data[int(part)]
    return found
