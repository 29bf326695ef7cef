"""Rules files upon rules files: what `extends` and `drop` make of them, and what is from where.

A table is laid upon the table of the same name, key by key. A list of tables at the top, such as
`fields`, is laid by the tables' names. Everything else replaces what was there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from profiler.errors import ConfigError
from profiler.rules.places import Finding, RulesError, nearest, said_of
from profiler.rules.source import DROP, EXTENDS, Origin, Source, presets, read_source
from profiler.rules.toml_places import Place

#: More files upon each other are a mistake.
_MOST_FILES = 8


class _Leaf(NamedTuple):
    """What no other file is laid upon key by key."""

    value: Any
    origin: Origin


class _Table:
    """A table, whose keys may come from several files."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.keys: dict[str, _Node] = {}


class _Listed:
    """A list of tables at the top of the file, by name."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.elements: list[_Leaf] = []


_Node = _Leaf | _Table | _Listed


class Layered:
    """The effective file.

    Attributes:
        data: as `tomllib` would have it.
        sources: its files, the one that was asked for first.
        findings: what is wrong with `extends` and `drop`.
        dropped: names that `drop` took away, with the place that says so.
    """

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources
        self.findings: list[Finding] = []
        self.dropped: dict[str, Origin] = {}
        self._origins: dict[Place, Origin] = {}
        self._top = _Table(Origin(sources[0], ()))
        for source in reversed(sources):
            self._lay(source)
        self.data: dict[str, Any] = self._plain(self._top, ())

    def origin(self, place: Place) -> Origin:
        """The file that a place of the effective file is from, and where it is there."""
        for end in range(len(place), 0, -1):
            if (found := self._origins.get(place[:end])) is not None:
                return Origin(found.source, (*found.place, *place[end:]))
        return Origin(self.sources[0], place)

    def finding(
        self, place: Place, message: str, *, near: str = "", key: bool = False, value: object = None
    ) -> Finding:
        """A finding about a place of the effective file.

        Args:
            place: there.
            message: what is wrong.
            near: what was probably meant.
            key: whether its key is wrong, and not its value.
            value: what stands there; where that was dropped, the file that drops it is at fault.
        """
        where = said_of(place, self.data)
        origin = self.origin(place)
        if isinstance(value, str) and value in self.dropped and origin.source != self.sources[0]:
            where, origin, key = f"{DROP}: {where}", self.dropped[value], False
            message, near = f"{message}, and {value} is dropped here", ""
        elif origin.source != self.sources[0]:
            message += f" ({self.sources[0].path} extends this file)"
        line, column = origin.source.at(origin.place, key=key)
        return Finding(origin.source.path, line, column, where, message, near)

    def _lay(self, source: Source) -> None:
        upper = dict(source.data)
        upper.pop(EXTENDS, None)
        if source != self.sources[-1]:
            # Other rules have another name, else their version would tell nothing.
            self._top.keys.pop("name", None)
        self._drop(source, upper.pop(DROP, []))
        self._lay_table(self._top, upper, Origin(source, ()))

    def _lay_table(self, under: _Table, upper: dict[str, Any], origin: Origin) -> None:
        under.origin = origin
        for key, value in upper.items():
            here = Origin(origin.source, (*origin.place, key))
            found = under.keys.get(key)
            if isinstance(value, dict):
                if not isinstance(found, _Table):
                    found = under.keys[key] = _Table(here)
                self._lay_table(found, value, here)
            elif not origin.place and _is_listed(value):
                if not isinstance(found, _Listed):
                    found = under.keys[key] = _Listed(here)
                _lay_list(found, value, here)
            else:
                under.keys[key] = _Leaf(value, here)

    def _drop(self, source: Source, names: object) -> None:
        if names and source == self.sources[-1]:
            self._refuse(source, (DROP,), f"{DROP} needs {EXTENDS}: nothing is inherited here")
            return
        if not isinstance(names, list):
            self._refuse(source, (DROP,), "expected a list of names")
            return
        for number, name in enumerate(names):
            place = (DROP, number)
            if isinstance(name, str) and self._is_dropped(name):
                self.dropped[name.rpartition(".")[2]] = Origin(source, place)
                continue
            message = f"nothing that is inherited is called {name}"
            self._refuse(source, place, message, nearest(name, self._droppable()))

    def _is_dropped(self, name: str) -> bool:
        """Take away a rule by its name, or a key by the way to it: ``identity.received``."""
        for listed in self._top.keys.values():
            if isinstance(listed, _Listed):
                for element in listed.elements:
                    if element.value.get("name") == name:
                        listed.elements.remove(element)
                        return True
        table: _Node | None = self._top
        *way, key = name.split(".")
        for part in way:
            table = table.keys.get(part) if isinstance(table, _Table) else None
        return isinstance(table, _Table) and table.keys.pop(key, None) is not None

    def _droppable(self) -> Iterator[str]:
        for key, node in self._top.keys.items():
            yield key
            if isinstance(node, _Listed):
                yield from (str(element.value.get("name")) for element in node.elements)
            elif isinstance(node, _Table):
                yield from (f"{key}.{name}" for name in node.keys)

    def _refuse(self, source: Source, place: Place, message: str, near: str = "") -> None:
        line, column = source.at(place)
        self.findings.append(Finding(source.path, line, column, str(place[0]), message, near))

    def _plain(self, node: _Node, place: Place) -> Any:  # noqa: ANN401 - what TOML has
        self._origins[place] = node.origin
        if isinstance(node, _Leaf):
            return node.value
        if isinstance(node, _Table):
            return {key: self._plain(inner, (*place, key)) for key, inner in node.keys.items()}
        return [self._plain(each, (*place, n)) for n, each in enumerate(node.elements)]


def _is_listed(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _lay_list(under: _Listed, upper: list[dict[str, Any]], origin: Origin) -> None:
    under.origin = origin
    names = [element.value.get("name") for element in under.elements]
    for number, table in enumerate(upper):
        leaf = _Leaf(table, Origin(origin.source, (*origin.place, number)))
        name = table.get("name")
        # Twice in one file is a mistake, which the check of names finds.
        if name is not None and name in names:
            under.elements[names.index(name)] = leaf
            names[names.index(name)] = None
        else:
            under.elements.append(leaf)


def layered_file(preset_or_path: str) -> Layered:
    """Read a preset (by name) or a file, and all that it extends.

    Raises:
        ConfigError: one cannot be read.
        RulesError: one is no TOML, or `extends` is wrong.
    """
    return _layered(read_source(preset_or_path), preset_or_path)


def layered_text(text: str, path: str) -> Layered:
    """The same for a text; `path` names it in errors, and what it extends is looked for beside."""
    return _layered(Source(path, text), path)


def _layered(first: Source, path: str) -> Layered:
    sources, paths = [first], [path]
    while EXTENDS in sources[-1].data:
        last = sources[-1]
        name = last.data[EXTENDS]
        if not isinstance(name, str) or not name:
            raise _wrong_extends(last, f"expected a preset ({', '.join(presets())}) or a file")
        path = name if name in presets() else str(Path(last.path).parent / name)
        if path in paths:
            raise _wrong_extends(last, f"{path} would extend itself")
        if len(paths) == _MOST_FILES:
            raise _wrong_extends(last, f"more than {_MOST_FILES} files extend each other")
        try:
            sources.append(read_source(path))
        except RulesError:
            raise
        except ConfigError as error:
            raise _wrong_extends(last, str(error), nearest(name, presets())) from error
        paths.append(path)
    return Layered(sources)


def _wrong_extends(source: Source, message: str, near: str = "") -> RulesError:
    line, column = source.at((EXTENDS,))
    return RulesError([Finding(source.path, line, column, EXTENDS, message, near)])
