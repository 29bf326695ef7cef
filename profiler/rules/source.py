"""One rules file as it was read: its text, what that says, and where each part stands."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from profiler.errors import ConfigError
from profiler.rules.places import Finding, RulesError
from profiler.rules.toml_places import Place, line_and_column, spots_of

#: Keys of a file that say how it is laid upon another; the rules themselves do not have them.
EXTENDS, DROP = "extends", "drop"

_PRESETS = files("profiler") / "_lua" / "presets"

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Source:
    """One file.

    Attributes:
        path: as it was named.
        text: what it holds.
        data: what that says.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text.replace("\r\n", "\n")
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RulesError([self._broken(str(error))]) from error
        self._spots = spots_of(self.text)

    def _broken(self, message: str) -> Finding:
        found = _TOML_PLACE.search(message)
        line, column = line_and_column(self.text, len(self.text))
        if found and found[1]:
            line, column = int(found[1]), int(found[2])
        return Finding(self.path, line, column, "file", _TOML_PLACE.sub("", message))

    def at(self, place: Place, *, key: bool = False) -> tuple[int, int]:
        """Line and column of a place, or of the nearest table around it.

        Args:
            place: in the file.
            key: whether its key is meant, and not its value.
        """
        for end in range(len(place), 0, -1):
            if (spot := self._spots.get(place[:end])) is not None:
                # The table around stands for what is not there.
                is_key = key or end < len(place)
                return line_and_column(self.text, spot.key if is_key else spot.value)
        return 1, 1


class Origin(NamedTuple):
    """A place in one of the files."""

    source: Source
    place: Place


def presets() -> list[str]:
    """The names of the presets."""
    return sorted(file.name.removesuffix(".toml") for file in _PRESETS.iterdir())


def read_source(preset_or_path: str) -> Source:
    """Read a preset by its name, or a file.

    Raises:
        ConfigError: it cannot be read.
        RulesError: it is no TOML.
    """
    if preset_or_path in presets():
        file = f"{preset_or_path}.toml"
        return Source(file, _PRESETS.joinpath(file).read_text("utf-8"))
    try:
        return Source(preset_or_path, Path(preset_or_path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        there = ", ".join(presets())
        raise ConfigError(f"rules {preset_or_path}: {error}; or a preset: {there}") from error
