"""The areas: which files are changed, and which tests hold them."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

#: The areas of this tree. `areas-0.1.toml` beside it has those of commit 573c412, from before the
#: modules were moved, so that the two can be compared.
AREAS = Path(__file__).with_name("areas.toml")


class Area(NamedTuple):
    """What belongs together in the table of results.

    Attributes:
        name: e.g. ``decoding-json``; options choose areas by the beginning of their names.
        share: how many mutants it gets, in proportion to other areas.
        sources: patterns of paths in the tree, each of which must find a file.
        tests: arguments of pytest, quick tests first.
        only: of their tests those that pytest's ``-k`` chooses by this, or all.
    """

    name: str
    share: int
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    only: str = ""

    def files(self, tree: Path) -> list[str]:
        """The paths of the area's files below `tree`, in order.

        Raises:
            FileNotFoundError: a pattern finds nothing, so the table is out of date.
        """
        found: list[str] = []
        for pattern in self.sources:
            paths = sorted(path.relative_to(tree).as_posix() for path in tree.glob(pattern))
            if not paths:
                raise FileNotFoundError(f"area {self.name}: {pattern} finds nothing in {tree}")
            found += [path for path in paths if path not in found]
        return found


def load_areas(table: Path) -> list[Area]:
    """Read a table of areas, TOML with one ``[[area]]`` each."""
    areas: list[dict[str, Any]] = tomllib.loads(table.read_text("utf-8"))["area"]
    return [
        Area(
            name=area["name"],
            share=area.get("share", 1),
            sources=tuple(area["sources"]),
            tests=tuple(area["tests"]),
            only=area.get("only", ""),
        )
        for area in areas
    ]


def chosen(areas: list[Area], beginnings: list[str]) -> list[Area]:
    """The areas whose names begin so, or all where nothing is given.

    Raises:
        ValueError: a beginning is that of no area.
    """
    for beginning in beginnings:
        if not any(area.name.startswith(beginning) for area in areas):
            names = ", ".join(area.name for area in areas)
            raise ValueError(f"no area begins with {beginning!r}; there are {names}")
    return [area for area in areas if not beginnings or area.name.startswith(tuple(beginnings))]


def counts(areas: list[Area], count: int) -> dict[str, int]:
    """How many mutants each area gets of `count`, by its share and rounded up."""
    whole = sum(area.share for area in areas)
    return {area.name: -(-count * area.share // whole) for area in areas}
